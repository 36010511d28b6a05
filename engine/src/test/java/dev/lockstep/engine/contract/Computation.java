package dev.lockstep.engine.contract;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.zip.CRC32C;

/** A machine that runs a {@link RandomProgram}: its ports are answered by a function of how many reads came before, and what it did can be compared. */
final class Computation implements AutoCloseable {
  /**
   * What a computation has come to.
   *
   * @param state digest of the registers
   * @param memory hash of code, data, stack and page tables
   * @param ports hash of what went through the ports so far
   */
  record Outcome(long state, long memory, long ports) {}

  final BareGuest guest;
  private final EngineUnderTest engine;
  private final BranchSemantics semantics;
  private final CpuState state = new CpuState();
  Vcpu vcpu;
  private long ports;

  Computation(EngineUnderTest engine, BranchSemantics semantics, byte[] program) {
    this.engine = engine;
    this.semantics = semantics;
    this.guest = new BareGuest();
    guest.load(BareGuest.CODE, program);
    byte[] data = new byte[RandomProgram.DATA_BYTES];
    new Random(7).nextBytes(data);
    guest.load(Rig.DATA, data);
    vcpu = engine.create(guest.memory(), semantics);
    vcpu.setState(guest.kernel64(BareGuest.CODE));
  }

  /** Does the machine's part of an exit; false if the program has ended. */
  boolean serve(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortRead read -> {
        ports = ports * 31 + 1;
        read.complete((int) (ports ^ ports >>> 17));
      }
      case VcpuExit.PortWrite write -> ports = (ports + 1) * 1_000_003 + write.value();
      case VcpuExit.Halt halt -> {
        return false;
      }
      case VcpuExit.Stepped stepped -> {}
      case VcpuExit.Deadline deadline -> {}
      case VcpuExit.Kicked kicked -> {}
      default -> throw new AssertionError("unexpected exit " + exit);
    }
    return true;
  }

  /** Runs to the end. */
  Outcome finish() {
    while (serve(vcpu.run(Long.MAX_VALUE))) {
      // On.
    }
    return outcome();
  }

  /** Moves to a fresh vCPU over the same memory, by the state's written form. Not at a read that waits. */
  void move(CpuState carried, boolean counted) {
    long count = counted ? vcpu.branchCount() : 0;
    vcpu.close();
    vcpu = engine.create(guest.memory(), semantics);
    vcpu.setState(carried);
    if (counted) {
      vcpu.setBranchCount(count);
    }
  }

  Outcome outcome() {
    vcpu.getState(state);
    CRC32C crc = new CRC32C();
    ByteBuffer memory = guest.memory().segment().asByteBuffer();
    crc.update(memory.slice(0, (int) BareGuest.CODE + 0x4000));
    long low = crc.getValue();
    crc.reset();
    crc.update(memory.slice((int) Rig.DATA, RandomProgram.DATA_BYTES));
    return new Outcome(state.digest(), low << 32 | crc.getValue(), ports);
  }

  @Override
  public void close() {
    vcpu.close();
    guest.close();
  }
}
