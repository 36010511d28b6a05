// The C side of scripts/bench-kvm: what the Java side does with a guest, in the plainest C.
//
// Usage: kvm-loops QUANTITY GUEST
//
// GUEST holds, as Java wrote it, little-endian: bytes of memory, of kvm_sregs, of kvm_regs and of the image (64 bits each), then kvm_sregs, kvm_regs and the image, which goes to guest-physical 0. So both
// sides run the same bytes from the same state. Each line on standard input is a number of samples; the answer on standard output is so many times in nanoseconds and the number of pages that the dirty log
// named, as 64-bit words. The program ends at the end of its input.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KICK_SIGNAL 40
#define PAGE 4096
#define MSRS 9

// Long enough that the guest is inside by then.
#define BEFORE_KICK_NANOS 50000

static int vm, vcpu, process, thread;
static struct kvm_run *run;
static uint64_t memory_bytes;
static sigset_t kick_set;
static volatile uint64_t sink;

static struct kvm_regs regs;
static struct kvm_sregs sregs;
static struct kvm_xsave xsave __attribute__((aligned(64)));
static struct kvm_debugregs debugregs;
static struct kvm_vcpu_events events;
static struct {
  struct kvm_msrs head;
  struct kvm_msr_entry entries[MSRS];
} msrs = {{MSRS}, {{0x174}, {0x175}, {0x176}, {0x277}, {0xc0000081}, {0xc0000082}, {0xc0000083}, {0xc0000084}, {0xc0000102}}};

static uint64_t *bitmap, *dirty, words;
static uint64_t pages;

static void die(const char *what) {
  fprintf(stderr, "kvm-loops: %s: %s (exit reason %u)\n", what, strerror(errno), run && run != MAP_FAILED ? run->exit_reason : 0);
  exit(1);
}

