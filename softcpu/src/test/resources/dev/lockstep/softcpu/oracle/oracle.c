/*
 * Executes single instructions on the host's own CPU in ring 3 and reports everything they did. The test's Java side feeds it cases on standard input and compares the results with the software CPU.
 *
 * One signal per case: code pages are filled with INT3, so that whatever the instruction does ends in SIGTRAP behind it (or at a branch target) or in the signal of its fault; the handler records the
 * interrupted context, loads the next case into it and returns, and the kernel's sigreturn enters the case with all registers, flags and the FXSAVE image set at once.
 *
 * Usage: oracle < cases > results. Every record has a fixed size; see struct request and struct answer. The first thing written is the sizes of both, so that a mismatch is noticed.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define WINDOW 1280 /* bytes of each window, centred on a page boundary */
#define PAGE 4096L
#define CODE 0x20000000L  /* two pages; the instruction starts at CODE + 64, or ends across the boundary */
#define DATA 0x10000000L  /* two pages; window around DATA + PAGE */
#define STACK 0x11000000L /* two pages; window around STACK + PAGE */

/* The last two run in segments with bases and limits: code from CODE on, DS and ES the data window, SS the stack window; addresses are offsets in them. */
enum { MODE_64 = 64, MODE_32 = 32, MODE_SEGMENTED_32 = 33, MODE_SEGMENTED_16 = 16 };
/* Entries of the LDT, and the selectors that name them. */
enum { LDT_CODE_16, LDT_CODE_32, LDT_DATA, LDT_STACK };
#define SELECTOR(entry) ((entry) << 3 | 7)
enum { DATA_PLAIN = 0, DATA_SECOND_ABSENT = 1, DATA_SECOND_READ_ONLY = 2, DATA_READ_ONLY = 3, DATA_ABSENT = 4 };

struct request {
  uint32_t code_length; /* 1..15; 0 ends the run */
  uint32_t mode;
  uint32_t data_protection;
  uint32_t code_offset; /* from CODE */
  uint8_t code[16];
  uint64_t gpr[16]; /* encoding order */
  uint64_t rflags;
  uint64_t fs_base;
  int64_t operand; /* for the comparison only */
  uint8_t fxsave[512];
  uint8_t data[WINDOW];
  uint8_t stack[WINDOW];
};

struct answer {
  uint32_t signal;
  uint32_t trap; /* vector */
  uint64_t error;
  uint64_t cr2;
  uint64_t rip;
  uint64_t rflags;
  uint64_t gpr[16];
  uint8_t fxsave[512];
  uint8_t data[WINDOW];
  uint8_t stack[WINDOW];
};

static struct request request;
static struct answer answer;
static int protection = DATA_PLAIN;
static greg_t host_segments;
static int started;

/* Encoding order of the general registers to the kernel's order in gregs. */
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void die(const char *what) {
  fprintf(stderr, "oracle: %s: %s\n", what, strerror(errno));
  _exit(2);
}

static int read_fully(void *into, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(0, (char *)into + done, size - done);
    if (n == 0 && done == 0) return 0;
    if (n <= 0) {
      if (n < 0 && errno == EINTR) continue;
      die("read a case");
    }
    done += (size_t)n;
  }
  return 1;
}

static uint8_t out[1 << 20];
static size_t out_length;

static void flush_out(void) {
  size_t done = 0;
  while (done < out_length) {
    ssize_t n = write(1, out + done, out_length - done);
    if (n < 0) {
      if (errno == EINTR) continue;
      die("write an answer");
    }
    done += (size_t)n;
  }
  out_length = 0;
}

static uint8_t in[1 << 20];
static size_t in_at, in_end;

/* Buffered: cases come in large batches. Flushes the answers before it may block. */
static int next_request(void) {
  size_t done = 0;
  while (done < sizeof request) {
    if (in_at == in_end) {
      flush_out();
      ssize_t n = read(0, in, sizeof in);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) die("read a case");
      if (n == 0) {
        if (done != 0) die("the last case is cut");
        return 0;
      }
      in_at = 0;
      in_end = (size_t)n;
    }
    size_t part = in_end - in_at;
    if (part > sizeof request - done) part = sizeof request - done;
    memcpy((char *)&request + done, in + in_at, part);
    in_at += part;
    done += part;
  }
  return request.code_length != 0;
}

static void protect(int wanted) {
  if (wanted == protection) return;
  int first = PROT_READ | PROT_WRITE, second = PROT_READ | PROT_WRITE;
  switch (wanted) {
    case DATA_SECOND_ABSENT: second = PROT_NONE; break;
    case DATA_SECOND_READ_ONLY: second = PROT_READ; break;
    case DATA_READ_ONLY: first = second = PROT_READ; break;
    case DATA_ABSENT: first = second = PROT_NONE; break;
    default: break;
  }
  if (mprotect((void *)DATA, PAGE, first) || mprotect((void *)(DATA + PAGE), PAGE, second)) die("mprotect");
  protection = wanted;
}

