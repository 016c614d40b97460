// Run in a guest: share-locks FILE STEP... Opens the file, does one step after the other, and prints "ok" or "busy" for each that locks:
//   f, F, u   flock for writing without and with waiting, and its end; each in a process of its own that has the open file from this one
//   l, L, n   the same with fcntl on bytes 10 to 19, in this process
//   +PATH     makes a file
//   -PATH     waits until there is one
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_a_child(int file, int operation) {
	pid_t child = fork();
	if (child == 0) _exit(flock(file, operation) == 0 ? 0 : errno);
	int status;
	return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : ECHILD;
}

static int range(int file, int command, short type) {
	struct flock bytes = {.l_type = type, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
	return fcntl(file, command, &bytes) == 0 ? 0 : errno;
}

static int step(int file, const char *word) {
	switch (word[0]) {
	case 'f': return in_a_child(file, LOCK_EX | LOCK_NB);
	case 'F': return in_a_child(file, LOCK_EX);
	case 'u': return in_a_child(file, LOCK_UN);
	case 'l': return range(file, F_SETLK, F_WRLCK);
	case 'L': return range(file, F_SETLKW, F_WRLCK);
	case 'n': return range(file, F_SETLK, F_UNLCK);
	case '+': return close(open(word + 1, O_WRONLY | O_CREAT, 0644));
	case '-':
		while (access(word + 1, F_OK) != 0) usleep(20000);
		return 0;
	default: return EINVAL;
	}
}

int main(int count, char **words) {
	int file = open(words[1], O_RDWR | O_CREAT, 0644);
	if (file < 0) return perror(words[1]), 1;
	for (int i = 2; i < count; i++) {
		int error = step(file, words[i]);
		if (words[i][0] == '+' || words[i][0] == '-') continue;
		puts(error == 0 ? "ok" : error == EAGAIN ? "busy" : "failed");
		fflush(stdout);
	}
	return 0;
}
