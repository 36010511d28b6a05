package dev.lockstep.benchmarks.kvm;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.function.LongConsumer;

/** The engine by its contract: what a machine calls. */
final class EngineSide extends JavaSide {
  private static final int ANSWER = 0x5a;

  private final Quantity quantity;
  private final BareGuest guest;
  private final GuestMemory memory;
  private final Vcpu vcpu;
  private final CpuState state;
  private final Work work;
  private final long branches;
  private final LongConsumer count = page -> pages++;

  /**
   * @param branches after which a run has its deadline, which no run reaches; {@link Long#MAX_VALUE} for none. A machine always gives one.
   */
  EngineSide(Kvm kvm, HostTraits traits, Quantity quantity, long branches) {
    this.branches = branches;
    this.quantity = quantity;
    this.guest = quantity.guest();
    this.memory = Quantity.memory(guest);
    this.vcpu =
        KvmVcpu.create(
            kvm,
            traits,
            CpuModel.LOCKSTEP_V1,
            memory,
            BranchSemantics.ALL_TRANSFERS,
            (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
    this.state = quantity.start(guest);
    vcpu.setState(state);
    // What the making of the guest has written is not the guest's.
    vcpu.collectDirty();
    memory.harvestDirty(page -> {});
    this.work = work();
    compile(work);
    if (quantity.isKick()) {
      compileKicks();
    }
  }

  private Work work() {
    return switch (quantity) {
      case PORT_WRITE -> new Work(this::portWrite);
      case PORT_READ -> new Work(this::portRead);
      case MMIO_WRITE -> new Work(this::mmioWrite);
      case MMIO_READ -> new Work(this::mmioRead);
      case STEP -> new Work(this::step);
      case STATE_READ -> new Work(() -> vcpu.getState(state));
      case STATE_WRITE -> new Work(() -> vcpu.setState(state));
      case HARVEST_CLEAN -> new Work(null, vcpu::collectDirty, this::countAndClear);
      case HARVEST_1_PERCENT, HARVEST_ALL ->
          new Work(this::portWrite, vcpu::collectDirty, this::countAndClear);
      case KICK_TAKEN_RING_3 -> new Work(this::runToKick);
      case KICK_RING_0, KICK_RING_3, REGISTERS_READ, REGISTERS_WRITE ->
          throw new IllegalStateException("the engine has no " + quantity);
    };
  }

  private VcpuExit run() {
    return vcpu.run(branches == Long.MAX_VALUE ? branches : vcpu.branchCount() + branches);
  }

  private void portWrite() {
    VcpuExit exit = run();
    if (exit instanceof VcpuExit.PortWrite w && w.port() == Quantity.PORT && w.width() == 1) {
      sink += w.value();
    } else {
      throw wrong(exit);
    }
  }

  private void portRead() {
    VcpuExit exit = run();
    if (exit instanceof VcpuExit.PortRead r && r.port() == Quantity.PORT && r.width() == 1) {
      r.complete(ANSWER);
    } else {
      throw wrong(exit);
    }
  }

  private void mmioWrite() {
    VcpuExit exit = run();
    if (exit instanceof VcpuExit.MmioWrite w && w.width() == 4) {
      sink += w.value();
    } else {
      throw wrong(exit);
    }
  }

  private void mmioRead() {
    VcpuExit exit = run();
    if (exit instanceof VcpuExit.MmioRead r && r.width() == 4) {
      r.complete(ANSWER);
    } else {
      throw wrong(exit);
    }
  }

  private void step() {
    VcpuExit exit = vcpu.step();
    if (exit != VcpuExit.Stepped.STEPPED) {
      throw wrong(exit);
    }
  }

  private void countAndClear() {
    memory.harvestDirty(count);
  }

  @Override
  long runToKick() {
    VcpuExit exit = run();
    if (exit != VcpuExit.Kicked.KICKED) {
      throw wrong(exit);
    }
    return System.nanoTime();
  }

  @Override
  void kick() {
    vcpu.kick();
  }

  @Override
  public void turn(long[] nanos) {
    if (quantity.isKick()) {
      timeKicks(nanos);
    } else {
      time(work, nanos);
    }
  }

  @Override
  public void close() {
    vcpu.close();
    guest.close();
  }
}