static void record(int sig, siginfo_t *info, ucontext_t *uc) {
  greg_t *g = uc->uc_mcontext.gregs;
  answer.signal = (uint32_t)sig;
  answer.trap = (uint32_t)g[REG_TRAPNO];
  answer.error = (uint64_t)g[REG_ERR];
  answer.cr2 = (uint64_t)g[REG_CR2];
  answer.rip = (uint64_t)g[REG_RIP];
  answer.rflags = (uint64_t)g[REG_EFL];
  for (int i = 0; i < 16; i++) answer.gpr[i] = (uint64_t)g[order[i]];
  memcpy(answer.fxsave, uc->uc_mcontext.fpregs, 512);
  protect(DATA_PLAIN);
  memcpy(answer.data, (void *)(DATA + PAGE - WINDOW / 2), WINDOW);
  memcpy(answer.stack, (void *)(STACK + PAGE - WINDOW / 2), WINDOW);
  if (out_length + sizeof answer > sizeof out) flush_out();
  memcpy(out + out_length, &answer, sizeof answer);
  out_length += sizeof answer;
  (void)info;
}

static void load(ucontext_t *uc) {
  greg_t *g = uc->uc_mcontext.gregs;
  memset((void *)CODE, 0xcc, 2 * PAGE);
  memcpy((void *)(CODE + request.code_offset), request.code, request.code_length);
  memcpy((void *)(DATA + PAGE - WINDOW / 2), request.data, WINDOW);
  memcpy((void *)(STACK + PAGE - WINDOW / 2), request.stack, WINDOW);
  protect((int)request.data_protection);
  for (int i = 0; i < 16; i++) g[order[i]] = (greg_t)request.gpr[i];
  int segmented = request.mode == MODE_SEGMENTED_16 || request.mode == MODE_SEGMENTED_32;
  g[REG_RIP] = (greg_t)(segmented ? request.code_offset : CODE + request.code_offset);
  g[REG_EFL] = (greg_t)request.rflags;
  int64_t segments = host_segments & ~0xffffLL;
  int64_t ss = (host_segments >> 48) & 0xffff;
  switch (request.mode) {
    case MODE_64: segments = host_segments; break;
    case MODE_32: segments = (segments & 0x0000ffffffffffffLL) | 0x23 | (ss << 48); break;
    default: {
      int64_t code = request.mode == MODE_SEGMENTED_16 ? SELECTOR(LDT_CODE_16) : SELECTOR(LDT_CODE_32);
      segments = (segments & 0x0000ffffffffffffLL) | code | ((int64_t)SELECTOR(LDT_STACK) << 48);
      break;
    }
  }
  g[REG_CSGSFS] = (greg_t)segments;
  /* 64-bit code does not look at DS and ES; sigreturn leaves them. 32-bit cases need flat ones. */
  int data = segmented ? SELECTOR(LDT_DATA) : 0x2b;
  __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(data));
  if (syscall(SYS_arch_prctl, ARCH_SET_FS, request.fs_base)) die("arch_prctl");
  /* fpregs points at the FXSAVE image in the frame; the XSAVE header behind it must name x87 and SSE as in use, or sigreturn would initialise them. */
  uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
  memcpy(fp, request.fxsave, 416);
  uint32_t magic;
  memcpy(&magic, fp + 464, 4);
  if (magic == 0x46505853u) {
    uint64_t features;
    memcpy(&features, fp + 512, 8);
    features |= 3;
    memcpy(fp + 512, &features, 8);
  }
}

static unsigned long host_fs;

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  /* The C library needs its own FS base. */
  if (syscall(SYS_arch_prctl, ARCH_SET_FS, host_fs)) _exit(3);
  if (started) {
    record(sig, info, uc);
  } else {
    host_segments = uc->uc_mcontext.gregs[REG_CSGSFS];
    started = 1;
  }
  if (!next_request()) {
    flush_out();
    _exit(0);
  }
  load(uc);
}

static void map_at(long address, int prot) {
  void *got = mmap((void *)address, 2 * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != (void *)address) die("mmap at a fixed address");
}

/* contents: 0 data, 2 code, as modify_ldt has them. */
static void segment(unsigned entry, unsigned base, unsigned limit, unsigned wide, unsigned contents) {
  struct user_desc desc = {.entry_number = entry, .base_addr = base, .limit = limit, .seg_32bit = wide, .contents = contents, .read_exec_only = 0, .useable = 1};
  if (syscall(SYS_modify_ldt, 1, &desc, sizeof desc)) die("modify_ldt");
}

int main(void) {
  uint32_t sizes[2] = {sizeof request, sizeof answer};
  (void)read_fully;
  if (write(1, sizes, sizeof sizes) != sizeof sizes) die("write sizes");
  map_at(CODE, PROT_READ | PROT_WRITE | PROT_EXEC);
  map_at(DATA, PROT_READ | PROT_WRITE);
  map_at(STACK, PROT_READ | PROT_WRITE);
  segment(LDT_CODE_16, CODE, 2 * PAGE - 1, 0, 2);
  segment(LDT_CODE_32, CODE, 2 * PAGE - 1, 1, 2);
  segment(LDT_DATA, DATA + PAGE - WINDOW / 2, WINDOW - 1, 1, 0);
  segment(LDT_STACK, STACK + PAGE - WINDOW / 2, WINDOW - 1, 1, 0);
  if (syscall(SYS_arch_prctl, ARCH_GET_FS, &host_fs)) die("arch_prctl");
  stack_t alternate = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18};
  if (alternate.ss_sp == NULL || sigaltstack(&alternate, NULL)) die("sigaltstack");
  struct sigaction action = {0};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    if (sigaction(signals[i], &action, NULL)) die("sigaction");
  alarm(3600); /* a case that loops for ever ends the run */
  __asm__ volatile("int3");
  return 1;
}
