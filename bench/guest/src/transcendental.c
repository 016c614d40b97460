// The functions of libm, and conversions between whole and floating-point numbers.
#include "kernel.h"
#include <math.h>

int main(int argc, char **argv)
{
    long rounds = work_size(argc, argv, 1);
    uint64_t seed = 4;
    double sum[6] = { 0 };
    int64_t whole = 0;
    for (long i = 0; i < rounds; i++) {
        double x = next_real(&seed), y = 1.0 + (double)(i & 1023) / 64;
        sum[0] += sin(3 * x) * cos(y);
        sum[1] += exp(x);
        sum[2] += log(y);
        sum[3] += pow(y, x);
        sum[4] += atan2(x, y);
        sum[5] += (double)sqrtf((float)y) + floor(8 * x) + fabs(tanh(x));
        whole += lrint(1024 * y) + (int64_t)(y * 3);
    }
    static const char *const names[] = { "sincos", "exp", "log", "pow", "atan2", "rounding" };
    for (int i = 0; i < 6; i++) printf("%s %.7e\n", names[i], sum[i]);
    printf("whole %lld\n", (long long)whole);
    return 0;
}
