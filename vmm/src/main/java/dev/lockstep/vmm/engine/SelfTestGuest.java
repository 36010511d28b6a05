package dev.lockstep.vmm.engine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.Arena;
import java.util.HexFormat;
import java.util.List;

/**
 * The self-test's guest: a kernel of a few hundred bytes that loads its tables, takes a thousand page faults, runs a program in ring 3 that makes a thousand system calls, sleeps through a hundred interrupts
 * and computes. It tells what it has found on {@link #RESULT_PORT}, asks for an interrupt on {@link #INTERRUPT_PORT}, and ends on {@link #END_PORT}.
 */
final class SelfTestGuest {
  static final int RESULT_PORT = 0x10, INTERRUPT_PORT = 0x11, END_PORT = 0x12;

  /** The vector that {@link #INTERRUPT_PORT} asks for. */
  static final int INTERRUPT_VECTOR = 0x30;

  /** Memory that depends on what the guest computed alone: no stack, no tables. */
  static final long DATA = 0x20000, DATA_BYTES = 0x10000;

  private static final int MEMORY = 2 << 20;
  private static final long CODE = 0x10000;
  private static final long PAGE_FAULT_AT = CODE + 0x300,
      TICK_AT = CODE + 0x380,
      DONE_AT = CODE + 0x3c0,
      SYSCALL_AT = CODE + 0x400,
      USER_AT = CODE + 0x500;
  private static final long PML4 = 0x1000, PDPT = 0x2000, DIRECTORY = 0x3000, TABLE = 0xd000;
  private static final long GDT = 0x4000, TSS = 0x5000, IDT = 0x6000, STACK = 0x9000;
  private static final long GDT_POINTER = 0xf000, IDT_POINTER = 0xf010;
  private static final int PAGE_FAULT_VECTOR = 14, DONE_VECTOR = 0x80, LAST_VECTOR = 0x80;
  private static final int TASK_SELECTOR = 0x30, TASK_LIMIT = 0x67;

  /** Flat 64-bit code and data of ring 0 and 3 (Intel SDM vol. 3A 3.4.5), in the order that SYSCALL and SYSRET want. */
  private static final long[] DESCRIPTORS = {
    0,
    0x00af_9b00_0000_ffffL,
    0x00cf_9300_0000_ffffL,
    0x00cf_fb00_0000_ffffL,
    0x00cf_f300_0000_ffffL,
    0x00af_fb00_0000_ffffL
  };

