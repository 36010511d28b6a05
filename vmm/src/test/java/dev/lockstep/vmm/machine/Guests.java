package dev.lockstep.vmm.machine;

import static dev.lockstep.vmm.machine.Assembly.NOT_ZERO;
import static dev.lockstep.vmm.machine.Assembly.RAX;
import static dev.lockstep.vmm.machine.Assembly.RBX;
import static dev.lockstep.vmm.machine.Assembly.RCX;
import static dev.lockstep.vmm.machine.Assembly.RDI;
import static dev.lockstep.vmm.machine.Assembly.RDX;
import static dev.lockstep.vmm.machine.Assembly.ZERO;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;

/** Tiny 64-bit guests without an operating system. */
public final class Guests {
  static final int CODE = 0x10_0000;
  static final int STACK_TOP = 0x8_0000;

  /** Where guests keep what a test may look at. */
  public static final int DATA = 0x5_0000;

  static final int TICKS = DATA;
  static final int HASH = DATA + 8;
  static final int LAST_TICK = DATA + 16;
  static final int BUFFER = 0x20_0000;
  static final int VECTOR_BASE = 0x20;

  private static final int GDT = 0x500;
  private static final int IDT = 0x1000;
  private static final int PML4 = 0x9000;
  private static final int CODE_SELECTOR = 0x10;
  private static final int DATA_SELECTOR = 0x18;
  private static final int USER_DATA = 0x23, USER_CODE = 0x2b, TASK = 0x30;
  private static final int TSS = 0xd000, USER_STACK = 0x7_0000;

  private Guests() {}

  /** Ends at once with an exit code. */
  public static GuestLoader exit(int code) {
    return load(new Assembly(CODE).label("start").out(MachineLayout.DEBUG_EXIT, code));
  }

  /** Gives back what comes on the UART, which it asks again and again. */
  public static GuestLoader poller() {
    Assembly it = new Assembly(CODE).label("start").raw(0xba, 0xfd, 0x03, 0, 0, 0xec, 0xa8, 0x01);
    it.raw(0x74, 0xf6, 0xb2, 0xf8, 0xec, 0xee, 0xeb, 0xf0);
    return load(it);
  }

  /** Prints a text, then halts with interrupts off. */
  public static GuestLoader print(String text) {
    Assembly it = new Assembly(CODE).label("start");
    for (char c : text.toCharArray()) {
      it.out(MachineLayout.UART0, c);
    }
    return load(it.cli().hlt());
  }

  /**
   * A guest whose every output depends on when everything happened to it: a timer interrupt mixes the PM timer into a hash, a
   * UART interrupt mixes in the byte and echoes it, the main loop mixes, fills memory by REP STOSB, prints a byte of the hash
   * now and then, and halts now and then; it mixes in the TSC as well. A 'q' ends it with a byte of the hash as exit code.
   *
   * @param ticksPerPrint the timer handler prints the hash's low byte every so many ticks, a power of two
   */
  public static GuestLoader clockwork(int ticksPerPrint) {
    return clockwork(ticksPerPrint, 2000, true);
  }

  /**
   * The same for a CPU without a time-stamp counter.
   *
   * @param work how often it mixes between two points at which it may halt
   */
  public static GuestLoader clockworkWithoutCounter(int ticksPerPrint, int work) {
    return clockwork(ticksPerPrint, work, false);
  }

  private static GuestLoader clockwork(int ticksPerPrint, int work, boolean counter) {
    Assembly it = new Assembly(CODE).label("start");
    programPic(it, 0xee, 0xff);
    programTimerAndUart(it);
    it.mov(RBX, 0x9e3779b97f4a7c15L).store(HASH, RBX).sti();
    mainLoop(it, work, counter);
    it.jmp("main");
    handlers(it, ticksPerPrint);
    return load(it);
  }

