package dev.lockstep.vmm.trace;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.vmm.machine.GuestLoader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A guest that does everything that a trace tells apart: two processes, that is page tables, with programs in ring 3 that call their kernel by SYSCALL and by INT 0x80, raise exceptions and are interrupted
 * by a timer; every kind of branch; string instructions. What the programs do, and how often, is random. Linear addresses are physical ones in both page tables.
 */
final class TracedGuest {
  static final long CODE = 0x10_0000;

  /** The page tables of the two processes; both map the same. */
  static final long FIRST_CR3 = 0x9000, SECOND_CR3 = 0xa000;

  /** Vectors that the guest handles. */
  static final int DIVIDE = 0, UNDEFINED = 6, PAGE_FAULT = 14, TIMER = 0x20, SYSTEM = 0x80;

  /** Nothing is mapped from here on. */
  static final long ABSENT = 0x40_0000;

  private static final int GDT = 0x500, TSS = 0xd000, IDT = 0x1000;
  private static final int KERNEL_STACK = 0x8_0000, USER_STACK = 0x7_0000;
  private static final int KERNEL_CODE = 0x10, KERNEL_DATA = 0x18, USER_BASE = 0x1b;
  private static final int TASK = 0x30;
  private static final int ACTIONS = 24;

  private static final String KERNEL =
      """
      start:
        push rax
        mov al, 0x11
        out 0x20, al
        out 0xa0, al
        mov al, 0x20
        out 0x21, al
        mov al, 0x28
        out 0xa1, al
        mov al, 4
        out 0x21, al
        mov al, 2
        out 0xa1, al
        mov al, 1
        out 0x21, al
        out 0xa1, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0xff
        out 0xa1, al
        mov al, 0x34
        out 0x43, al
        mov al, 0x40
        out 0x40, al
        mov al, 0
        out 0x40, al
        push 0x23
        push user_stack
        push 0x202
        push 0x2b
        push first
        iretq
      work:
        mov rdx, 5
      again:
        add rax, rdx
        dec rdx
        jne again
        ret
      system_call:
        cmp rax, 0
        je finish
        cmp rax, 2
        je switch
        cmp rax, 3
        je idle
        mov rax, rdi
        add rax, rsi
        call work
        sysretq
      switch:
        mov rdx, cr3
        xor rdx, 0x3000
        mov cr3, rdx
        sysretq
      idle:
        sti
        hlt
        cli
        sysretq
      finish:
        mov al, 7
        out 0xf4, al
        hlt
      system_interrupt:
        add rax, rdi
        iretq
      page_fault:
        add rsp, 8
        add qword [rsp], 8
        iretq
      skip_two:
        add qword [rsp], 2
        iretq
      timer:
        push rax
        inc qword [ticks]
        mov al, 0x20
        out 0x20, al
        pop rax
        iretq
      """;

  /** Everything by which control can go elsewhere within a program; {@code #} makes labels unique. */
  private static final String BRANCHES =
      """
        call leaf
        mov rax, leaf
        call rax
        call qword [rel to_leaf]
        mov rax, leaf_popping
        push 1
        push rax
        call qword [rsp]
        pop rax
        mov rdx, next1_#
        jmp rdx
      next1_#:
        mov rdx, next2_#
        push rdx
        jmp qword [rsp]
      next2_#:
        pop rdx
        mov rdx, next3_#
        mov [rel slot], rdx
        jmp qword [rel slot]
      next3_#:
        xor rcx, rcx
        jrcxz next4_#
        nop
      next4_#:
        jne next5_#
        je next5_#
        nop
      next5_#:
        mov rcx, 3
      next6_#:
        loop next6_#
        jmp short next7_#
      next7_#:
        jmp next8_#
      next8_#:
      """;

  private static final String STRINGS =
      """
        mov rsi, buffer
        lea rdi, [rsi+64]
        mov rcx, 5
        rep movsb
        mov rsi, buffer
        lea rdi, [rsi+8]
        cmpsq
        mov rcx, 4
        rep stosq
        mov rsi, buffer
        db 0x0f, 0x28, 0x06
        db 0x0f, 0x11, 0x46, 0x21
        fxsave [rsi+256]
        lock xadd [rsi], rax
        add dword [rsi+4093], 3
      """;

  private static final List<String> ONE_BY_ONE =
      List.of(
          "mov rax, 1\n mov rdi, 40\n mov rsi, 2\n mov rdx, 3\n syscall\n",
          "mov rax, 17\n mov rdi, 5\n int 0x80\n",
          "mov rax, 3\n syscall\n",
          "ud2\n",
          "mov rax, [absent]\n",
          "xor rcx, rcx\n xor rdx, rdx\n div ecx\n",
          BRANCHES,
          STRINGS);

