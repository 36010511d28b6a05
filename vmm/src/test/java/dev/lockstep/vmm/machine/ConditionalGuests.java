package dev.lockstep.vmm.machine;

import static dev.lockstep.vmm.machine.Assembly.NOT_ZERO;
import static dev.lockstep.vmm.machine.Assembly.RAX;
import static dev.lockstep.vmm.machine.Assembly.RBX;
import static dev.lockstep.vmm.machine.Assembly.RCX;
import static dev.lockstep.vmm.machine.Assembly.RDI;
import static dev.lockstep.vmm.machine.Assembly.RDX;
import static dev.lockstep.vmm.machine.Assembly.RSI;

import dev.lockstep.vmm.MachineLayout;
import java.util.Random;

/** Guests that make it hard to name a moment by conditional branches alone. Each echoes what is typed, and ends at a 'q' with a byte of what it has mixed. */
final class ConditionalGuests {
  private static final int COUNTER = Guests.DATA + 24;

  /** CMOVZ RDX, RAX; JMP RDX. */
  private static final int[] CHOOSE = {0x48, 0x0f, 0x44, 0xd0, 0xff, 0xe2};

  private ConditionalGuests() {}

  /** Blocks of many kinds in a random order, for ever, under handlers with or without branches. */
  static GuestLoader random(Random random) {
    Assembly it = new Assembly(Guests.CODE);
    boolean branches = random.nextBoolean();
    if (!branches) {
      handlersWithoutBranches(it);
    }
    start(it);
    it.label("main");
    int blocks = 3 + random.nextInt(8);
    for (int block = 0; block < blocks; block++) {
      block(it, random, "b" + block);
    }
    // One branch at least, or time would stand still.
    it.testAl(1).jcc(NOT_ZERO, "main").jmp("main");
    mix(it, branches);
    return Guests.load(it);
  }

  /** HLT and back, without a branch in the loop or in a handler: all that tells its halts apart is time. */
  static GuestLoader idle() {
    Assembly it = new Assembly(Guests.CODE);
    handlersWithoutBranches(it);
    start(it);
    it.label("main").hlt().jmp("main");
    mix(it, false);
    return Guests.load(it);
  }

  /** Is nearly always in a loop in which memory alone tells one round from the next, and mixes in in which it was interrupted. */
  static GuestLoader rounds() {
    Assembly it = new Assembly(Guests.CODE);
    handlersWithoutBranches(it);
    start(it);
    it.label("main");
    loopThatMemoryTellsApart(it, 300, "rounds");
    it.testAl(1).jcc(NOT_ZERO, "main").jmp("main");
    mix(it, false);
    return Guests.load(it);
  }

