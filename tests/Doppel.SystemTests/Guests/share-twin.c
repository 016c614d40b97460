// Run in a guest: share-twin SHARE OTHER SEED COUNT. Makes the same random system calls in a shared folder and in a folder of the guest's own, and
// says where results, errors, or what is there afterwards differ. Both folders must be empty, and alone in theirs. What Linux's client can not do
// is left out: see docs/sharing.md.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SIDES = 2, SLOTS = 8, LARGEST = 40000, PAGE = 4096, OTHER_USER = 1000 };

static const char *const s_folders[] = {".", "d", "d/e", "f", "a", "link"};
static const char *const s_names[] = {"a", "b", "c", "d", "e", "f", "link", "\xc3\xbc\n x", ".", ".."};
static const char *const s_targets[] = {"a", "d", "d/e/b", "../a", "link", "nowhere", "/nowhere/else"};

static const char *s_roots[SIDES];
static int s_slots[SLOTS][SIDES], s_modes[SLOTS], s_users[SLOTS];
static uint64_t s_random;
static long s_step, s_differences, s_succeeded;
static char s_done[600];
static unsigned char s_data[SIDES][LARGEST], s_pattern[LARGEST];

static unsigned next(unsigned below) {
	s_random = s_random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(s_random >> 33) % below;
}

static void differ(const char *format, ...) {
	va_list words;
	va_start(words, format);
	printf("step %ld, %s: ", s_step, s_done);
	vprintf(format, words);
	printf("\n");
	va_end(words);
	s_differences++;
}

#define PICK(list) list[next(sizeof(list) / sizeof(list[0]))]

static void path_of(char *path, int side, const char *folder, const char *name) { sprintf(path, "%s/%s/%s", s_roots[side], folder, name); }

// The same call on both sides: both succeed with the same result, or both fail for the same reason.
#define BOTH(result, call)                                                                                  \
	do {                                                                                                    \
		long got[SIDES];                                                                                    \
		int why[SIDES];                                                                                     \
		for (int side = 0; side < SIDES; side++) errno = 0, got[side] = (call), why[side] = got[side] < 0 ? errno : 0; \
		if (got[0] != got[1] || why[0] != why[1])                                                           \
			differ("share %ld (%s), other %ld (%s)", got[0], strerror(why[0]), got[1], strerror(why[1]));   \
		s_succeeded += got[0] >= 0;                                                                         \
		result = got[0] < 0 || got[1] < 0 ? -1 : got[0];                                                    \
	} while (0)

static void compare_status(const struct stat *status) {
	int is_folder = S_ISDIR(status[0].st_mode);
	if (status[0].st_mode != status[1].st_mode) differ("mode %o, other %o", status[0].st_mode, status[1].st_mode);
	// How folders count names and bytes is their file system's affair; links and pipes have no owner here.
	if ((S_ISREG(status[0].st_mode) || is_folder) && (status[0].st_uid != status[1].st_uid || status[0].st_gid != status[1].st_gid))
		differ("owner %u:%u, other %u:%u", status[0].st_uid, status[0].st_gid, status[1].st_uid, status[1].st_gid);
	if (is_folder) return;
	if (status[0].st_nlink != status[1].st_nlink) differ("%lu links, other %lu", (long)status[0].st_nlink, (long)status[1].st_nlink);
	if (status[0].st_size != status[1].st_size) differ("size %ld, other %ld", (long)status[0].st_size, (long)status[1].st_size);
}

static void compare_data(long length) {
	for (long i = 0; i < length; i++) {
		if (s_data[0][i] == s_data[1][i]) continue;
		differ("byte %ld of %ld is %02x, other %02x", i, length, s_data[0][i], s_data[1][i]);
		return;
	}
}

static int by_name(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

static long list(const char *path, char *into, size_t room) {
	char *names[64];
	int count = 0;
	DIR *folder = opendir(path);
	if (folder == NULL) return -1;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL && count < 64;) names[count++] = strdup(entry->d_name);
	closedir(folder);
	qsort(names, count, sizeof names[0], by_name);
	into[0] = 0;
	for (int i = 0; i < count; i++) {
		if (strlen(into) + strlen(names[i]) + 2 < room) strcat(strcat(into, names[i]), "|");
		free(names[i]);
	}
	return count;
}

