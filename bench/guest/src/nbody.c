// Bodies that attract each other, leapfrog integration: square roots and divisions in a chain.
#include "kernel.h"
#include <math.h>

enum { BODIES = 16 };

static double position[BODIES][3], velocity[BODIES][3], mass[BODIES];

static void attract(double step)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double d[3], square = 0.01;
            for (int k = 0; k < 3; k++) {
                d[k] = position[i][k] - position[j][k];
                square += d[k] * d[k];
            }
            double pull = step / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                velocity[i][k] -= d[k] * mass[j] * pull;
                velocity[j][k] += d[k] * mass[i] * pull;
            }
        }
}

static double energy(void)
{
    double sum = 0;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) sum += 0.5 * mass[i] * velocity[i][k] * velocity[i][k];
        for (int j = i + 1; j < BODIES; j++) {
            double square = 0.01;
            for (int k = 0; k < 3; k++) {
                double d = position[i][k] - position[j][k];
                square += d * d;
            }
            sum -= mass[i] * mass[j] / sqrt(square);
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    long steps = work_size(argc, argv, 1);
    const double step = 1e-6;
    uint64_t seed = 3;
    for (int i = 0; i < BODIES; i++) {
        mass[i] = 1.5 + next_real(&seed);
        for (int k = 0; k < 3; k++) {
            position[i][k] = 10 * next_real(&seed);
            velocity[i][k] = next_real(&seed);
        }
    }
    print_real("before", energy());
    for (long s = 0; s < steps; s++) {
        attract(step);
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++) position[i][k] += step * velocity[i][k];
    }
    print_real("after", energy());
    return 0;
}
