/*
 * Executes x87, MMX and SSE instructions of the host CPU on states from standard input. The tests of
 * dev.lockstep.softcpu.fp compile and run it as an oracle. All integers little-endian, no padding.
 *
 * 'X' request:  u8 opcode (d8..df), u8 modrm, u8 image[108] (FRSTOR, 32-bit protected), u8 memory[16]
 *     reply:    u8 image[108] (FNSAVE), u8 memory[16], u32 eflags
 * 'S' request:  u8 length, u8 code[15], u32 mxcsr, u8 xmm0[16], u8 xmm1[16], u64 rcx
 *     reply:    u8 faulted, u32 mxcsr, u8 xmm0[16], u64 mm0, u64 rax, u32 eflags
 *               mm0 and mm1 are loaded from the low halves of xmm0 and xmm1 if the code asks for it by
 *               a length with bit 7 set. RAX starts as 0x1111111111111111.
 * 'I' request:  u8 length, u8 code[15], u8 image[108] (FRSTOR, 32-bit protected)
 *     reply:    u8 memory[512], filled with aa before the code stores at [rdi]
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#pragma pack(push, 1)
struct x87_request { uint8_t opcode, modrm, image[108], memory[16]; };
struct x87_reply { uint8_t image[108], memory[16]; uint32_t eflags; };
struct sse_request { uint8_t length, code[15]; uint32_t mxcsr; uint8_t xmm0[16], xmm1[16]; uint64_t rcx; };
struct sse_reply { uint8_t faulted; uint32_t mxcsr; uint8_t xmm0[16]; uint64_t mm0, rax; uint32_t eflags; };
#pragma pack(pop)

typedef uint64_t (*x87_stub)(uint8_t *memory, const uint8_t *in, uint8_t *out);
typedef void (*sse_stub)(const struct sse_request *in, struct sse_reply *out);

static uint8_t *code_pages;
static x87_stub x87_stubs[8][256];
static sigjmp_buf recover;
static volatile uint32_t fault_mxcsr;

static void die(const char *what) {
  fprintf(stderr, "host_fpu: %s\n", what);
  exit(2);
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
  ucontext_t *c = context;
  (void)info;
  if (signal_number != SIGFPE) {
    die("the instruction under test raised SIGILL or SIGSEGV");
  }
  fault_mxcsr = c->uc_mcontext.fpregs->mxcsr;
  siglongjmp(recover, 1);
}

/* frstor [rsi]; xor eax,eax; push; popf with all arithmetic flags set; instruction; fnsave [rdx]; pushf; pop rax; ret */
static x87_stub make_x87_stub(uint8_t *at, uint8_t opcode, uint8_t modrm) {
  static const uint8_t head[] = {0xdd, 0x26, 0x68, 0xd7, 0x08, 0x00, 0x00, 0x9d};
  static const uint8_t ax[] = {0xb8, 0x11, 0x11, 0x11, 0x11};
  static const uint8_t tail[] = {0xdd, 0x32, 0x9c, 0x58, 0xc3};
  uint8_t *p = at;
  memcpy(p, ax, sizeof ax), p += sizeof ax;
  memcpy(p, head, sizeof head), p += sizeof head;
  *p++ = opcode;
  *p++ = modrm;
  memcpy(p, tail, sizeof tail);
  return (x87_stub)at;
}

static int read_exactly(void *to, size_t n) { return fread(to, 1, n, stdin) == n; }

static void run_x87(void) {
  static struct x87_request q;
  static struct x87_reply r;
  static uint8_t in[108] __attribute__((aligned(16))), out[108] __attribute__((aligned(16)));
  static uint8_t memory[16] __attribute__((aligned(16)));
  if (!read_exactly(&q, sizeof q) || q.opcode < 0xd8 || q.opcode > 0xdf) {
    die("bad x87 request");
  }
  x87_stub *stub = &x87_stubs[q.opcode - 0xd8][q.modrm];
  if (!*stub) {
    *stub = make_x87_stub(code_pages + 4096 + 64 * ((q.opcode - 0xd8) * 256 + q.modrm), q.opcode, q.modrm);
  }
  memcpy(in, q.image, sizeof in);
  memcpy(memory, q.memory, sizeof memory);
  r.eflags = (uint32_t)(*stub)(memory, in, out);
  memcpy(r.image, out, sizeof out);
  memcpy(r.memory, memory, sizeof memory);
  fwrite(&r, sizeof r, 1, stdout);
}

