// Complex fast Fourier transform, radix 2, in place: forward and back, many times.
#include "kernel.h"
#include <math.h>

enum { LOG = 12, N = 1 << LOG };

typedef struct { double re, im; } complex_t;

static complex_t data[N], twiddle[N / 2];

static void permute(void)
{
    for (unsigned i = 0, j = 0; i < N; i++) {
        if (i < j) {
            complex_t t = data[i];
            data[i] = data[j];
            data[j] = t;
        }
        unsigned bit = N >> 1;
        while (j & bit) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
}

static void transform(double sign)
{
    permute();
    for (int half = 1; half < N; half <<= 1) {
        int step = N / (2 * half);
        for (int start = 0; start < N; start += 2 * half)
            for (int k = 0; k < half; k++) {
                complex_t w = twiddle[k * step], *p = &data[start + k], *q = p + half;
                w.im *= sign;
                complex_t t = { q->re * w.re - q->im * w.im, q->re * w.im + q->im * w.re };
                q->re = p->re - t.re;
                q->im = p->im - t.im;
                p->re += t.re;
                p->im += t.im;
            }
    }
}

int main(int argc, char **argv)
{
    long rounds = work_size(argc, argv, 1);
    uint64_t seed = 2;
    for (int i = 0; i < N / 2; i++) {
        double angle = -2 * M_PI * i / N;
        twiddle[i] = (complex_t){ cos(angle), sin(angle) };
    }
    for (int i = 0; i < N; i++) data[i] = (complex_t){ next_real(&seed), next_real(&seed) };
    double energy = 0;
    for (long round = 0; round < rounds; round++) {
        transform(1);
        energy = 0;
        for (int i = 0; i < N; i++) {
            energy += data[i].re * data[i].re + data[i].im * data[i].im;
            data[i].re /= N;
            data[i].im /= N;
        }
        transform(-1);
    }
    print_real("energy", energy / N);
    print_real("first", data[0].re);
    print_real("last", data[N - 1].im);
    return 0;
}