static int call(const char *name, int fd, unsigned long request, void *argument) {
  int result = ioctl(fd, request, argument);
  if (result < 0) die(name);
  return result;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void load_guest(const char *path) {
  FILE *file = fopen(path, "rb");
  uint64_t head[4];
  if (!file || fread(head, 8, 4, file) != 4 || head[1] != sizeof sregs || head[2] != sizeof regs) die(path);
  memory_bytes = head[0];
  uint8_t *memory = mmap(NULL, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  // Every page is there, as on the Java side.
  memset(memory, 0, memory_bytes);
  if (fread(&sregs, sizeof sregs, 1, file) != 1 || fread(&regs, sizeof regs, 1, file) != 1 || fread(memory, 1, head[3], file) != head[3]) die(path);
  fclose(file);

  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) die("/dev/kvm");
  vm = call("KVM_CREATE_VM", kvm, KVM_CREATE_VM, 0);
  struct kvm_userspace_memory_region region = {0, KVM_MEM_LOG_DIRTY_PAGES, 0, memory_bytes, (uintptr_t)memory};
  call("KVM_SET_USER_MEMORY_REGION", vm, KVM_SET_USER_MEMORY_REGION, &region);
  vcpu = call("KVM_CREATE_VCPU", vm, KVM_CREATE_VCPU, 0);
  run = mmap(NULL, call("KVM_GET_VCPU_MMAP_SIZE", kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (run == MAP_FAILED) die("mmap of kvm_run");
  static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[256];
  } cpuid = {{256}};
  call("KVM_GET_SUPPORTED_CPUID", kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
  call("KVM_SET_CPUID2", vcpu, KVM_SET_CPUID2, &cpuid);
  call("KVM_SET_SREGS", vcpu, KVM_SET_SREGS, &sregs);
  call("KVM_SET_REGS", vcpu, KVM_SET_REGS, &regs);

  words = (memory_bytes / PAGE + 63) / 64;
  bitmap = calloc(words, 8);
  dirty = calloc(words, 8);
}

static void block_kick(void) {
  process = getpid();
  thread = syscall(SYS_gettid);
  sigset_t old;
  sigemptyset(&kick_set);
  sigaddset(&kick_set, KICK_SIGNAL);
  pthread_sigmask(SIG_BLOCK, &kick_set, &old);
  sigdelset(&old, KICK_SIGNAL);
  struct {
    struct kvm_signal_mask head;
    uint64_t set;
  } __attribute__((packed)) mask = {{8}, 0};
  memcpy(&mask.set, &old, 8);
  call("KVM_SET_SIGNAL_MASK", vcpu, KVM_SET_SIGNAL_MASK, &mask);
}

static void enter(unsigned reason) {
  if (ioctl(vcpu, KVM_RUN, 0) != 0 || run->exit_reason != reason) die("KVM_RUN");
}

static void port_write(void) {
  enter(KVM_EXIT_IO);
  if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 1 || run->io.port != 0x80) die("not the write");
  sink += *((uint8_t *)run + run->io.data_offset);
}

static void port_read(void) {
  enter(KVM_EXIT_IO);
  if (run->io.direction != KVM_EXIT_IO_IN || run->io.size != 1 || run->io.port != 0x80) die("not the read");
  *((uint8_t *)run + run->io.data_offset) = 0x5a;
}

static void mmio_write(void) {
  enter(KVM_EXIT_MMIO);
  if (!run->mmio.is_write || run->mmio.len != 4) die("not the write");
  uint32_t value;
  memcpy(&value, run->mmio.data, 4);
  sink += value;
}

static void mmio_read(void) {
  enter(KVM_EXIT_MMIO);
  if (run->mmio.is_write || run->mmio.len != 4) die("not the read");
  uint32_t value = 0x5a;
  memcpy(run->mmio.data, &value, 4);
}

static void step(void) { enter(KVM_EXIT_DEBUG); }

static void registers_read(void) {
  call("KVM_GET_REGS", vcpu, KVM_GET_REGS, &regs);
  sink += regs.rip;
}

static void registers_write(void) { call("KVM_SET_REGS", vcpu, KVM_SET_REGS, &regs); }

static void state_read(void) {
  call("KVM_GET_REGS", vcpu, KVM_GET_REGS, &regs);
  call("KVM_GET_SREGS", vcpu, KVM_GET_SREGS, &sregs);
  call("KVM_GET_XSAVE", vcpu, KVM_GET_XSAVE, &xsave);
  call("KVM_GET_DEBUGREGS", vcpu, KVM_GET_DEBUGREGS, &debugregs);
  call("KVM_GET_VCPU_EVENTS", vcpu, KVM_GET_VCPU_EVENTS, &events);
  if (call("KVM_GET_MSRS", vcpu, KVM_GET_MSRS, &msrs) != MSRS) die("KVM_GET_MSRS");
  sink += regs.rip;
}

static void state_write(void) {
  call("KVM_SET_SREGS", vcpu, KVM_SET_SREGS, &sregs);
  call("KVM_SET_REGS", vcpu, KVM_SET_REGS, &regs);
  call("KVM_SET_XSAVE", vcpu, KVM_SET_XSAVE, &xsave);
  call("KVM_SET_DEBUGREGS", vcpu, KVM_SET_DEBUGREGS, &debugregs);
  if (call("KVM_SET_MSRS", vcpu, KVM_SET_MSRS, &msrs) != MSRS) die("KVM_SET_MSRS");
  call("KVM_SET_VCPU_EVENTS", vcpu, KVM_SET_VCPU_EVENTS, &events);
}

static void harvest(void) {
  struct kvm_dirty_log log = {0};
  log.dirty_bitmap = bitmap;
  call("KVM_GET_DIRTY_LOG", vm, KVM_GET_DIRTY_LOG, &log);
  for (uint64_t i = 0; i < words; i++) dirty[i] |= bitmap[i];
}

static void count_and_clear(void) {
  for (uint64_t i = 0; i < words; i++) {
    pages += __builtin_popcountll(dirty[i]);
    dirty[i] = 0;
  }
}

static atomic_long armed, wanted, kicked_at;
static atomic_int kicked;

static void *kicker(void *unused) {
  (void)unused;
  for (long i = 1; i <= wanted; i++) {
    while (atomic_load(&armed) != i) __builtin_ia32_pause();
    int64_t until = now() + BEFORE_KICK_NANOS;
    while (now() < until) __builtin_ia32_pause();
    atomic_store(&kicked_at, now());
    int none = 0;
    if (atomic_compare_exchange_strong(&kicked, &none, 1)) {
      __atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
      syscall(SYS_tgkill, process, thread, KICK_SIGNAL);
    }
  }
  return NULL;
}

static int take_kick(void) {
  struct timespec none = {0, 0};
  while (sigtimedwait(&kick_set, NULL, &none) >= 0 || errno == EINTR) {
  }
  __atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
  return atomic_exchange(&kicked, 0);
}

// The time is that of KVM_RUN's return or, if until_taken, when the signal has been taken back as well.
static void kicks(int64_t *nanos, long samples, int until_taken) {
  atomic_store(&armed, 0);
  atomic_store(&wanted, samples);
  pthread_t other;
  if (pthread_create(&other, NULL, kicker, NULL)) die("pthread_create");
  for (long i = 0; i < samples; i++) {
    atomic_store(&armed, i + 1);
    while (1) {
      int result = ioctl(vcpu, KVM_RUN, 0);
      int64_t returned = now();
      if (result == 0 || errno != EINTR) die("KVM_RUN");
      if (take_kick()) {
        nanos[i] = (until_taken ? now() : returned) - atomic_load(&kicked_at);
        break;
      }
    }
  }
  pthread_join(other, NULL);
}

// Does nothing. Who can kick a vCPU has a second thread, and from then on the kernel counts references to a file descriptor in each call: some 30 ns that a program of one thread would not pay.
static void *other_thread(void *unused) {
  (void)unused;
  while (1) pause();
  return NULL;
}

static const struct {
  const char *name;
  void (*once)(void);
  // Outside of the time that is taken: once before a sample, and after it.
  void (*before)(void), (*after)(void);
} quantities[] = {
    {"port-write", port_write, NULL, NULL},
    {"port-read", port_read, NULL, NULL},
    {"mmio-write", mmio_write, NULL, NULL},
    {"mmio-read", mmio_read, NULL, NULL},
    {"step", step, NULL, NULL},
    {"registers-read", registers_read, NULL, NULL},
    {"registers-write", registers_write, NULL, NULL},
    {"state-read", state_read, NULL, NULL},
    {"state-write", state_write, NULL, NULL},
    {"harvest-clean", harvest, NULL, count_and_clear},
    {"harvest-1-percent", harvest, port_write, count_and_clear},
    {"harvest-all", harvest, port_write, count_and_clear},
    {"kick-ring-0", NULL, NULL, NULL},
    {"kick-ring-3", NULL, NULL, NULL},
    {"kick-taken-ring-3", NULL, NULL, NULL},
};

int main(int count, char **arguments) {
  if (count != 3) die("usage: kvm-loops QUANTITY GUEST");
  size_t q = 0;
  while (q < sizeof quantities / sizeof *quantities && strcmp(quantities[q].name, arguments[1])) q++;
  if (q == sizeof quantities / sizeof *quantities) die("no such quantity");
  load_guest(arguments[2]);
  block_kick();
  pthread_t other;
  if (pthread_create(&other, NULL, other_thread, NULL)) die("pthread_create");
  if (!strcmp(arguments[1], "step")) {
    struct kvm_guest_debug debug = {KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
    call("KVM_SET_GUEST_DEBUG", vcpu, KVM_SET_GUEST_DEBUG, &debug);
  }
  state_read();
  harvest();
  memset(dirty, 0, words * 8);
  char line[32];
  while (fgets(line, sizeof line, stdin)) {
    long samples = atol(line);
    int64_t *nanos = calloc(samples + 1, 8);
    pages = 0;
    if (!quantities[q].once) {
      kicks(nanos, samples, !strcmp(arguments[1], "kick-taken-ring-3"));
    } else {
      for (long i = 0; i < samples; i++) {
        if (quantities[q].before) quantities[q].before();
        int64_t start = now();
        quantities[q].once();
        nanos[i] = now() - start;
        if (quantities[q].after) quantities[q].after();
      }
    }
    nanos[samples] = pages;
    if (fwrite(nanos, 8, samples + 1, stdout) != (size_t)samples + 1 || fflush(stdout)) die("standard output");
    free(nanos);
  }
  return 0;
}
