// Pointer chasing: one random cycle through 32 MiB, each step on another page, each load waiting for the one before.
#include "kernel.h"

enum { NODES = 512 << 10 };

typedef struct node { struct node *next; uint64_t value, filler[6]; } node_t;

int main(int argc, char **argv)
{
    long steps = work_size(argc, argv, 1);
    node_t *nodes = allocate(NODES * sizeof *nodes);
    uint32_t *order = allocate(NODES * sizeof *order);
    uint64_t seed = 5, sum = 0;
    for (uint32_t i = 0; i < NODES; i++) order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t j = (uint32_t)((next_random(&seed) >> 32) * i >> 32), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value = i;
    }
    const node_t *node = nodes;
    for (long s = 0; s < steps; s++) {
        sum = sum * 31 + node->value;
        node = node->next;
    }
    printf("sum %016llx\n", (unsigned long long)sum);
    return 0;
}
