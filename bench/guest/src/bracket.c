// Runs a case between two markers: bracket NAME OUTPUT ERRORS COMMAND [ARGUMENT...]
// prints `@@ begin NAME`, runs the command with its output in the two files, and prints `@@ end NAME STATUS MICROSECONDS`, the
// processor time of the command and its children as the kernel below has counted it.
#include "kernel.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void redirect(const char *path, int descriptor)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || dup2(file, descriptor) < 0) {
        perror(path);
        _exit(126);
    }
    close(file);
}

static long long microseconds(const struct timeval *t)
{
    return t->tv_sec * 1000000LL + t->tv_usec;
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    printf("@@ begin %s\n", argv[1]);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 1;
    }
    if (child == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        if (nothing < 0 || dup2(nothing, 0) < 0) _exit(126);
        redirect(argv[2], 1);
        redirect(argv[3], 2);
        execvp(argv[4], argv + 4);
        perror(argv[4]);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child) return 1;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("@@ end %s %d %lld\n", argv[1], code, microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime));
    return code;
}
