// Dense matrix product in double and single precision, blocked the way a library would do it.
#include "kernel.h"

enum { N = 160, BLOCK = 32 };

static double a[N][N], b[N][N], c[N][N];
static float fa[N][N], fb[N][N], fc[N][N];

static void multiply_double(void)
{
    for (int kk = 0; kk < N; kk += BLOCK)
        for (int i = 0; i < N; i++)
            for (int k = kk; k < kk + BLOCK; k++) {
                double factor = a[i][k];
                for (int j = 0; j < N; j++) c[i][j] += factor * b[k][j];
            }
}

static void multiply_single(void)
{
    for (int kk = 0; kk < N; kk += BLOCK)
        for (int i = 0; i < N; i++)
            for (int k = kk; k < kk + BLOCK; k++) {
                float factor = fa[i][k];
                for (int j = 0; j < N; j++) fc[i][j] += factor * fb[k][j];
            }
}

int main(int argc, char **argv)
{
    long rounds = work_size(argc, argv, 1);
    uint64_t seed = 1;
    // Small whole numbers over a power of two: single precision is exact over one round, so the sum does not hang on its order.
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = next_real(&seed);
            b[i][j] = next_real(&seed);
            fa[i][j] = (float)(int)(a[i][j] * 16) / 16;
            fb[i][j] = (float)(int)(b[i][j] * 16) / 16;
        }
    double trace = 0, single_trace = 0;
    for (long round = 0; round < rounds; round++) {
        memset(c, 0, sizeof c);
        memset(fc, 0, sizeof fc);
        multiply_double();
        multiply_single();
        for (int i = 0; i < N; i++) {
            trace += c[i][N - 1 - i];
            single_trace += fc[i][i];
        }
        a[round % N][round * 7 % N] += 0.5;
    }
    print_real("double", trace);
    print_real("single", single_trace);
    return 0;
}
