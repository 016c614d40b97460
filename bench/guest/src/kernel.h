// Shared by the kernels: the argument that sizes the work, a generator of numbers, and a digest of results.
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The work to do: argument `index` as a count, or the end of the program.
static inline long work_size(int argc, char **argv, int index)
{
    long size = argc > index ? atol(argv[index]) : 0;
    if (size <= 0) {
        fprintf(stderr, "%s: argument %d must be a positive count\n", argv[0], index);
        exit(2);
    }
    return size;
}

static inline void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory) {
        perror("malloc");
        exit(1);
    }
    return memory;
}

// A 64-bit linear congruential generator with a mixed output: fast, the same everywhere, good enough for inputs.
static inline uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t mixed = *state ^ (*state >> 33);
    return mixed * UINT64_C(0x9E3779B97F4A7C15);
}

// Uniform in [-1, 1).
static inline double next_real(uint64_t *state)
{
    return (double)(int64_t)next_random(state) * 0x1p-63;
}

// Results are printed to nine digits: enough to notice a wrong operation, too few to notice whether a host fuses multiply and add.
static inline void print_real(const char *name, double value)
{
    printf("%s %.9e\n", name, value);
}

#endif
