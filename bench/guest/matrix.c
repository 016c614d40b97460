// Product of integer matrices: multiplication, two-dimensional addressing.
enum { SIZE = 96, ROUNDS = 14 };

static long a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

unsigned long run(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = i * 7 + j, b[i][j] = i ^ (j * 3);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                long sum = 0;
                for (int k = 0; k < SIZE; k++) sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
        a[round][0] += c[round][SIZE - 1];
    }
    unsigned long total = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) total = total * 31 + c[i][j];
    return total;
}
