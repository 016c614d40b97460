// Two threads of one process map, use and unmap memory: each unmapping has to be made known to all processors that run the process.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { Threads = 2, Bytes = 32 << 10, Kept = 512 << 10 };

static int s_rounds;

static void *run(void *seed) {
	uint64_t sum = (uintptr_t)seed, *kept = malloc(Kept);
	for (int i = 0; i < Kept / 8; i++) kept[i] = i;
	for (int round = 0; round < s_rounds; round++) {
		unsigned char *piece = mmap(0, Bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < Bytes; i += 4096) piece[i] = (unsigned char)(round + i);
		for (int i = 0; i < Bytes; i += 4096) sum = sum * 31 + piece[i];
		munmap(piece, Bytes);
		// Memory that stays mapped: what is known of it should stay known.
		for (int i = 0; i < Kept / 8; i += 128) sum += kept[i];
	}
	return (void *)(uintptr_t)sum;
}

int main(int count, char **arguments) {
	s_rounds = count > 1 ? atoi(arguments[1]) : 1000;
	pthread_t threads[Threads];
	uint64_t sum = 0;
	for (int i = 0; i < Threads; i++) pthread_create(&threads[i], 0, run, (void *)(uintptr_t)i);
	for (int i = 0; i < Threads; i++) {
		void *part;
		pthread_join(threads[i], &part);
		sum += (uintptr_t)part;
	}
	printf("%016llx\n", (unsigned long long)sum);
	return 0;
}
