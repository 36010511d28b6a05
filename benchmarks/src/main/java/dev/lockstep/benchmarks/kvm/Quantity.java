package dev.lockstep.benchmarks.kvm;

import static dev.lockstep.engine.testkit.Asm.*;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/** What is timed: the guest's code, and how often in a turn. */
enum Quantity {
  PORT_WRITE("port write", 600),
  PORT_READ("port read", 600),
  MMIO_WRITE("MMIO write", 600),
  MMIO_READ("MMIO read", 600),
  STEP("single step", 600),
  REGISTERS_READ("general registers read", 1000),
  REGISTERS_WRITE("general registers write", 1000),
  STATE_READ("whole state read", 600),
  STATE_WRITE("whole state write", 600),
  HARVEST_CLEAN("dirty log of 512 MiB, clean", 500),
  HARVEST_1_PERCENT("dirty log of 512 MiB, 1 % dirty", 10),
  HARVEST_ALL("dirty log of 512 MiB, all dirty", 1),
  KICK_RING_0("kick to KVM_RUN's return, ring 0", 40),
  KICK_RING_3("kick to KVM_RUN's return, ring 3", 40),
  KICK_TAKEN_RING_3("kick to its being taken, ring 3", 40);

  /** The port that is read and written. */
  static final int PORT = 0x80;

  /** Where there is a device instead of memory. */
  static final long DEVICE = 0x8000_0000L;

  /** Behind the tables, which grow with the memory that they map. */
  static final long CODE = 0x20_0000;

  private static final long SMALL = 0x40_0000, LARGE = 512L << 20;
  private static final int PAGE = 4096, PERCENT = 100;

  /** Of a page table's entry: present and writable. */
  private static final long PRESENT_WRITABLE = 3;

  final String title;
  final int samples;

  Quantity(String title, int samples) {
    this.title = title;
    this.samples = samples;
  }

  /** Its name on the command line and in {@code kvm-loops.c}. */
  String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  boolean isHarvest() {
    return this == HARVEST_CLEAN || this == HARVEST_1_PERCENT || this == HARVEST_ALL;
  }

  boolean isExit() {
    return this == PORT_WRITE || this == PORT_READ || this == MMIO_WRITE || this == MMIO_READ;
  }

  boolean isKick() {
    return this == KICK_RING_0 || this == KICK_RING_3 || this == KICK_TAKEN_RING_3;
  }

  /** Whether the engine offers it: a kick ends the engine's run only when it is taken, and registers alone it does not read. */
  boolean isOfEngine() {
    return switch (this) {
      case KICK_RING_0, KICK_RING_3, REGISTERS_READ, REGISTERS_WRITE -> false;
      default -> true;
    };
  }

  /** Whether the bindings alone do it: walking the dirty log is the engine's work. */
  boolean isOfBindings() {
    return !isHarvest();
  }

  /** A guest with the code in its memory. */
  BareGuest guest() {
    BareGuest guest = isHarvest() ? new BareGuest(SMALL, LARGE - SMALL) : new BareGuest();
    guest.map(DEVICE, DEVICE, PRESENT_WRITABLE);
    guest.load(CODE, code());
    return guest;
  }

  /** A guest's memory as one region, so that it is one slot; no page is dirty. */
  static GuestMemory memory(BareGuest guest) {
    MemorySegment segment = guest.memory().segment();
    return new GuestMemory(segment, List.of(new GuestMemory.Region(0, segment.byteSize(), 0)));
  }

  /** Where the guest begins. */
  CpuState start(BareGuest guest) {
    boolean user = this == KICK_RING_3 || this == KICK_TAKEN_RING_3;
    CpuState state = user ? guest.user64(CODE) : guest.kernel64(CODE);
    state.gpr[RBX] = DEVICE;
    return state;
  }

  private byte[] code() {
    Asm asm = new Asm(CODE).label("again");
    switch (this) {
      case PORT_WRITE -> asm.out(PORT);
      case PORT_READ -> asm.in(PORT);
      case MMIO_WRITE -> asm.hex("89 03"); // mov [rbx], eax
      case MMIO_READ -> asm.hex("8b 03"); // mov eax, [rbx]
      case HARVEST_1_PERCENT -> touch(asm, PERCENT).out(PORT);
      case HARVEST_ALL -> touch(asm, 1).out(PORT);
      case STEP -> asm.nop().nop().nop().nop();
      case KICK_RING_0,
          KICK_RING_3,
          KICK_TAKEN_RING_3,
          REGISTERS_READ,
          REGISTERS_WRITE,
          STATE_READ,
          STATE_WRITE,
          HARVEST_CLEAN -> {}
    }
    return asm.jmp("again").bytes();
  }

  /** Writes one byte to every so manieth page behind the code. */
  private static Asm touch(Asm asm, int stride) {
    long pages = pagesTouched(stride);
    asm.movi(RDI, SMALL).movi(RCX, pages).label("page").store8(RDI, 0, RCX);
    return asm.alui(ADD, RDI, stride * PAGE).dec(RCX).jcc(NE, "page");
  }

  private static long pagesTouched(int stride) {
    return ((LARGE - SMALL) / PAGE + stride - 1) / stride;
  }

  /** How many pages one sample's dirty log must name at least; the guest's page tables come on top. */
  long leastPages() {
    return switch (this) {
      case HARVEST_1_PERCENT -> pagesTouched(PERCENT);
      case HARVEST_ALL -> pagesTouched(1);
      default -> 0;
    };
  }
}