  /** Sleeps until its UART wakes it, echoes, and sleeps again; a 'q' ends it. Its timer runs, and is masked. */
  public static GuestLoader sleeper() {
    Assembly it = new Assembly(CODE).label("start");
    programPic(it, 0xef, 0xff);
    programTimerAndUart(it);
    it.mov(RBX, 1).store(HASH, RBX).sti().label("main").hlt().jmp("main");
    handlers(it, 8);
    return load(it);
  }

  /** Prints "on!" and spins in ring 3 without an exit, interruptible by its UART; a 'q' is echoed and ends it. */
  public static GuestLoader spinner() {
    return spinner(0xef, 8);
  }

  /** The same with a timer, by each of whose interrupts it prints what they have made of the time. */
  public static GuestLoader tickingSpinner() {
    return spinner(0xee, 1);
  }

  private static GuestLoader spinner(int masterMask, int ticksPerPrint) {
    Assembly it = new Assembly(CODE).label("spin").aluImm(0, RBX, 1).jmp("spin").label("start");
    programPic(it, masterMask, 0xff);
    programTimerAndUart(it);
    it.mov(RBX, 1).store(HASH, RBX);
    for (char c : "on!".toCharArray()) {
      it.out(MachineLayout.UART0, c);
    }
    enterRing3(it, "spin");
    handlers(it, ticksPerPrint);
    return withRing3(load(it));
  }

  /** Goes to a label in ring 3, with interrupts on. */
  static void enterRing3(Assembly it, String label) {
    for (long word : new long[] {USER_DATA, USER_STACK, 0x202, USER_CODE, it.address(label)}) {
      it.mov(RAX, word).push(RAX);
    }
    it.iretq();
  }

  /** Pages open to ring 3, its segments, and a task state segment with the kernel's stack. */
  static GuestLoader withRing3(GuestLoader kernel) {
    return (memory, state) -> {
      kernel.load(memory, state);
      memory.write64(PML4, PML4 + 0x1000 + 7);
      memory.write64(PML4 + 0x1000, PML4 + 0x2000 + 7);
      memory.write64(PML4 + 0x2000, 0x87);
      memory.write64(GDT + (USER_DATA & ~7), 0x00cff3000000ffffL);
      memory.write64(GDT + (USER_CODE & ~7), 0x00affb000000ffffL);
      memory.write64(GDT + TASK, 0x67 | (long) TSS << 16 | 0x8bL << 40);
      // RSP0 (Intel SDM vol. 3A figure 8-11).
      memory.write64(TSS + 4, STACK_TOP);
      state.gdtLimit = TASK + 15;
      state.segments[CpuState.TR].set(TASK, TSS, 0x67, 0x8b);
    };
  }

  /** Writes a word to each of so many pages, from {@link #BUFFER} on, again and again without an exit. */
  public static GuestLoader dirtier(int pages) {
    Assembly it = new Assembly(CODE).label("start").mov(RAX, 0);
    it.label("round").mov(RBX, BUFFER).mov(RCX, pages).aluImm(0, RAX, 1);
    it.label("page").store32(RBX, RAX).aluImm(0, RBX, 4096).aluImm(5, RCX, 1);
    return load(it.jcc(NOT_ZERO, "page").jmp("round"));
  }

  /** As {@link #dirtier(int)}, with a loop of so many rounds between two pages. The number of rounds through all of them is at {@link #DATA}. */
  public static GuestLoader dirtier(int pages, int rest) {
    Assembly it = new Assembly(CODE).label("start").mov(RAX, 0);
    it.label("round").mov(RBX, BUFFER).mov(RCX, pages).aluImm(0, RAX, 1).store(DATA, RAX);
    it.label("page").store32(RBX, RAX).aluImm(0, RBX, 4096);
    it.mov(RDX, rest).label("rest").aluImm(5, RDX, 1).jcc(NOT_ZERO, "rest");
    return load(it.aluImm(5, RCX, 1).jcc(NOT_ZERO, "page").jmp("round"));
  }

