/*
 * The host's processor as an oracle for integer instructions: a traced child executes one instruction at a time (PTRACE_SINGLESTEP)
 * in ring 3, on registers, flags and memory that the requests give. Modes: 64 (64-bit), 32 (compatibility, flat), and with the code
 * segment at CODE and all others at DATA, limits by the byte, 33 (32-bit code) and 16 (16-bit code); the stack is of 32 bits.
 *
 * Request: 'C', u8 mode, 16 bytes of code, 16 registers of 8 bytes (RAX RCX RDX RBX RSP RBP RSI RDI R8..R15), RFLAGS of 8 bytes.
 * 'F' ends a batch. Reply: i32 signal (0: the instruction completed), i32 si_code, u64 si_addr, 16 registers, RFLAGS, RIP - code,
 * u32 number of changed bytes, then (u32 offset, u8 value) for the first 256 of them. Memory is put back after each request.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE 0x10000000UL
#define CODE_BYTES 0x1000UL
#define DATA 0x20000000UL
#define DATA_BYTES 0x4000UL
#define MAX_CHANGES 256

static uint8_t *code;
static uint8_t *data;
static uint8_t pattern[DATA_BYTES];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void *area(unsigned long at, unsigned long bytes, int prot) {
  void *p = mmap((void *)at, bytes, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (p == MAP_FAILED) die("mmap");
  return p;
}

static void readAll(void *into, size_t n) {
  if (fread(into, 1, n, stdin) != n) exit(0);
}

static void put(const void *from, size_t n) {
  if (fwrite(from, 1, n, stdout) != n) die("write");
}

/* A local descriptor: its selector is number * 8 + 7. */
static void descriptor(unsigned number, unsigned base, unsigned bytes, int code, int wide) {
  struct user_desc d;
  memset(&d, 0, sizeof d);
  d.entry_number = number;
  d.base_addr = base;
  d.limit = bytes - 1;
  d.seg_32bit = wide;
  d.contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA;
  if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d)) die("modify_ldt");
}

static pid_t start(void) {
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    descriptor(0, CODE, CODE_BYTES, 1, 0);
    descriptor(1, DATA, DATA_BYTES, 0, 0);
    descriptor(2, CODE, CODE_BYTES, 1, 1);
    descriptor(3, DATA, DATA_BYTES, 0, 1);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) die("traceme");
    raise(SIGSTOP);
    _exit(0);
  }
  int status;
  if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) die("wait");
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL);
  return child;
}

int main(void) {
  code = area(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
  data = area(DATA, DATA_BYTES, PROT_READ | PROT_WRITE);
  uint32_t x = 12345;
  for (unsigned i = 0; i < DATA_BYTES; i++) {
    x = x * 1664525 + 1013904223;
    pattern[i] = x >> 24;
  }
  memcpy(data, pattern, DATA_BYTES);
  pid_t child = start();
  struct user_regs_struct clean;
  if (ptrace(PTRACE_GETREGS, child, 0, &clean)) die("getregs");
  for (;;) {
    uint8_t kind;
    readAll(&kind, 1);
    if (kind == 'F') {
      fflush(stdout);
      continue;
    }
    uint8_t mode;
    uint8_t bytes[16];
    uint64_t gpr[16];
    uint64_t flags;
    readAll(&mode, 1);
    readAll(bytes, sizeof bytes);
    readAll(gpr, sizeof gpr);
    readAll(&flags, 8);
    memset(code, 0x90, 64);
    memcpy(code + 0x100, bytes, sizeof bytes);
    struct user_regs_struct r = clean;
    r.rax = gpr[0];
    r.rcx = gpr[1];
    r.rdx = gpr[2];
    r.rbx = gpr[3];
    r.rsp = gpr[4];
    r.rbp = gpr[5];
    r.rsi = gpr[6];
    r.rdi = gpr[7];
    r.r8 = gpr[8];
    r.r9 = gpr[9];
    r.r10 = gpr[10];
    r.r11 = gpr[11];
    r.r12 = gpr[12];
    r.r13 = gpr[13];
    r.r14 = gpr[14];
    r.r15 = gpr[15];
    r.eflags = flags;
    int segmented = mode == 16 || mode == 33;
    uint64_t start = segmented ? 0x100 : CODE + 0x100;
    r.rip = start;
    r.orig_rax = -1;
    r.cs = mode == 64 ? 0x33 : mode == 32 ? 0x23 : mode == 16 ? 7 : 0x17;
    /* A return to a 16-bit stack leaves bits of the kernel's stack pointer in ESP on 64-bit Linux: the stack is of 32 bits. */
    r.ss = segmented ? 0x1f : 0x2b;
    r.ds = r.es = mode == 64 ? 0 : mode == 16 ? 0xf : r.ss;
    if (ptrace(PTRACE_SETREGS, child, 0, &r)) die("setregs");
    if (ptrace(PTRACE_SINGLESTEP, child, 0, 0)) die("singlestep");
    int status;
    if (waitpid(child, &status, 0) < 0) die("wait");
    if (!WIFSTOPPED(status)) {
      fprintf(stderr, "the traced child ended: %x\n", status);
      exit(1);
    }
    int32_t signal = WSTOPSIG(status);
    int32_t why = 0;
    uint64_t address = 0;
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, child, 0, &info)) die("siginfo");
    why = info.si_code;
    if (signal == SIGTRAP && why == TRAP_TRACE) {
      signal = 0;
    } else {
      address = (uint64_t)info.si_addr;
    }
    if (ptrace(PTRACE_GETREGS, child, 0, &r)) die("getregs");
    uint64_t out[18] = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15,
                        r.eflags, r.rip - start};
    put(&signal, 4);
    put(&why, 4);
    put(&address, 8);
    put(out, sizeof out);
    uint8_t changes[5 * MAX_CHANGES];
    uint32_t count = 0;
    if (memcmp(data, pattern, DATA_BYTES)) {
      for (uint32_t i = 0; i < DATA_BYTES; i++) {
        if (data[i] != pattern[i]) {
          if (count < MAX_CHANGES) {
            memcpy(changes + 5 * count, &i, 4);
            changes[5 * count + 4] = data[i];
          }
          count++;
        }
      }
      memcpy(data, pattern, DATA_BYTES);
    }
    put(&count, 4);
    put(changes, 5 * (count < MAX_CHANGES ? count : MAX_CHANGES));
  }
}
