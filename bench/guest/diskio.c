// Process 1 of the disk benchmark's guest: reads and writes /dev/vda past the guest's cache, and tells on the console how long each phase took.
// A fixed amount of work, so that processor time can be compared too.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, LARGE = 1 << 20, DEPTH = 16 };

static int s_disk;
static uint64_t s_size, s_random = 1;
static char *s_memory;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static uint64_t place(void) {
  s_random = s_random * 6364136223846793005ULL + 1442695040888963407ULL;
  return (s_random >> 20) % (s_size / BLOCK) * BLOCK;
}

static void check(long result, long wanted, const char *what) {
  if (result == wanted) return;
  printf("BENCH failed %s: %ld\n", what, result);
  fflush(stdout);
  reboot(RB_POWER_OFF);
}

static void move(int write, uint64_t offset, size_t length) {
  long done = write ? pwrite(s_disk, s_memory, length, offset) : pread(s_disk, s_memory, length, offset);
  check(done, length, "transfer");
}

static void sequential(int write, int count) {
  for (int i = 0; i < count; i++) move(write, (uint64_t)i * LARGE % s_size, LARGE);
}

static void single(int write, int count) {
  for (int i = 0; i < count; i++) move(write, place(), BLOCK);
}

static void deep(int write, int count) {
  aio_context_t context = 0;
  struct iocb requests[DEPTH], *pointers[DEPTH];
  struct io_event events[DEPTH];
  check(syscall(SYS_io_setup, DEPTH, &context), 0, "io_setup");
  int submitted = 0, done = 0, free_count = DEPTH;
  for (int i = 0; i < DEPTH; i++) pointers[i] = &requests[i];
  while (done < count) {
    int n = 0;
    while (n < free_count && submitted + n < count) {
      struct iocb *request = pointers[n++];
      int slot = request - requests;
      memset(request, 0, sizeof *request);
      request->aio_fildes = s_disk;
      request->aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
      request->aio_buf = (uintptr_t)(s_memory + slot * BLOCK);
      request->aio_nbytes = BLOCK;
      request->aio_offset = place();
    }
    if (n != 0) check(syscall(SYS_io_submit, context, n, pointers), n, "io_submit");
    submitted += n;
    int got = syscall(SYS_io_getevents, context, 1, DEPTH, events, NULL);
    for (int i = 0; i < got; i++) {
      check(events[i].res, BLOCK, "request");
      pointers[i] = (struct iocb *)(uintptr_t)events[i].obj;
    }
    free_count = got;
    done += got;
  }
  syscall(SYS_io_destroy, context);
}

static void stable(int write, int count) {
  (void)write;
  for (int i = 0; i < count; i++) {
    move(1, place(), BLOCK);
    check(fdatasync(s_disk), 0, "fdatasync");
  }
}

int main(void) {
  static const struct {
    const char *name;
    void (*run)(int write, int count);
    int write, count, bytes;
  } phases[] = {
      {"read-1M", sequential, 0, 512, LARGE},     {"write-1M", sequential, 1, 512, LARGE},    {"read-4k-qd1", single, 0, 10000, BLOCK},
      {"read-4k-qd16", deep, 0, 20000, BLOCK},    {"write-4k-qd1", single, 1, 10000, BLOCK},  {"write-4k-qd16", deep, 1, 20000, BLOCK},
      {"write-4k-sync", stable, 1, 3000, BLOCK},
  };
  s_disk = open("/dev/vda", O_RDWR | O_DIRECT);
  check(s_disk >= 0, 1, "open");
  check(ioctl(s_disk, BLKGETSIZE64, &s_size), 0, "size");
  s_memory = aligned_alloc(LARGE, LARGE);
  memset(s_memory, 0x5A, LARGE);
  // A word on the kernel's command line that it does not know becomes a variable.
  const char *only = getenv("only");
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
    if (only != NULL && strcmp(only, phases[i].name) != 0) continue;
    printf("BENCH begin %s\n", phases[i].name);
    fflush(stdout);
    // What the phase before has left to the host is not this one's to wait for.
    check(fdatasync(s_disk), 0, "fdatasync");
    usleep(100000);
    uint64_t start = now();
    phases[i].run(phases[i].write, phases[i].count);
    uint64_t time = now() - start;
    printf("BENCH end %s %d %d %llu\n", phases[i].name, phases[i].count, phases[i].bytes, (unsigned long long)time);
    fflush(stdout);
    // The host reads its counters meanwhile.
    usleep(200000);
  }
  reboot(RB_POWER_OFF);
}
