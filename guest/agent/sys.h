/*
 * What the agent needs of Linux on riscv64: types, numbers and calls. There is no C library: the program is one file without a loader,
 * starts in a few thousand instructions and runs on any kernel. Calls return the result, or the error number negated.
 */
#ifndef SYS_H
#define SYS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;
typedef unsigned long size_t;

enum {
	SYS_ioctl = 29, SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_symlinkat = 36, SYS_ftruncate = 46, SYS_chdir = 49, SYS_fchmod = 52,
	SYS_fchmodat = 53, SYS_fchownat = 54, SYS_fchown = 55, SYS_openat = 56, SYS_close = 57, SYS_pipe2 = 59, SYS_getdents64 = 61,
	SYS_read = 63, SYS_write = 64, SYS_ppoll = 73, SYS_signalfd4 = 74, SYS_readlinkat = 78, SYS_newfstatat = 79, SYS_fstat = 80,
	SYS_sync = 81, SYS_utimensat = 88, SYS_exit_group = 94, SYS_nanosleep = 101, SYS_clock_settime = 112, SYS_clock_gettime = 113,
	SYS_clone = 220, SYS_kill = 129, SYS_rt_sigaction = 134, SYS_rt_sigprocmask = 135, SYS_setgid = 144, SYS_setuid = 146, SYS_setsid = 157,
	SYS_setgroups = 159, SYS_socket = 198, SYS_bind = 200, SYS_connect = 203, SYS_munmap = 215, SYS_execve = 221, SYS_mmap = 222,
	SYS_wait4 = 260, SYS_dup3 = 24, SYS_fcntl = 25,
};

enum {
	ENOENT = 2, EIO = 5, E2BIG = 7, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EEXIST = 17, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
	EPIPE = 32, ENAMETOOLONG = 36, ELOOP = 40, EPROTO = 71, EADDRINUSE = 98,
};

enum {
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_NOCTTY = 0400, O_TRUNC = 01000, O_NONBLOCK = 04000,
	O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, O_CLOEXEC = 02000000,
	AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200,
	S_IFMT = 0170000, S_IFDIR = 0040000, S_IFREG = 0100000, S_IFLNK = 0120000,
	POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16,
	SIGHUP = 1, SIGUSR1 = 10, SIGKILL = 9, SIGUSR2 = 12, SIGPIPE = 13, SIGTERM = 15, SIGCHLD = 17, SIG_DFL = 0, SIG_IGN = 1,
	AF_VSOCK = 40, SOCK_STREAM = 1, SOCK_CLOEXEC = 02000000,
	TIOCSCTTY = 0x540E, TIOCSWINSZ = 0x5414, FIONREAD = 0x541B, TIOCGPTPEER = 0x5441, F_SETFL = 4,
	PATH_MAX = 4096,
};
#define TIOCSPTLCK 0x40045431UL

struct pollfd { int fd; short events, revents; };
struct timespec { i64 sec, nsec; };
struct stat {
	u64 dev, ino; u32 mode, nlink, uid, gid; u64 rdev, pad; i64 size; i32 blksize, pad2; i64 blocks;
	struct timespec atime, mtime, ctime; u32 unused[2];
};
struct dirent { u64 ino; i64 off; u16 length; u8 type; char name[]; };
struct sockaddr_vm { u16 family, reserved; u32 port, cid; u8 zero[4]; };
struct winsize { u16 rows, columns, x, y; };

static inline long call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e, a5 __asm__("a5") = f, a7 __asm__("a7") = n;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
	return a0;
}
#define call0(n) call6(n, 0, 0, 0, 0, 0, 0)
#define call1(n, a) call6(n, (long)(a), 0, 0, 0, 0, 0)
#define call2(n, a, b) call6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define call3(n, a, b, c) call6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define call4(n, a, b, c, d) call6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define call5(n, a, b, c, d, e) call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

static inline long sys_open(const char *path, int flags, u32 mode) { return call4(SYS_openat, AT_FDCWD, path, flags, mode); }
static inline long sys_close(int fd) { return call1(SYS_close, fd); }
static inline long sys_read(int fd, void *to, size_t count) { return call3(SYS_read, fd, to, count); }
static inline long sys_write(int fd, const void *from, size_t count) { return call3(SYS_write, fd, from, count); }
static inline void sys_exit(int status) { for (;;) call1(SYS_exit_group, status); }

long spawn(void (*child)(void *), void *argument, void *stack_top);

/* text.c */
void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
size_t length_of(const char *text);
int same(const char *a, const char *b);
int begins(const char *text, const char *prefix);
const char *find(const char *text, char c);
int parse_number(const char *text, const char **end, u64 *number);
long read_file(const char *path, char *to, size_t room);
void *allocate(size_t bytes);
void release(void *memory, size_t bytes);

#endif
