// Four threads: they take pieces of work off a queue under a lock, add results up atomically, and meet at a barrier after each round.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { Threads = 4, Pieces = 256, Words = 8192 };

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t s_meeting;
static int s_next, s_rounds;
static _Atomic uint64_t s_sum;
static uint32_t s_data[Pieces][Words];

static int take(void) {
	pthread_mutex_lock(&s_lock);
	int piece = s_next < Pieces ? s_next++ : -1;
	pthread_mutex_unlock(&s_lock);
	return piece;
}

static uint64_t work(uint32_t *words, uint32_t seed) {
	uint64_t sum = 0;
	for (int i = 0; i < Words; i++) {
		words[i] = words[i] * 1664525u + seed + (words[(i * 7) % Words] >> 3);
		sum += words[i];
	}
	return sum;
}

static void *run(void *unused) {
	(void)unused;
	for (int round = 0; round < s_rounds; round++) {
		int piece;
		while ((piece = take()) >= 0) atomic_fetch_add(&s_sum, work(s_data[piece], (uint32_t)round));
		if (pthread_barrier_wait(&s_meeting) == PTHREAD_BARRIER_SERIAL_THREAD) s_next = 0;
		pthread_barrier_wait(&s_meeting);
	}
	return 0;
}

int main(int count, char **arguments) {
	s_rounds = count > 1 ? atoi(arguments[1]) : 10;
	pthread_barrier_init(&s_meeting, 0, Threads);
	pthread_t threads[Threads];
	for (int i = 1; i < Threads; i++) pthread_create(&threads[i], 0, run, 0);
	run(0);
	for (int i = 1; i < Threads; i++) pthread_join(threads[i], 0);
	printf("%016llx\n", (unsigned long long)s_sum);
	return 0;
}