  private static final String ROUTINES =
      """
      leaf:
        mov r10, 1
        test r8, r10
        jne odd
        inc r8
      odd:
        inc r8
        ret
      leaf_popping:
        ret 8
      to_leaf: dq leaf
      slot: dq 0
      """;

  private final Assembler code;
  private final byte[] bytes;

  private TracedGuest(Assembler code) {
    this.code = code;
    this.bytes = code.assemble();
  }

  /** One in which everything happens once at least, in an order that the random numbers say. */
  static TracedGuest random(Random random) {
    int[] unique = new int[1];
    Assembler code =
        new Assembler(CODE, 64)
            .define("user_stack", USER_STACK)
            .define("ticks", 0x5_0000)
            .define("buffer", 0x5_1000)
            .define("absent", ABSENT)
            .add(KERNEL)
            .add("align 64\nfirst:")
            .add(program(random, unique))
            .add("mov rax, 2\n syscall\nsecond:")
            .add(program(random, unique))
            .add("mov rax, 2\n syscall\nthird:")
            .add(program(random, unique))
            .add("mov rax, 0\n syscall\n")
            .add(ROUTINES);
    return new TracedGuest(code);
  }

  private static String program(Random random, int[] unique) {
    List<String> actions = new ArrayList<>(ONE_BY_ONE);
    while (actions.size() < ACTIONS) {
      actions.add(ONE_BY_ONE.get(random.nextInt(ONE_BY_ONE.size())));
    }
    Collections.shuffle(actions, random);
    StringBuilder text = new StringBuilder();
    for (String action : actions) {
      int number = unique[0]++;
      text.append(action.replace("#", "" + number));
      // Long enough that the timer comes in a program as well.
      text.append("mov r9, %d\nspin_%d:\n".formatted(20 + random.nextInt(200), number));
      text.append("dec r9\njne spin_%d\n".formatted(number));
    }
    return text.toString();
  }

  /** Every label with its address, in order of addresses. */
  Map<String, Long> labels() {
    return code.labels();
  }

  long address(String label) {
    return code.address(label);
  }

  /** Puts it into a machine. */
  GuestLoader loader() {
    return (memory, state) -> {
      memory.write(CODE, bytes, 0, bytes.length);
      tables(memory);
      gate(memory, DIVIDE, "skip_two");
      gate(memory, UNDEFINED, "skip_two");
      gate(memory, PAGE_FAULT, "page_fault");
      gate(memory, TIMER, "timer");
      gate(memory, SYSTEM, "system_interrupt");
      begin(state);
    };
  }

  private static void tables(GuestMemory memory) {
    long directoryPointers = 0xb000;
    long directory = 0xc000;
    for (long root : new long[] {FIRST_CR3, SECOND_CR3}) {
      memory.write64(root, directoryPointers | 7);
    }
    memory.write64(directoryPointers, directory | 7);
    memory.write64(directory, 0x87);
    memory.write64(directory + 8, 0x20_0087);
    memory.write64(GDT + KERNEL_CODE, 0x00af9b000000ffffL);
    memory.write64(GDT + KERNEL_DATA, 0x00cf93000000ffffL);
    memory.write64(GDT + 0x20, 0x00cff3000000ffffL);
    memory.write64(GDT + 0x28, 0x00affb000000ffffL);
    memory.write64(GDT + TASK, 0x67 | (long) TSS << 16 | 0x8bL << 40);
    memory.write64(TSS + 4, KERNEL_STACK);
  }

  private void gate(GuestMemory memory, int vector, String label) {
    long address = address(label);
    memory.write64(
        IDT + 16L * vector,
        address & 0xffff | (long) KERNEL_CODE << 16 | 0xee00L << 32 | (address >>> 16) << 48);
    memory.write64(IDT + 16L * vector + 8, 0);
  }

  private void begin(CpuState state) {
    state.gpr[4] = KERNEL_STACK;
    state.rip = address("start");
    state.segments[CpuState.CS].set(KERNEL_CODE, 0, 0xffff_ffffL, 0xa09b);
    for (int segment : new int[] {CpuState.DS, CpuState.ES, CpuState.SS}) {
      state.segments[segment].set(KERNEL_DATA, 0, 0xffff_ffffL, 0xc093);
    }
    state.segments[CpuState.TR].set(TASK, TSS, 0x67, 0x8b);
    state.gdtBase = GDT;
    state.gdtLimit = TASK + 15;
    state.idtBase = IDT;
    state.idtLimit = 0xfff;
    state.cr0 = 0x8000_0033L;
    state.cr3 = FIRST_CR3;
    state.cr4 = 0x620; // OSXMMEXCPT OSFXSR PAE
    state.efer = 0x501; // LMA LME SCE
    state.star = (long) USER_BASE << 48 | (long) KERNEL_CODE << 32;
    state.lstar = address("system_call");
    state.sfmask = 0x200;
  }
}
