package dev.lockstep.softcpu.host;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.Set;

/** The software CPU in the same surroundings as the host's traced process: ring 3, code and data at the same addresses, everything else out of reach. */
final class SoftCpu implements AutoCloseable {
  private static final long SUPERVISOR = 3;
  private static final int CODE = 0xfb;
  private static final int DATA = 0xf3;
  private static final int WIDE = 1 << 14;

  private final BareGuest guest =
      new BareGuest(HostCase.CODE_PAGE, 4096, HostCase.DATA, HostCase.DATA_BYTES);
  private final SoftVcpu cpu;
  private final byte[] pattern = HostCase.pattern();
  private final byte[] now = new byte[HostCase.DATA_BYTES];

  SoftCpu() {
    for (long page = 0; page < 4 << 20; page += 4096) {
      guest.map(page, page, SUPERVISOR);
    }
    guest.load(HostCase.DATA, pattern);
    cpu =
        SoftVcpu.create(
            CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, BranchSemantics.ALL_TRANSFERS);
  }

  /** Executes one case. */
  Outcome run(HostCase test) {
    byte[] code = new byte[32];
    java.util.Arrays.fill(code, (byte) 0x90);
    System.arraycopy(test.code(), 0, code, 0, test.code().length);
    guest.load(HostCase.CODE, code);
    CpuState s = test.mode() == 64 ? guest.user64(test.start()) : guest.user32(test.start());
    if (HostCase.isSegmented(test.mode())) {
      segments(s, test.mode() == 16 ? 0 : WIDE);
    }
    System.arraycopy(test.registers(), 0, s.gpr, 0, 16);
    s.rflags = test.rflags();
    cpu.setState(s);
    VcpuExit exit = cpu.step();
    if (exit instanceof VcpuExit.Unsupported unsupported) {
      throw new AssertionError("unsupported: " + unsupported.what() + "\n" + test);
    }
    cpu.getState(s);
    boolean delivered = s.segments[CpuState.CS].selector == BareGuest.KERNEL_CODE;
    int vector = delivered ? BareGuest.vectorAt(s.rip) : -1;
    Outcome outcome;
    if (vector < 0) {
      outcome = new Outcome(Set.of(), 0, s.gpr.clone(), s.rflags, s.rip - test.start());
    } else {
      outcome = faulted(s, vector, test.start());
    }
    guest.memory().read(HostCase.DATA, now, 0, now.length);
    if (java.util.Arrays.mismatch(now, pattern) >= 0) {
      for (int i = 0; i < now.length; i++) {
        if (now[i] != pattern[i]) {
          outcome.changes().put(i, now[i]);
        }
      }
      guest.load(HostCase.DATA, pattern);
    }
    return outcome;
  }

  /** Segments by the byte, of 16 or 32 bits, as the host's child has them in its LDT. */
  private static void segments(CpuState s, int wide) {
    int selector = wide == 0 ? 7 : 0x17;
    s.segments[CpuState.CS].set(selector, HostCase.CODE_PAGE, 4095, CODE | wide);
    for (int i : new int[] {CpuState.ES, CpuState.DS}) {
      s.segments[i].set(selector + 8, HostCase.DATA, HostCase.DATA_BYTES - 1, DATA | wide);
    }
    s.segments[CpuState.SS].set(0x1f, HostCase.DATA, HostCase.DATA_BYTES - 1, DATA | WIDE);
  }

  /** Takes RIP, RSP and RFLAGS from the frame that the exception pushed. */
  private Outcome faulted(CpuState s, int vector, long start) {
    long frame = s.gpr[4];
    boolean errorCode = vector >= 10 && vector <= 14 || vector == 8 || vector == 17;
    long at = errorCode ? frame + 8 : frame;
    long rip = guest.memory().read64(at);
    long rflags = guest.memory().read64(at + 16);
    long[] registers = s.gpr.clone();
    registers[4] = guest.memory().read64(at + 24);
    return new Outcome(Set.of(vector), s.cr2, registers, rflags, rip - start);
  }

  @Override
  public void close() {
    cpu.close();
    guest.close();
  }
}
