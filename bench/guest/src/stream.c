// Memory streaming: copy, scale, add and triad over arrays that no cache holds, then the library's memcpy and memset.
#include "kernel.h"

enum { WORDS = 2 << 20 };

int main(int argc, char **argv)
{
    long rounds = work_size(argc, argv, 1);
    size_t bytes = WORDS * sizeof(uint64_t);
    uint64_t *a = allocate(bytes), *b = allocate(bytes), *c = allocate(bytes), sum = 0;
    for (size_t i = 0; i < WORDS; i++) {
        a[i] = i;
        b[i] = i ^ 0x5555;
        c[i] = 0;
    }
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < WORDS; i++) c[i] = a[i];
        for (size_t i = 0; i < WORDS; i++) b[i] = 3 * c[i];
        for (size_t i = 0; i < WORDS; i++) c[i] = a[i] + b[i];
        for (size_t i = 0; i < WORDS; i++) a[i] = b[i] + 3 * c[i];
        memcpy(b, c, bytes);
        memset(c, (int)round, bytes / 2);
        for (size_t i = 0; i < WORDS; i += 8) sum += a[i] + b[i] + c[i];
    }
    printf("sum %016llx\n", (unsigned long long)sum);
    return 0;
}