static void do_open(int slot, const char *folder, const char *name) {
	static const int access[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
	int flags = PICK(access), mode = next(4) ? 0666 : (int)next(01000);
	if (next(2)) flags |= O_CREAT;
	if (next(4) == 0) flags |= O_EXCL & -(flags & O_CREAT ? 1 : 0);
	if (next(5) == 0 && (flags & O_ACCMODE) != O_RDONLY) flags |= O_TRUNC;
	if (next(5) == 0) flags |= O_APPEND;
	if (next(9) == 0) flags |= O_NOFOLLOW;
	if (next(9) == 0 && !(flags & O_CREAT)) flags |= O_DIRECTORY;
	sprintf(s_done, "open %s/%s %o mode %o", folder, name, flags, mode);
	char path[SIDES][200];
	for (int side = 0; side < SIDES; side++) path_of(path[side], side, folder, name);
	struct stat status;
	// Opening a pipe waits for its other end; and two names of a file are two files to Linux's client while they are open.
	if (stat(path[1], &status) == 0 && (S_ISFIFO(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink > 1))) return;
	long result;
	int files[SIDES] = {-1, -1};
	BOTH(result, (files[side] = open(path[side], flags, mode)) < 0 ? -1 : 0);
	if (result < 0) {
		for (int side = 0; side < SIDES; side++) if (files[side] >= 0) close(files[side]);
		return;
	}
	for (int side = 0; side < SIDES; side++) {
		if (s_slots[slot][side] >= 0) close(s_slots[slot][side]);
		s_slots[slot][side] = files[side];
	}
	s_modes[slot] = flags;
	s_users[slot] = geteuid();
}

static void do_map(const int *files, int mode) {
	struct stat status[SIDES];
	long result, at;
	if ((mode & O_ACCMODE) != O_RDWR) return;
	for (int slot = 0; slot < SLOTS; slot++) if (s_slots[slot][0] >= 0 && (s_modes[slot] & O_APPEND)) return;
	for (int side = 0; side < SIDES; side++) if (fstat(files[side], &status[side]) != 0 || !S_ISREG(status[side].st_mode)) return;
	long size = status[0].st_size < status[1].st_size ? status[0].st_size : status[1].st_size;
	unsigned char *from = s_pattern + next(LARGEST / 2);
	if (size == 0) return;
	at = next(size);
	int count = 1 + next(size - at > 300 ? 300 : size - at), is_written = next(2);
	sprintf(s_done, "map %ld+%d of %ld, %s", at, count, size, is_written ? "write" : "read");
	unsigned char *maps[SIDES];
	BOTH(result, (maps[side] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, files[side], 0)) == MAP_FAILED ? -1 : 0);
	if (result < 0) return;
	for (int side = 0; side < SIDES; side++) memcpy(s_data[side], maps[side] + at, count);
	compare_data(count);
	for (int side = 0; side < SIDES && is_written; side++) memcpy(maps[side] + at, from, count);
	BOTH(result, is_written ? msync(maps[side], size, MS_SYNC) : 0);
	BOTH(result, munmap(maps[side], size));
}

static void do_file(int slot) {
	int *files = s_slots[slot];
	if (files[0] < 0) return;
	struct stat folder;
	int is_folder = fstat(files[1], &folder) == 0 && S_ISDIR(folder.st_mode);
	long result, at = next(LARGEST / 2), count = next(3) ? next(200) : next(LARGEST / 2);
	unsigned char *from = s_pattern + next(LARGEST / 2);
	struct stat status[SIDES];
	int what = next(16), mode = next(01000), whence = next(2) ? SEEK_CUR : SEEK_SET;
	struct iovec pieces[SIDES][2];
	for (int side = 0; side < SIDES; side++) {
		pieces[side][0] = (struct iovec){s_data[side], count / 3};
		pieces[side][1] = (struct iovec){s_data[side] + count / 3, count - count / 3};
	}
	sprintf(s_done, "file %d (%o) call %d at %ld count %ld", slot, s_modes[slot], what, at, count);
	if (is_folder && (what == 7 || what == 8)) return;
	switch (what) {
	case 0: case 1: BOTH(result, write(files[side], from, count)); break;
	case 2: case 3: BOTH(result, pwrite(files[side], from, count, at)); break;
	case 4: BOTH(result, read(files[side], s_data[side], count)); compare_data(result); break;
	case 5: BOTH(result, pread(files[side], s_data[side], count, at)); compare_data(result); break;
	case 6: BOTH(result, preadv(files[side], pieces[side], 2, at)); compare_data(result); break;
	case 7: BOTH(result, lseek(files[side], at, whence)); break;
	case 8: BOTH(result, lseek(files[side], -10, SEEK_END)); break;
	case 9: BOTH(result, ftruncate(files[side], at)); break;
	case 10: BOTH(result, fstat(files[side], &status[side])); if (result == 0) compare_status(status); break;
	case 11: BOTH(result, fsync(files[side])); break;
	case 12: BOTH(result, fchmod(files[side], mode)); break;
	case 13: BOTH(result, close(files[side])); files[0] = files[1] = -1; break;
	default: do_map(files, s_modes[slot]); break;
	}
}

