package dev.lockstep.softcpu.oracle;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.softcpu.SoftVcpu;

/** The software CPU, the one that is compared: it steps over each case's instruction. */
final class SoftOracle implements AutoCloseable {
  private final Ring3World world = new Ring3World();
  private final Vcpu vcpu =
      SoftVcpu.create(
          CpuModel.LOCKSTEP_V1_TSC, world.memory(), count -> count, BranchSemantics.ALL_TRANSFERS);

  OracleResult execute(OracleCase asked) {
    CpuState state = world.state();
    world.load(asked);
    vcpu.setState(state);
    VcpuExit exit = vcpu.step();
    // A repeated string instruction takes one step an iteration.
    vcpu.getState(state);
    while (exit instanceof VcpuExit.Stepped
        && state.rip == asked.entry()
        && state.segments[CpuState.CS].dpl() == 3
        && isRepeated(asked)) {
      exit = vcpu.step();
      vcpu.getState(state);
    }
    if (!(exit instanceof VcpuExit.Stepped)) {
      throw new AssertionError("the software CPU left with " + describe(exit) + " on " + asked);
    }
    return world.result();
  }

  private static String describe(VcpuExit exit) {
    return exit instanceof VcpuExit.Unsupported unsupported
        ? "Unsupported(" + unsupported.what() + ")"
        : exit.toString();
  }

  private static boolean isRepeated(OracleCase asked) {
    for (byte one : asked.code()) {
      int value = one & 0xff;
      if (value == 0xf2 || value == 0xf3) {
        return true;
      }
      boolean override = value >= 0x64 && value < 0x68 || (value & 0xe7) == 0x26;
      boolean rex = asked.mode() == OracleCase.MODE_64 && (value & 0xf0) == 0x40;
      if (!override && !rex) {
        return false;
      }
    }
    return false;
  }

  @Override
  public void close() {
    vcpu.close();
    world.close();
  }
}