  static void programTimerAndUart(Assembly it) {
    it.out(MachineLayout.PIT + 3, 0x34).out(MachineLayout.PIT, 0x00).out(MachineLayout.PIT, 0x08);
    it.out(MachineLayout.UART0 + 4, 0x0b).out(MachineLayout.UART0 + 1, 0x01);
  }

  static void handlers(Assembly it, int ticksPerPrint) {
    timerHandler(it, ticksPerPrint);
    uartHandler(it);
    // RAX mixed into the hash; clobbers RAX and RDX.
    it.label("mix").load(RDX, HASH).alu(0x31, RDX, RAX);
    it.mov(RAX, 0xbf58476d1ce4e5b9L).imul(RDX, RAX);
    it.movReg(RAX, RDX).shr(RAX, 29).alu(0x31, RDX, RAX).store(HASH, RDX).movReg(RAX, RDX).ret();
  }

  static void programPic(Assembly it, int masterMask, int slaveMask) {
    it.out(MachineLayout.PIC_MASTER, 0x11).out(MachineLayout.PIC_SLAVE, 0x11);
    it.out(MachineLayout.PIC_MASTER + 1, VECTOR_BASE);
    it.out(MachineLayout.PIC_SLAVE + 1, VECTOR_BASE + 8);
    it.out(MachineLayout.PIC_MASTER + 1, 0x04).out(MachineLayout.PIC_SLAVE + 1, 0x02);
    it.out(MachineLayout.PIC_MASTER + 1, 0x01).out(MachineLayout.PIC_SLAVE + 1, 0x01);
    it.out(MachineLayout.PIC_MASTER + 1, masterMask).out(MachineLayout.PIC_SLAVE + 1, slaveMask);
  }

  static void mainLoop(Assembly it, int work) {
    mainLoop(it, work, true);
  }

  static void mainLoop(Assembly it, int work, boolean counter) {
    it.label("main").mov(RCX, work).label("work");
    it.movReg(RAX, RCX).push(RCX).cli().call("mix").sti().pop(RCX);
    it.aluImm(5, RCX, 1).jcc(NOT_ZERO, "work");
    if (counter) {
      it.rdtsc();
    }
    it.cli().call("mix").sti();
    // Fills as many bytes as the hash says, so that interrupts fall into the instruction.
    it.load(RAX, HASH).movReg(RCX, RAX).aluImm(4, RCX, counter ? 0x3fff : 0x1ff);
    it.mov(RDI, BUFFER).repStosb();
    it.load(RAX, HASH).testAl(7).jcc(NOT_ZERO, "nohlt").hlt().label("nohlt");
    it.load(RAX, HASH).testAl(0x38).jcc(NOT_ZERO, "silent");
    it.shr(RAX, 8).raw(0x24, 0x0f, 0x04, 'a').dx(MachineLayout.UART0).outAl();
    it.label("silent");
  }

  /** {@link #clockwork} that quits by itself, after so many ticks of its timer. */
  public static GuestLoader clockworkUntil(int ticks) {
    return until(ticks, clockwork(8));
  }

  /** {@link #clockworkWithoutCounter} that quits by itself, after so many ticks of its timer. */
  public static GuestLoader clockworkUntil(int ticks, int work) {
    return until(ticks, clockwork(8, work, false));
  }

  private static GuestLoader until(int ticks, GuestLoader endless) {
    return (memory, state) -> {
      endless.load(memory, state);
      memory.write64(LAST_TICK, ticks);
    };
  }

  private static void timerHandler(Assembly it, int ticksPerPrint) {
    it.label("timer").push(RAX).push(RDX);
    it.dx(MachineLayout.PM_TIMER).inEax().call("mix");
    it.load(RAX, TICKS).aluImm(0, RAX, 1).store(TICKS, RAX);
    it.load(RDX, LAST_TICK).alu(0x39, RAX, RDX).jcc(ZERO, "quit");
    it.testAl(ticksPerPrint - 1).jcc(NOT_ZERO, "quiet");
    it.load(RAX, HASH).raw(0x24, 0x0f, 0x04, 'A').dx(MachineLayout.UART0).outAl();
    it.label("quiet").out(MachineLayout.PIC_MASTER, 0x20).pop(RDX).pop(RAX).iretq();
  }

