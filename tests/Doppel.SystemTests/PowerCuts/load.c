// What a guest does while its power is cut. Several processes write pages of a file each and make them stable, batch by batch; what batch N writes
// follows from N alone, so that a later boot can tell what must be there. `load pages N0 N1 ...` looks at what the life before has left, where process
// I had last reported batch NI, says "verified", and goes on for ever, reporting "p I N" once batch N is stable. `load check N0 N1 ...` only looks.
// With -DWITH_SQLITE, `load wal N`, `load delete N` and `load check-ledger N` do the same with a database (ledger.c).
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 256, PROCESSES = 3, LONGEST = 24 };

struct page {
  uint64_t process, batch, index, filling;
  uint8_t body[PAGE - 5 * 8];
  uint64_t sum;
};

#ifdef WITH_SQLITE
int ledger(const char *mode, long reported);
#endif

static uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

static void die(const char *what, long a, long b) {
  printf("failed: %s %ld %ld\n", what, a, b);
  fflush(stdout);
  _exit(9);
}

static uint64_t sum_of(const struct page *page) {
  uint64_t sum = 0xCBF29CE484222325;
  const uint64_t *words = (const uint64_t *)page;
  for (size_t i = 0; i < PAGE / 8 - 1; i++) sum = mix(sum ^ words[i]);
  return sum;
}

static void make(struct page *page, uint64_t process, uint64_t batch, uint64_t index) {
  page->process = process;
  page->batch = batch;
  page->index = index;
  page->filling = mix(process << 40 ^ batch << 20 ^ index);
  memset(page->body, (int)page->filling, sizeof page->body);
  page->sum = sum_of(page);
}

// Stretches of pages that a batch writes: one long one now and then, else a few single pages.
static int stretches(int process, uint64_t batch, int first[8], int count[8]) {
  uint64_t random = mix((uint64_t)process << 48 ^ batch);
  if (random % 5 == 0) {
    count[0] = 2 + random / 5 % (LONGEST - 1);
    first[0] = mix(random) % (PAGES - count[0]);
    return 1;
  }
  int n = 1 + random / 5 % 8;
  for (int i = 0; i < n; i++) {
    count[i] = 1;
    first[i] = mix(random + i + 1) % PAGES;
  }
  return n;
}

static void verify(int process, long reported) {
  static struct page page, zero;
  uint64_t expected[PAGES] = {0};
  char name[32];
  if (reported == 0) return;
  for (long batch = 1; batch <= reported; batch++) {
    int first[8], count[8], n = stretches(process, batch, first, count);
    for (int i = 0; i < n; i++)
      for (int k = 0; k < count[i]; k++) expected[first[i] + k] = batch;
  }
  snprintf(name, sizeof name, "/mnt/pages-%d", process);
  int file = open(name, O_RDONLY);
  if (file < 0) die("no file of process", process, reported);
  for (int i = 0; i < PAGES; i++) {
    if (read(file, &page, PAGE) != PAGE) die("short file of process", process, i);
    if (memcmp(&page, &zero, PAGE) != 0 && (page.sum != sum_of(&page) || page.process != (uint64_t)process || page.index != (uint64_t)i))
      die("torn page", process, i);
    if (page.batch < expected[i]) die("lost batch", (long)expected[i], (long)page.batch);
  }
  close(file);
}

static void write_all(int file, const void *data, size_t length, off_t offset) {
  if (pwrite(file, data, length, offset) != (ssize_t)length) die("pwrite", (long)offset, (long)length);
}

static int fresh(int process) {
  char name[32];
  static uint8_t zero[PAGE];
  snprintf(name, sizeof name, "/mnt/pages-%d", process);
  // The last process goes around the guest's cache.
  int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0) die("open", process, 0);
  for (int i = 0; i < PAGES; i++) write_all(file, zero, PAGE, (off_t)i * PAGE);
  int folder = open("/mnt", O_RDONLY);
  if (fsync(file) != 0 || fsync(folder) != 0) die("fsync", process, 0);
  close(folder);
  if (process == PROCESSES - 1 && fcntl(file, F_SETFL, O_DIRECT) != 0) die("O_DIRECT", process, 0);
  return file;
}

static void run(int process) {
  struct page *pages = aligned_alloc(PAGE, LONGEST * PAGE);
  int file = fresh(process);
  for (uint64_t batch = 1;; batch++) {
    int first[8], count[8], n = stretches(process, batch, first, count);
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < count[i]; k++) make(&pages[k], process, batch, first[i] + k);
      write_all(file, pages, (size_t)count[i] * PAGE, (off_t)first[i] * PAGE);
    }
    if ((batch % 3 == 0 ? fsync(file) : fdatasync(file)) != 0) die("sync", process, (long)batch);
    char line[48];
    int length = snprintf(line, sizeof line, "p %d %lu\n", process, (unsigned long)batch);
    if (write(1, line, length) != length) _exit(8);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
#ifdef WITH_SQLITE
  if (strcmp(argv[1], "pages") != 0 && strcmp(argv[1], "check") != 0) return ledger(argv[1], atol(argv[2]));
#endif
  for (int i = 0; i < PROCESSES && i + 2 < argc; i++) verify(i, atol(argv[i + 2]));
  printf("verified\n");
  fflush(stdout);
  if (strcmp(argv[1], "check") == 0) return 0;
  for (int i = 0; i < PROCESSES; i++)
    if (fork() == 0) run(i);
  for (int status; wait(&status) > 0;) {
  }
  return 7;
}