static int is_open(const char *path) {
	struct stat named, open;
	if (lstat(path, &named) != 0) return 0;
	for (int slot = 0; slot < SLOTS; slot++)
		if (s_slots[slot][1] >= 0 && fstat(s_slots[slot][1], &open) == 0 && open.st_ino == named.st_ino) return 1;
	return 0;
}

static void do_names(const char *folder, const char *name) {
	char path[SIDES][200], other[SIDES][200];
	const char *folder2 = PICK(s_folders), *name2 = PICK(s_names), *target = PICK(s_targets);
	for (int side = 0; side < SIDES; side++) path_of(path[side], side, folder, name), path_of(other[side], side, folder2, name2);
	long result;
	struct stat status[SIDES];
	int what = next(19), mode = next(3) ? 0755 : (int)next(010000) & ~S_ISVTX, user = next(3) * OTHER_USER, size = next(LARGEST / 2);
	int flags = geteuid() == 0 && next(2) ? AT_SYMLINK_NOFOLLOW : 0, is_pipe = stat(path[1], &status[1]) == 0 && S_ISFIFO(status[1].st_mode);
	// Linux's client sets times in whole seconds.
	struct timespec times[2] = {{.tv_sec = next(2000000000)}, {.tv_sec = next(2000000000)}};
	sprintf(s_done, "call %d of %s/%s, %s/%s, %s, mode %o, user %d", what, folder, name, folder2, name2, target, mode, user);
	switch (what) {
	case 0: case 1: BOTH(result, mkdir(path[side], mode)); break;
	case 2: BOTH(result, rmdir(path[side])); break;
	case 3: case 4: BOTH(result, unlink(path[side])); break;
	case 5: case 6: case 7: BOTH(result, rename(path[side], other[side])); break;
	case 8: if (!is_open(path[1])) BOTH(result, link(path[side], other[side])); break;
	case 9: BOTH(result, symlink(target, path[side])); break;
	case 10: BOTH(result, readlink(path[side], (char *)s_data[side], 200)); compare_data(result); break;
	case 11: BOTH(result, truncate(path[side], size)); break;
	case 12: BOTH(result, chmod(path[side], is_pipe ? mode & 0777 : mode)); break;
	// Pipes have no owner here.
	case 13: if (!is_pipe) BOTH(result, chown(path[side], user, user / 2)); break;
	case 14: if (geteuid() == 0) BOTH(result, mkfifo(path[side], mode & 0777)); break;
	case 15:
		if (is_pipe) break;
		BOTH(result, utimensat(AT_FDCWD, path[side], times, flags));
		if (result < 0) break;
		BOTH(result, fstatat(AT_FDCWD, path[side], &status[side], flags));
		if (result == 0 && memcmp(&status[0].st_mtim, &status[1].st_mtim, sizeof status[0].st_mtim) != 0) differ("time %ld.%09ld, other %ld.%09ld", (long)status[0].st_mtim.tv_sec, status[0].st_mtim.tv_nsec, (long)status[1].st_mtim.tv_sec, status[1].st_mtim.tv_nsec);
		break;
	case 16: BOTH(result, access(path[side], mode & 7)); break;
	case 17: BOTH(result, list(path[side], (char *)s_data[side], 1000)); if (result >= 0 && strcmp((char *)s_data[0], (char *)s_data[1])) differ("names %s, other %s", s_data[0], s_data[1]); break;
	default: BOTH(result, lstat(path[side], &status[side])); if (result == 0) compare_status(status); break;
	}
}

int main(int count, char **words) {
	if (count != 5) return 2;
	s_roots[0] = words[1], s_roots[1] = words[2], s_random = strtoull(words[3], NULL, 0);
	umask(022);
	for (int i = 0; i < LARGEST; i++) s_pattern[i] = (unsigned char)(next(256));
	for (int i = 0; i < SLOTS; i++) s_slots[i][0] = s_slots[i][1] = -1;
	for (s_step = 0; s_step < strtol(words[4], NULL, 0) && s_differences < 20; s_step++) {
		int what = next(5), slot = next(SLOTS), user = next(4) == 0 ? OTHER_USER : 0;
		const char *folder = PICK(s_folders), *name = PICK(s_names);
		// Linux finds a file that has no name any more only for the user who opened it.
		if (what > 2) user = s_users[slot];
		if (setegid(user) != 0 || seteuid(user) != 0) return 2;
		if (what == 0) do_open(slot, folder, name);
		else if (what <= 2) do_names(folder, name);
		else do_file(slot);
		if (seteuid(0) != 0 || setegid(0) != 0) return 2;
	}
	printf("%ld steps, %ld calls succeeded, %ld differences\n", s_step, s_succeeded, s_differences);
	return s_differences != 0;
}
