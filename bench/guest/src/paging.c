// The kernel's memory management: map, touch each page, protect, touch again, unmap; and files read in small pieces.
#include "kernel.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 512 };

static long map_and_touch(long round)
{
    long sum = 0;
    uint8_t *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    for (int i = 0; i < PAGES; i++) area[i * PAGE + round % PAGE] = (uint8_t)(i + round);
    mprotect(area, PAGES * PAGE, PROT_READ);
    for (int i = 0; i < PAGES; i++) sum += area[i * PAGE + round % PAGE];
    munmap(area, PAGES * PAGE);
    return sum;
}

static long read_in_pieces(const char *path)
{
    uint8_t piece[64];
    long sum = 0;
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status)) {
        perror(path);
        exit(1);
    }
    for (int i = 0; i < PAGES; i++) {
        if (pread(file, piece, sizeof piece, i * 8) != (ssize_t)sizeof piece) exit(1);
        sum += piece[i % 64];
    }
    close(file);
    return sum;
}

int main(int argc, char **argv)
{
    long rounds = work_size(argc, argv, 1), sum = 0;
    if (argc < 3) return 2;
    for (long round = 0; round < rounds; round++) sum += map_and_touch(round) + read_in_pieces(argv[2]);
    printf("sum %ld\n", sum);
    return 0;
}
