// Run in a guest: share-maps FILE. Maps the file to write to it, reads the same by read(2), and locks it against a child. Prints what went well.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LENGTH = 20000 };

static int lock(int file, short type) {
	struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
	return fcntl(file, F_SETLK, &range) == 0 ? 0 : errno;
}

int main(int count, char **words) {
	int file = open(words[count - 1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (file < 0 || ftruncate(file, LENGTH) != 0) return perror("create"), 1;
	char *map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (map == MAP_FAILED) return perror("mmap"), 1;
	memset(map, 'm', LENGTH);
	char seen[LENGTH];
	if (pread(file, seen, LENGTH, 0) != LENGTH || memcmp(seen, map, LENGTH) != 0) return puts("read and map differ"), 1;
	if (pwrite(file, "written", 7, 8000) != 7 || memcmp(map + 8000, "writtenm", 8) != 0) return puts("map and write differ"), 1;
	if (munmap(map, LENGTH) != 0) return perror("munmap"), 1;
	puts("mapped");
	if (lock(file, F_WRLCK) != 0) return perror("lock"), 1;
	pid_t child = fork();
	if (child == 0) _exit(lock(file, F_RDLCK));
	int status;
	if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != EAGAIN) return printf("the child got %d\n", WEXITSTATUS(status)), 1;
	if (lock(file, F_UNLCK) != 0) return perror("unlock"), 1;
	puts("locked");
	return 0;
}
