// Context switches: two processes hand one byte back and forth through two pipes.
#include "kernel.h"
#include <sys/wait.h>
#include <unistd.h>

static void pass(int from, int to, long rounds, int first)
{
    uint8_t token = 0;
    for (long i = 0; i < rounds; i++) {
        if ((!first || i > 0) && read(from, &token, 1) != 1) exit(1);
        token++;
        if (write(to, &token, 1) != 1) exit(1);
    }
    if (first && read(from, &token, 1) != 1) exit(1);
    if (first) printf("token %d\n", token);
}

int main(int argc, char **argv)
{
    long rounds = work_size(argc, argv, 1);
    int there[2], back[2], status = 0;
    if (pipe(there) || pipe(back)) {
        perror("pipe");
        return 1;
    }
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 1;
    }
    if (child == 0) {
        pass(there[0], back[1], rounds, 0);
        _exit(0);
    }
    pass(back[0], there[1], rounds, 1);
    if (waitpid(child, &status, 0) != child) return 1;
    return status != 0;
}