  /** From the 64-bit entry on: tables, MSRs, paging, then ring 3; back from there, interrupts and a computation. */
  private static final String MAIN =
      """
      0f 01 14 25 00 f0 00 00        | lgdt ds:0xf000
      0f 01 1c 25 10 f0 00 00        | lidt ds:0xf010
      b8 10 00 00 00                 | mov eax,0x10
      8e d0                          | mov ss,eax
      8e d8                          | mov ds,eax
      8e c0                          | mov es,eax
      b8 30 00 00 00                 | mov eax,0x30
      0f 00 d8                       | ltr ax
      0f 20 d8                       | mov rax,cr3
      0f 22 d8                       | mov cr3,rax
      b9 81 00 00 c0                 | mov ecx,0xc0000081
      31 c0                          | xor eax,eax
      ba 08 00 1b 00                 | mov edx,0x1b0008
      0f 30                          | wrmsr
      b9 82 00 00 c0                 | mov ecx,0xc0000082
      b8 00 04 01 00                 | mov eax,0x10400
      31 d2                          | xor edx,edx
      0f 30                          | wrmsr
      b9 84 00 00 c0                 | mov ecx,0xc0000084
      b8 00 02 00 00                 | mov eax,0x200
      0f 30                          | wrmsr
      45 31 e4                       | xor r12d,r12d
      45 31 ed                       | xor r13d,r13d
      b8 01 00 00 00                 | mov eax,0x1
      e7 10                          | out 0x10,eax
      bf 00 00 20 00                 | mov edi,0x200000
      b9 40 00 00 00                 | mov ecx,0x40
      48 89 3f                       | mov QWORD PTR [rdi],rdi
      4c 01 27                       | add QWORD PTR [rdi],r12
      48 81 c7 00 10 00 00           | add rdi,0x1000
      ff c9                          | dec ecx
      75 ef                          | jne 0x10068
      bf 00 00 20 00                 | mov edi,0x200000
      bb 00 d0 00 00                 | mov ebx,0xd000
      b9 40 00 00 00                 | mov ecx,0x40
      4c 03 2f                       | add r13,QWORD PTR [rdi]
      49 c1 c5 05                    | rol r13,0x5
      48 c7 03 00 00 00 00           | mov QWORD PTR [rbx],0x0
      0f 01 3f                       | invlpg BYTE PTR [rdi]
      48 81 c7 00 10 00 00           | add rdi,0x1000
      83 c3 08                       | add ebx,0x8
      ff c9                          | dec ecx
      75 e1                          | jne 0x10088
      41 ff c4                       | inc r12d
      41 83 fc 10                    | cmp r12d,0x10
      72 ae                          | jb 0x1005e
      44 89 e8                       | mov eax,r13d
      e7 10                          | out 0x10,eax
      6a 23                          | push 0x23
      68 00 c0 00 00                 | push 0xc000
      6a 02                          | push 0x2
      6a 2b                          | push 0x2b
      68 00 05 01 00                 | push 0x10500
      48 cf                          | iretq
      bc 00 90 00 00                 | mov esp,0x9000
      b8 10 00 00 00                 | mov eax,0x10
      8e d0                          | mov ss,eax
      44 89 e8                       | mov eax,r13d
      e7 10                          | out 0x10,eax
      45 31 f6                       | xor r14d,r14d
      b9 64 00 00 00                 | mov ecx,0x64
      fa                             | cli
      e6 11                          | out 0x11,al
      fb                             | sti
      f4                             | hlt
      ff c9                          | dec ecx
      75 f7                          | jne 0x100e0
      fa                             | cli
      44 89 f0                       | mov eax,r14d
      e7 10                          | out 0x10,eax
      b9 a0 86 01 00                 | mov ecx,0x186a0
      48 bb 2d 7f 95 4c 2d f4 51 58  | movabs rbx,0x5851f42d4c957f2d
      4c 0f af eb                    | imul r13,rbx
      49 81 c5 39 30 00 00           | add r13,0x3039
      4c 89 e8                       | mov rax,r13
      48 c1 e8 21                    | shr rax,0x21
      25 f8 0f 00 00                 | and eax,0xff8
      4c 31 a8 00 80 02 00           | xor QWORD PTR [rax+0x28000],r13
      49 c1 cd 07                    | ror r13,0x7
      ff c9                          | dec ecx
      75 da                          | jne 0x100fe
      44 89 e8                       | mov eax,r13d
      e7 10                          | out 0x10,eax
      e6 12                          | out 0x12,al
      f4                             | hlt
      """;

  /** Maps the page that was missing to one of eight, and counts. */
  private static final String PAGE_FAULT =
      """
      50                             | push rax
      53                             | push rbx
      0f 20 d0                       | mov rax,cr2
      8d 98 00 00 e0 ff              | lea ebx,[rax-0x200000]
      c1 eb 0c                       | shr ebx,0xc
      89 d8                          | mov eax,ebx
      83 e0 07                       | and eax,0x7
      c1 e0 0c                       | shl eax,0xc
      05 07 00 02 00                 | add eax,0x20007
      48 89 04 dd 00 d0 00 00        | mov QWORD PTR [rbx*8+0xd000],rax
      48 ff 04 25 00 f0 02 00        | inc QWORD PTR ds:0x2f000
      5b                             | pop rbx
      58                             | pop rax
      48 83 c4 08                    | add rsp,0x8
      48 cf                          | iretq
      """;

  /** The interrupt. */
  private static final String TICK =
      """
      41 ff c6                       | inc r14d
      48 cf                          | iretq
      """;

  /** INT 0x80 from ring 3. */
  private static final String DONE =
      """
      e9 02 fd ff ff                 | jmp 0x100c7
      """;

  /** SYSCALL. */
  private static final String SYSCALL =
      """
      48 6b c0 21                    | imul rax,rax,0x21
      48 35 5a 5a 00 00              | xor rax,0x5a5a
      48 0f 07                       | sysretq
      """;