  /** Prints "on" without a branch and spins without one, deaf to interrupts. */
  static GuestLoader deaf() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    it.out(MachineLayout.UART0, 'o').out(MachineLayout.UART0, 'n').label("spin").jmp("spin");
    return Guests.load(it);
  }

  /** Jumps to what follows a HLT before it comes to that HLT with the same registers, then ends by a triple fault. */
  static GuestLoader halfKnown() {
    Assembly it = new Assembly(Guests.CODE);
    handlersWithoutBranches(it);
    start(it);
    it.mov(RAX, 0).jmp("behind").label("halt").hlt().label("behind");
    // The second time the way leads to the fault: the counter in memory alone tells which.
    it.load(RCX, COUNTER).aluImm(0, RCX, 1).store(COUNTER, RCX);
    it.mov(RSI, 0).jmp("choose").label("fault").raw(0xff, 0x24, 0x25).dword(-8);
    it.label("choose").aluImm(7, RCX, 2).mov(RCX, 0);
    it.mov(RDX, it.address("halt")).mov(RAX, it.address("fault")).raw(CHOOSE);
    mix(it, false);
    GuestLoader loaded = Guests.load(it);
    return (memory, state) -> {
      loaded.load(memory, state);
      // No gate for the page fault: it becomes a triple fault.
      state.idtLimit = 16 * (Guests.VECTOR_BASE + 16) - 1;
    };
  }

  private static void start(Assembly it) {
    it.label("start");
    Guests.programPic(it, 0xee, 0xff);
    Guests.programTimerAndUart(it);
    it.mov(RBX, 0x9e3779b97f4a7c15L).store(Guests.HASH, RBX).sti();
  }

  private static void mix(Assembly it, boolean branches) {
    if (branches) {
      Guests.handlers(it, 8);
    } else {
      it.label("mix").load(RDX, Guests.HASH).alu(0x31, RDX, RAX);
      it.mov(RAX, 0xbf58476d1ce4e5b9L).imul(RDX, RAX).store(Guests.HASH, RDX).ret();
    }
  }

  private static void block(Assembly it, Random random, String name) {
    switch (random.nextInt(8)) {
      case 0 -> {
        it.mov(RCX, 1 + random.nextInt(2000)).label(name);
        it.movReg(RAX, RCX).push(RCX).cli().call("mix").sti().pop(RCX);
        it.aluImm(5, RCX, 1).jcc(NOT_ZERO, name);
      }
      case 1 -> it.mov(RCX, 1 + random.nextInt(3000)).mov(RDI, Guests.BUFFER).repStosb();
      case 2 -> loopThatMemoryTellsApart(it, 1 + random.nextInt(300), name);
      case 3 -> it.hlt();
      case 4 -> it.load(RAX, Guests.HASH).testAl(7).jcc(NOT_ZERO, name).hlt().label(name);
      case 5 -> {
        it.load(RAX, Guests.HASH).testAl(0x18).jcc(NOT_ZERO, name).shr(RAX, 8);
        it.raw(0x24, 0x0f, 0x04, 'a').dx(MachineLayout.UART0).outAl().label(name);
      }
      case 6 -> it.dx(MachineLayout.PM_TIMER).inEax().cli().call("mix").sti();
      default -> {
        for (int i = random.nextInt(60); i > 0; i--) {
          it.mov(RSI, i).imul(RBX, RSI);
        }
      }
    }
  }

  /** So many rounds without a conditional branch, at whose every boundary all registers are as in the round before. */
  private static void loopThatMemoryTellsApart(Assembly it, int rounds, String name) {
    it.mov(RAX, rounds).store(COUNTER, RAX).jmp(name + "go");
    it.label(name + "over").jmp(name);
    it.label(name + "go").mov(RAX, it.address(name + "over"));
    it.label(name + "again").mov(RDX, it.address(name + "again"));
    it.load(RCX, COUNTER).aluImm(5, RCX, 1).store(COUNTER, RCX).mov(RCX, 0).raw(CHOOSE);
    it.label(name);
  }

  private static void handlersWithoutBranches(Assembly it) {
    it.label("quit").load(RAX, Guests.HASH).dx(MachineLayout.DEBUG_EXIT).outAl().hlt();
    it.label("done").out(MachineLayout.PIC_MASTER, 0x20).pop(RDX).pop(RAX).iretq();
    it.label("timer").push(RAX).push(RDX).dx(MachineLayout.PM_TIMER).inEax().call("mix");
    it.jmp("done");
    it.label("next").jmp("more");
    it.label("uart").push(RAX).push(RDX);
    it.label("read").dx(MachineLayout.UART0).inAl().outAl();
    it.push(RAX).raw(0x0f, 0xb6, 0xc0).call("mix").load(RAX, COUNTER).call("mix").pop(RAX);
    it.cmpAl('q').mov(RAX, it.address("quit")).mov(RDX, it.address("next")).raw(CHOOSE);
    // Until there is no more: an edge-triggered line would not rise again.
    it.label("more").dx(MachineLayout.UART0 + 5).inAl().testAl(1);
    it.mov(RAX, it.address("done")).mov(RDX, it.address("read")).raw(CHOOSE);
  }
}