  private static void uartHandler(Assembly it) {
    it.label("uart").push(RAX).push(RDX);
    it.label("more").dx(MachineLayout.UART0 + 5).inAl().testAl(1).jcc(ZERO, "drained");
    it.dx(MachineLayout.UART0).inAl().outAl().cmpAl('q').jcc(ZERO, "quit");
    // MOVZX EAX, AL
    it.raw(0x0f, 0xb6, 0xc0).call("mix").jmp("more");
    it.label("drained").out(MachineLayout.PIC_MASTER, 0x20).pop(RDX).pop(RAX).iretq();
    it.label("quit").load(RAX, HASH).dx(MachineLayout.DEBUG_EXIT).outAl().hlt();
  }

  /** Puts code that begins at label {@code start} into a machine in 64-bit mode, 1 GiB mapped one to one. */
  static GuestLoader load(Assembly code) {
    byte[] bytes = code.assemble();
    return (memory, state) -> {
      memory.write(CODE, bytes, 0, bytes.length);
      // Accessed already, as Linux has them: a KVM that emulates ring 0 does not set the bit at
      // IRET.
      memory.write64(GDT + 16, 0x00af9b000000ffffL);
      memory.write64(GDT + 24, 0x00cf93000000ffffL);
      memory.write64(PML4, PML4 + 0x1000 + 3);
      memory.write64(PML4 + 0x1000, PML4 + 0x2000 + 3);
      for (int i = 0; i < 512; i++) {
        memory.write64(PML4 + 0x2000 + 8L * i, ((long) i << 21) + 0x83);
      }
      // The GiB in which PCI's windows lie.
      memory.write64(PML4 + 0x1000 + 24, PML4 + 0x3000 + 3);
      for (int i = 0; i < 512; i++) {
        memory.write64(PML4 + 0x3000 + 8L * i, (3L << 30) + ((long) i << 21) + 0x83);
      }
      handler(memory, code, VECTOR_BASE, "timer");
      handler(memory, code, VECTOR_BASE + 4, "uart");
      handler(memory, code, VECTOR_BASE + 10, "disk");
      handler(memory, code, VECTOR_BASE + 11, "network");
      longMode(state);
      state.rip = code.address("start");
    };
  }

  private static void handler(GuestMemory memory, Assembly code, int vector, String label) {
    long address;
    try {
      address = code.address(label);
    } catch (IllegalStateException e) {
      return;
    }
    // Interrupt gate (Intel SDM vol. 3A 6.14.1).
    memory.write64(
        IDT + 16L * vector,
        address & 0xffff
            | (long) CODE_SELECTOR << 16
            | 0x8e00L << 32
            | (address >>> 16 & 0xffff) << 48);
    memory.write64(IDT + 16L * vector + 8, address >>> 32);
  }

  private static void longMode(CpuState state) {
    state.gpr[Assembly.RSP] = STACK_TOP;
    state.segments[CpuState.CS].set(CODE_SELECTOR, 0, 0xffff_ffffL, 0xa09b);
    for (int segment : new int[] {CpuState.DS, CpuState.ES, CpuState.SS}) {
      state.segments[segment].set(DATA_SELECTOR, 0, 0xffff_ffffL, 0xc093);
    }
    state.gdtBase = GDT;
    state.gdtLimit = 31;
    state.idtBase = IDT;
    state.idtLimit = 0xfff;
    state.cr0 = 0x8000_0033L;
    state.cr3 = PML4;
    state.cr4 = 0x20;
    state.efer = 0x500;
  }
}