  /** Ring 3: system calls and square roots. */
  private static final String USER =
      """
      41 bc e8 03 00 00              | mov r12d,0x3e8
      b8 03 00 00 00                 | mov eax,0x3
      f2 0f 2a c0                    | cvtsi2sd xmm0,eax
      44 89 e0                       | mov eax,r12d
      0f 05                          | syscall
      49 01 c5                       | add r13,rax
      f2 0f 51 c8                    | sqrtsd xmm1,xmm0
      f2 0f 58 c1                    | addsd xmm0,xmm1
      41 ff cc                       | dec r12d
      75 eb                          | jne 0x1050f
      66 48 0f 7e c0                 | movq rax,xmm0
      49 01 c5                       | add r13,rax
      4c 89 2c 25 08 f0 02 00        | mov QWORD PTR ds:0x2f008,r13
      cd 80                          | int 0x80
      """;

  private SelfTestGuest() {}

  /** The guest in a memory of its own. */
  static GuestMemory memory(Arena arena) {
    GuestMemory memory =
        new GuestMemory(
            arena.allocate(MEMORY, GuestMemory.PAGE_SIZE),
            List.of(new GuestMemory.Region(0, MEMORY, 0)));
    // Present, writable, user; the first 2 MiB as one page, the next by a table that is still
    // empty.
    memory.write64(PML4, PDPT | 7);
    memory.write64(PDPT, DIRECTORY | 7);
    memory.write64(DIRECTORY, 0x87);
    memory.write64(DIRECTORY + 8, TABLE | 7);
    for (int i = 0; i < DESCRIPTORS.length; i++) {
      memory.write64(GDT + 8L * i, DESCRIPTORS[i]);
    }
    memory.write64(GDT + TASK_SELECTOR, 0x0000_8900_0000_0000L | TSS << 16 | TASK_LIMIT);
    memory.write64(TSS + 4, STACK);
    pointer(memory, GDT_POINTER, GDT, TASK_SELECTOR + 15);
    pointer(memory, IDT_POINTER, IDT, LAST_VECTOR * 16 + 15);
    gate(memory, PAGE_FAULT_VECTOR, PAGE_FAULT_AT);
    gate(memory, INTERRUPT_VECTOR, TICK_AT);
    gate(memory, DONE_VECTOR, DONE_AT);
    code(memory, CODE, MAIN);
    code(memory, PAGE_FAULT_AT, PAGE_FAULT);
    code(memory, TICK_AT, TICK);
    code(memory, DONE_AT, DONE);
    code(memory, SYSCALL_AT, SYSCALL);
    code(memory, USER_AT, USER);
    return memory;
  }

  private static void pointer(GuestMemory memory, long at, long base, int limit) {
    memory.write16(at, limit);
    memory.write64(at + 2, base);
  }

  /** A present interrupt gate that ring 3 may call (Intel SDM vol. 3A 6.14.1). */
  private static void gate(GuestMemory memory, int vector, long handler) {
    memory.write64(
        IDT + 16L * vector, 0x0000_ee00_0008_0000L | handler & 0xffff | handler >> 16 << 48);
  }

  private static void code(GuestMemory memory, long at, String listing) {
    long next = at;
    for (String line : listing.lines().toList()) {
      String hex = line.substring(0, line.indexOf('|')).strip();
      byte[] bytes = HexFormat.ofDelimiter(" ").parseHex(hex);
      memory.write(next, bytes, 0, bytes.length);
      next += bytes.length;
    }
  }

  /** The state of a kernel at its 64-bit entry. */
  static CpuState start() {
    CpuState s = new CpuState();
    s.rip = CODE;
    s.gpr[4] = STACK;
    s.cr0 = 0x8001_0033L;
    s.cr3 = PML4;
    s.cr4 = 0x620;
    s.efer = 0xd01;
    s.gdtBase = GDT;
    s.gdtLimit = TASK_SELECTOR + 15;
    s.segments[CpuState.CS].set(0x08, 0, 0xffff_ffffL, 0xa09b);
    for (int data : new int[] {CpuState.SS, CpuState.DS, CpuState.ES}) {
      s.segments[data].set(0x10, 0, 0xffff_ffffL, 0xc093);
    }
    s.segments[CpuState.TR].set(TASK_SELECTOR, TSS, TASK_LIMIT, 0x8b);
    return s;
  }
}
