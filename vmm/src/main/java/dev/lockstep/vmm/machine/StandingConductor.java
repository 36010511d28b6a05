package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.EndReason;
import org.jspecify.annotations.Nullable;

/** A replica whose replay has diverged: it stands where that was found until somebody decides what becomes of it. */
final class StandingConductor implements Conductor {
  private final MachineCore core;
  private final Mailbox mailbox;
  private final long epoch;

  StandingConductor(MachineCore core, Mailbox mailbox, long epoch) {
    this.core = core;
    this.mailbox = mailbox;
    this.epoch = epoch;
  }

  @Override
  public @Nullable MachineEnd turn() throws InterruptedException {
    mailbox.await(Long.MAX_VALUE);
    return null;
  }

  @Override
  public MachineEnd stop() {
    return core.end(EndReason.STOPPED, false, false);
  }

  @Override
  public void close() {
    // There is nothing that it has opened.
  }

  @Override
  public MachineMode mode() {
    return MachineMode.FOLLOW;
  }

  @Override
  public long epoch() {
    return epoch;
  }

  @Override
  public boolean waiting() {
    return true;
  }

  @Override
  public boolean readyForLife() {
    return true;
  }
}
