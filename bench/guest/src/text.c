// Writes text that packs about as well as prose: words of a made-up language, the common ones short and frequent.
#include "kernel.h"

enum { WORDS = 4096, LONGEST = 12 };

static char words[WORDS][LONGEST + 1];

static void make_words(uint64_t *seed)
{
    static const char consonants[] = "bcdfghklmnprstvz", vowels[] = "aeiou";
    for (int i = 0; i < WORDS; i++) {
        int length = 2 + i * (LONGEST - 4) / WORDS + (int)(next_random(seed) >> 62);
        if (length > LONGEST) length = LONGEST;
        for (int k = 0; k < length; k++) {
            uint64_t r = next_random(seed) >> 32;
            words[i][k] = k % 2 ? vowels[r % 5] : consonants[r % 16];
        }
    }
}

int main(int argc, char **argv)
{
    long length = work_size(argc, argv, 1), written = 0;
    int column = 0;
    uint64_t seed = 6;
    make_words(&seed);
    while (written < length) {
        // The product of two uniform numbers favours small ones: the words at the front are the common ones.
        uint64_t r = next_random(&seed), rank = ((r >> 32) * (r & UINT32_MAX)) >> 52;
        const char *word = words[rank];
        column += (int)strlen(word) + 1;
        char end = column > 72 ? '\n' : ' ';
        if (end == '\n') column = 0;
        written += fprintf(stdout, "%s%c", word, end);
    }
    return fflush(stdout) != 0;
}