#define IN(field) ((uint8_t)__builtin_offsetof(struct sse_request, field))
#define OUT(field) ((uint8_t)__builtin_offsetof(struct sse_reply, field))

static void run_sse(void) {
  static struct sse_request q;
  static struct sse_reply r;
  if (!read_exactly(&q, sizeof q) || (q.length & 0x7f) > 15) {
    die("bad SSE request");
  }
  const int mmx = q.length >> 7, length = q.length & 0x7f;
  uint8_t *p = code_pages;
  /* push rbx; movups xmm0,[rdi+..]; movups xmm1,[rdi+..]; mov rcx,[rdi+..] */
  const uint8_t load[] = {0x53, 0x0f, 0x10, 0x47, IN(xmm0), 0x0f, 0x10, 0x4f, IN(xmm1),
                          0x48, 0x8b, 0x4f, IN(rcx), 0x48, 0xb8, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
  memcpy(p, load, sizeof load), p += sizeof load;
  if (mmx) {
    const uint8_t mm[] = {0xf2, 0x0f, 0xd6, 0xc0, 0xf2, 0x0f, 0xd6, 0xc9};
    memcpy(p, mm, sizeof mm), p += sizeof mm;
  }
  /* push 0x8d7; popf; ldmxcsr [rdi+..]; code; stmxcsr [rsi+..]; movups; mov [rsi+..],rax; pushf; pop rax; mov */
  const uint8_t before[] = {0x68, 0xd7, 0x08, 0x00, 0x00, 0x9d, 0x0f, 0xae, 0x57, IN(mxcsr)};
  memcpy(p, before, sizeof before), p += sizeof before;
  memcpy(p, q.code, length), p += length;
  const uint8_t after[] = {0x0f, 0xae, 0x5e, OUT(mxcsr), 0x0f, 0x11, 0x46, OUT(xmm0),
                           0x48, 0x89, 0x46, OUT(rax), 0x9c, 0x58, 0x89, 0x46, OUT(eflags)};
  memcpy(p, after, sizeof after), p += sizeof after;
  if (mmx) {
    const uint8_t mm[] = {0x0f, 0x7f, 0x46, OUT(mm0), 0x0f, 0x77};
    memcpy(p, mm, sizeof mm), p += sizeof mm;
  }
  *p++ = 0x5b;
  *p++ = 0xc3;
  memset(&r, 0, sizeof r);
  if (sigsetjmp(recover, 1) == 0) {
    ((sse_stub)code_pages)(&q, &r);
  } else {
    r.faulted = 1;
    r.mxcsr = fault_mxcsr;
  }
  uint32_t calm = 0x1f80;
  __asm__ volatile("ldmxcsr %0; emms" : : "m"(calm));
  fwrite(&r, sizeof r, 1, stdout);
}

static void run_image(void) {
  static uint8_t q[16 + 108], in[108] __attribute__((aligned(16))), memory[512] __attribute__((aligned(16)));
  if (!read_exactly(q, sizeof q) || q[0] > 15) {
    die("bad image request");
  }
  memcpy(in, q + 16, sizeof in);
  memset(memory, 0xaa, sizeof memory);
  uint8_t *p = code_pages;
  /* frstor [rsi]; code; fninit; ret */
  *p++ = 0xdd, *p++ = 0x26;
  memcpy(p, q + 1, q[0]), p += q[0];
  *p++ = 0xdb, *p++ = 0xe3, *p++ = 0xc3;
  ((x87_stub)code_pages)(memory, in, NULL);
  fwrite(memory, sizeof memory, 1, stdout);
}

int main(void) {
  code_pages = mmap(NULL, 4096 + 64 * 2048, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code_pages == MAP_FAILED) {
    die("no executable memory");
  }
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGFPE, &action, NULL);
  sigaction(SIGILL, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  for (int kind; (kind = getchar()) != EOF;) {
    if (kind == 'X') {
      run_x87();
    } else if (kind == 'S') {
      run_sse();
    } else if (kind == 'I') {
      run_image();
    } else if (kind == 'F') {
      fflush(stdout);
    } else {
      die("unknown request");
    }
  }
  fflush(stdout);
  return 0;
}
