package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.boot.KernelMap;
import dev.lockstep.vmm.machine.GuestLoader;
import java.util.List;
import java.util.Objects;

/**
 * A kernel of a page, patched as Linux is: it moves CR4, loads a module that reads the counter and runs it, and runs programs. What it prints: the bit TSD as it sees it ({@code d} or {@code -}), letters
 * that its reads of the counter make, {@code M} behind its module, {@code G} in its #GP handler, {@code <} where time went backwards.
 */
public final class PatchedGuest implements GuestLoader {
  /** What it ends with. */
  public static final int EXIT_CODE = 33;

  private static final long PROGRAM = 0x4_0000;
  private static final long MODULE = 0x5_0ffe;
  private static final long ELF = 0x6_0000;
  private static final long SECTIONS = 0x6_1000;
  private static final long SYMBOLS = 0x6_2000;
  private static final int PAGES_END = 0x10_0000;

  private static final String KERNEL =
      """
      mov rbx, cr4
      call show
      mov rbx, cr4
      or rbx, 4
      mov cr4, rbx
      xor ebx, ebx
      mov r9, cr4
      mov rbx, r9
      call show
      and r9, -5
      mov cr4, r9
      mov rbx, cr4
      call show
      mov rdi, elf
      mov rsi, sections
      mov r15, 7
      call finalize
      cmp r15, 7
      jne bad
      call module
      mov r10, rax
      call letter
      mov al, 77
      call put
      mov r14d, rounds
      program:
      mov rsp, stack
      push 0x2b
      push user_stack
      push 0x202
      push 0x33
      push user
      iretq

      align 16
      fault:
      nop
      nop
      nop
      cld
      mov al, 71
      call put
      call letter
      cmp r13d, 0
      jne bad
      dec r14d
      jnz program
      mov rbx, cr4
      or rbx, 4
      mov cr4, rbx
      mov rbx, cr4
      call show
      mov r14d, 1
      cmp byte [forbidden], 0
      mov byte [forbidden], 1
      je program
      mov edx, exit_port
      mov al, exit_code
      out dx, al
      hlt
      bad:
      mov al, 60
      call put
      cli
      hlt

      show:
      mov al, 45
      and ebx, 4
      jz put
      mov al, 100
      put:
      mov edx, uart
      out dx, al
      ret

      letter:
      mov rax, r10
      and al, 15
      add al, 97
      jmp put

      align 16
      finalize:
      db 0x0f, 0x1f, 0x44, 0, 0
      push r15
      xor r15, r15
      pop r15
      ret
      forbidden:
      db 0
      """;

  /** Straddles two pages. */
  private static final String MODULE_TEXT =
      """
      nop
      rdtsc
      mov r11, cr4
      mov cr4, r11
      shl rdx, 32
      or rax, rdx
      ret
      """;

  private static final String READS =
      """
      mov ecx, reads
      again:
      rdtsc
      shl rdx, 32
      or rax, rdx
      cmp rax, r8
      jae rises
      inc r13d
      rises:
      mov r8, rax
      xor r10, rax
      dec ecx
      jnz again
      hlt
      """;

  private final ExactTsc exact;
  private final int rounds;
  private final int reads;

  /**
   * @param exact learns where the kernel was patched
   * @param rounds how often the program is run
   * @param reads of the counter in each; 0 for a program that does not read it
   */
  public PatchedGuest(ExactTsc exact, int rounds, int reads) {
    this.exact = exact;
    this.rounds = rounds;
    this.reads = reads;
  }

  @Override
  public void load(GuestMemory memory, CpuState state) {
    Assembler kernel = kernel();
    byte[] code = kernel.assemble();
    try (BareGuest bare = new BareGuest()) {
      bare.gate(13, kernel.address("fault"), 0);
      byte[] tables = new byte[PAGES_END];
      bare.memory().read(0, tables, 0, tables.length);
      memory.write(0, tables, 0, tables.length);
      state.set(bare.kernel64(BareGuest.CODE));
    }
    memory.write(BareGuest.CODE, code, 0, code.length);
    String program = reads == 0 ? "hlt" : READS;
    write(memory, PROGRAM, new Assembler(PROGRAM, 64).define("reads", reads).add(program));
    module(memory);
    patch(memory, kernel, code);
  }

  private Assembler kernel() {
    return new Assembler(BareGuest.CODE, 64)
        .define("elf", ELF)
        .define("sections", SECTIONS)
        .define("module", MODULE)
        .define("rounds", rounds)
        .define("stack", BareGuest.KERNEL_STACK)
        .define("user", PROGRAM)
        .define("user_stack", PROGRAM + 0x2000)
        .define("uart", MachineLayout.UART0)
        .define("exit_port", MachineLayout.DEBUG_EXIT)
        .define("exit_code", EXIT_CODE)
        .add(KERNEL);
  }

  /** As Linux hands it to module_finalize(): section headers with addresses, a symbol table with addresses. */
  private static void module(GuestMemory memory) {
    int size = write(memory, MODULE, new Assembler(MODULE, 64).add(MODULE_TEXT));
    memory.write32(ELF, 0x464c457f);
    memory.write16(ELF + 58, 64);
    memory.write16(ELF + 60, 3);
    section(memory, 1, 1, 6, MODULE, size);
    section(memory, 2, 2, 2, SYMBOLS, 24);
    memory.write8(SYMBOLS + 4, 2);
    memory.write16(SYMBOLS + 6, 1);
    memory.write64(SYMBOLS + 8, MODULE);
  }

  private static void section(
      GuestMemory memory, int index, int type, long flags, long address, long size) {
    long at = SECTIONS + 64L * index;
    memory.write32(at + 4, type);
    memory.write64(at + 8, flags);
    memory.write64(at + 16, address);
    memory.write64(at + 32, size);
  }

  private void patch(GuestMemory memory, Assembler kernel, byte[] code) {
    long at = BareGuest.CODE;
    KernelMap map =
        new KernelMap(List.of(new KernelMap.Section(".text", at, at, code.length + 64, true)));
    RdtscSites found = RdtscSites.find(".text", code, at, at, Boundaries.of(at));
    CodeBytes bytes = CodeBytes.physical(memory);
    ControlPatch.apply(found.controls(), bytes);
    EntryPatch fault = entry(map, bytes, kernel.address("fault"));
    EntryPatch module = entry(map, bytes, kernel.address("finalize"));
    fault.apply(bytes, StopPort.FAULT);
    module.apply(bytes, StopPort.MODULE);
    exact.stopAt(fault, module);
  }

  private static EntryPatch entry(KernelMap map, CodeBytes bytes, long address) {
    return Objects.requireNonNull(EntryPatch.of(map, bytes, address));
  }

  private static int write(GuestMemory memory, long address, Assembler code) {
    byte[] bytes = code.assemble();
    memory.write(address, bytes, 0, bytes.length);
    return bytes.length;
  }
}
