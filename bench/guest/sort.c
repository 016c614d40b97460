// Quicksort of pseudo-random words: branches that nobody can predict, recursion.
enum { COUNT = 1 << 17, ROUNDS = 3 };

static unsigned words[COUNT];

static void sort(long low, long high)
{
    while (low < high) {
        unsigned pivot = words[(low + high) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (words[i] < pivot) i++;
            while (words[j] > pivot) j--;
            if (i <= j) {
                unsigned swap = words[i];
                words[i++] = words[j];
                words[j--] = swap;
            }
        }
        if (j - low < high - i) {
            sort(low, j);
            low = i;
        } else {
            sort(i, high);
            high = j;
        }
    }
}

unsigned long run(void)
{
    unsigned long total = 0;
    unsigned x = 12345;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNT; i++) words[i] = x = x * 1664525u + 1013904223u;
        sort(0, COUNT - 1);
        for (int i = 0; i < COUNT; i += 1001) total = total * 33 + words[i];
    }
    return total;
}
