// Processes: fork that ends at once, and fork followed by exec of this program, each waited for.
#include "kernel.h"
#include <sys/wait.h>
#include <unistd.h>

static int run_child(char **argv, int exec)
{
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        if (exec) execl(argv[0], argv[0], "child", (char *)NULL);
        _exit(exec ? 127 : 3);
    }
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) exit(1);
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "child") == 0) return 5;
    long rounds = work_size(argc, argv, 1), sum = 0;
    for (long i = 0; i < rounds; i++) sum += run_child(argv, 0) + run_child(argv, 1);
    printf("sum %ld\n", sum);
    return 0;
}
