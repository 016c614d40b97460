// Primes below a limit: byte stores with a stride, short loops.
enum { LIMIT = 1 << 20, ROUNDS = 12 };

static unsigned char composite[LIMIT];

unsigned long run(void)
{
    unsigned long sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LIMIT; i++) composite[i] = 0;
        for (int i = 2; i < LIMIT; i++) {
            if (composite[i]) continue;
            sum += i;
            for (long j = (long)i * i; j < LIMIT; j += i) composite[j] = 1;
        }
    }
    return sum;
}
