package dev.lockstep.engine.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/** One machine under test: a bare guest, the engine's vCPU on it, and short ways to ask where it stands. */
final class Rig implements AutoCloseable {
  static final int RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RSI = 6, RDI = 7;
  static final long IF = 1 << 9;
  static final long RF = 1 << 16;

  /** Free memory for the guest's data. */
  static final long DATA = 0x10_0000;

  /** Top of a stack for user mode. */
  static final long USER_STACK = 0x18_0000;

  /** A page of linear addresses, mapped to the same guest-physical ones, without memory behind it. */
  static final long DEVICE = 0x50_0000;

  final BareGuest guest = new BareGuest();
  final Vcpu vcpu;
  private final EngineUnderTest engine;
  private final CpuState state = new CpuState();
  private Assembler code = new Assembler(BareGuest.CODE, 64);

  Rig(EngineUnderTest engine, BranchSemantics semantics) {
    this.engine = engine;
    guest.map(DEVICE, DEVICE, 3);
    vcpu = engine.create(guest.memory(), semantics);
  }

  /** Loads a program and stands at its start, in ring 0 with interrupts off; all general registers but RSP are 0. */
  Rig code(String source) {
    return code(source, s -> {});
  }

  /** The same, with changes to the state. */
  Rig code(String source, Consumer<CpuState> change) {
    assemble(source);
    CpuState s = guest.kernel64(BareGuest.CODE);
    change.accept(s);
    vcpu.setState(s);
    return this;
  }

  /** Loads a program and stands at its start in ring 3, interrupts on. */
  Rig userCode(String source, Consumer<CpuState> change) {
    assemble(source);
    CpuState s = guest.user64(BareGuest.CODE);
    s.gpr[RSP] = USER_STACK;
    change.accept(s);
    vcpu.setState(s);
    return this;
  }

  private void assemble(String source) {
    code = new Assembler(BareGuest.CODE, 64).define("data", DATA).define("device", DEVICE);
    guest.load(BareGuest.CODE, code.add(source).assemble());
  }

  static void interruptsOn(CpuState s) {
    s.rflags |= IF;
  }

  /** The address of a label of the program. */
  long at(String label) {
    return code.address(label);
  }

  /** Sends a vector to a label of the program. */
  void handle(int vector, String label) {
    guest.gate(vector, at(label), 0);
  }

  VcpuExit run() {
    Future<?> watch = Watchdog.watch(vcpu);
    try {
      return vcpu.run(Long.MAX_VALUE);
    } finally {
      watch.cancel(false);
    }
  }

  /** Runs to an exit, which must be of that kind. */
  <T extends VcpuExit> T run(Class<T> kind) {
    VcpuExit exit = run();
    assertThat(exit).as("at %#x", state().rip).isInstanceOf(kind);
    return kind.cast(exit);
  }

  /** Runs to HLT, which must be the next exit. */
  void runToHalt() {
    assertThat(run()).as("at %#x", state().rip).isEqualTo(VcpuExit.Halt.HALT);
  }

  /** Runs to HLT in the handler of that vector. */
  void runToHandler(int vector) {
    runToHalt();
    assertThat(vector()).as("vector").isEqualTo(vector);
  }

  /** Runs to the HLT just before the label. */
  void runToHaltBefore(String label) {
    runToHalt();
    assertThat(rip()).as("RIP past HLT").isEqualTo(at(label));
  }

  void step(VcpuExit expected) {
    assertThat(vcpu.step()).as("step at %#x", rip()).isEqualTo(expected);
  }

  /** The vector of the handler in whose HLT the guest stands, or -1. */
  int vector() {
    return BareGuest.vectorAt(rip() - 1);
  }

  /** The state as it is now; overwritten by the next call. */
  CpuState state() {
    vcpu.getState(state);
    return state;
  }

  /** Puts the guest somewhere else. */
  void change(Consumer<CpuState> how) {
    CpuState s = new CpuState();
    vcpu.getState(s);
    how.accept(s);
    vcpu.setState(s);
  }

  long rip() {
    return state().rip;
  }

  long reg(int number) {
    return state().gpr[number];
  }

  long mem(long address) {
    return guest.memory().read64(address);
  }

  /** What the last delivery pushed, with the stack as the handler found it. */
  Frame frame(boolean errorCode) {
    long at = reg(RSP) + (errorCode ? 8 : 0);
    return new Frame(
        errorCode ? mem(at - 8) : 0,
        mem(at),
        mem(at + 8),
        mem(at + 16),
        mem(at + 24),
        mem(at + 32));
  }

  /** An interrupt's stack frame in 64-bit mode (Intel SDM vol. 3A figure 6-9). */
  record Frame(long errorCode, long rip, long cs, long rflags, long rsp, long ss) {}

  /** Clears the dirty bits: the guest-physical addresses of the pages that were dirty. */
  Set<Long> harvest() {
    engine.collectDirty(vcpu);
    Set<Long> pages = new TreeSet<>();
    guest.memory().harvestDirty(pages::add);
    return pages;
  }

  /** A hash of all memory. */
  long memoryHash() {
    CRC32C crc = new CRC32C();
    GuestMemory memory = guest.memory();
    crc.update(memory.segment().asByteBuffer());
    return crc.getValue();
  }

  @Override
  public void close() {
    vcpu.close();
    guest.close();
  }
}
