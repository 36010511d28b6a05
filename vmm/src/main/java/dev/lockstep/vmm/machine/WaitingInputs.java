package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** What waits to take effect on a live guest: ends of disk requests, entropy, frames, and what others gave to its mailbox. The vCPU's thread, but for the mailbox. */
final class WaitingInputs {
  private final Board board;
  private final Mailbox mailbox;
  private final BiPredicate<String, DiskRequest> keepsWaiting;
  private final Consumer<LogEntry.Input> input;
  private final ToIntFunction<byte[]> fitting;
  private final SecureRandom entropy = new SecureRandom();

  /**
   * @param keepsWaiting whether the guest is to see nothing, for now, of that failed request of that disk
   * @param input takes each that takes effect
   */
  WaitingInputs(
      Board board,
      Mailbox mailbox,
      BiPredicate<String, DiskRequest> keepsWaiting,
      Consumer<LogEntry.Input> input) {
    this.board = board;
    this.mailbox = mailbox;
    this.keepsWaiting = keepsWaiting;
    this.input = input;
    // Made once: a boundary makes no object.
    fitting = board::fittingFrames;
  }

  /** Lets every input that waits, and that the guest has room for, take effect at this boundary. */
  void take(Moment at) {
    completions(at);
    int wanted = board.entropyWanted();
    if (wanted > 0) {
      byte[] bytes = new byte[wanted];
      entropy.nextBytes(bytes);
      input.accept(new LogEntry.EntropyInput(at, DeviceIndexes.ENTROPY, bytes));
    }
    takeFrames(at);
    MachineInput next = mailbox.peekInput();
    while (next != null && takeOne(at, next)) {
      next = mailbox.peekInput();
    }
  }

  /** Gives the guest as many frames as it has buffers for. */
  private void takeFrames(Moment at) {
    if (!board.takesFrames()) {
      mailbox.dropFrames();
      return;
    }
    byte[] frames = mailbox.takeFrames(fitting);
    while (frames != null) {
      input.accept(new LogEntry.NetworkInput(at, board.networkIndex(), frames));
      frames = mailbox.takeFrames(fitting);
    }
  }

  /** The next request of a disk that is executed and whose end the guest is to see; or null. */
  private @Nullable DiskRequest completable(int disk) {
    DiskSet disks = board.disks();
    DiskRequest done = disks.firstExecuted(disk);
    if (done == null || done.status() == DiskStatus.OK) {
      return done;
    }
    return keepsWaiting.test(disks.store(disk).name(), done) ? null : done;
  }

  private boolean anyCompletable() {
    for (int i = 0; i < board.disks().count(); i++) {
      if (completable(i) != null) {
        return true;
      }
    }
    return false;
  }

  /** Completes every disk request that was executed. */
  private void completions(Moment at) {
    DiskSet disks = board.disks();
    for (int i = 0; i < disks.count(); i++) {
      for (DiskRequest done = completable(i); done != null; done = completable(i)) {
        DiskStatus status = done.status();
        if (status == null) {
          throw new IllegalStateException("%s has no status".formatted(done));
        }
        input.accept(
            new LogEntry.DiskCompletion(
                at, DeviceIndexes.FIRST_DISK + i, done.id(), status.ordinal()));
      }
    }
  }

  /** Applies one input; false if the guest has no room for all of it now. */
  private boolean takeOne(Moment at, MachineInput next) {
    switch (next) {
      case MachineInput.ConsoleBytes it -> {
        return takeConsole(at, it);
      }
      case MachineInput.NetworkFrames it ->
          throw new IllegalStateException("frames have a queue of their own");
      case MachineInput.CtrlAltDel it ->
          input.accept(new LogEntry.ControlInput(at, LogEntry.Control.CTRL_ALT_DEL, 0));
      case MachineInput.WallClockStep it ->
          input.accept(new LogEntry.ControlInput(at, LogEntry.Control.RTC_STEP, it.nanos()));
    }
    mailbox.removeInput();
    return true;
  }

  private boolean takeConsole(Moment at, MachineInput.ConsoleBytes next) {
    byte[] bytes = next.bytes();
    int room = Math.min(board.consoleRoom(next.device()), bytes.length);
    if (room > 0) {
      input.accept(new LogEntry.ConsoleInput(at, next.device(), Arrays.copyOf(bytes, room)));
    }
    if (room == bytes.length) {
      mailbox.removeInput();
      return true;
    }
    if (room > 0) {
      byte[] rest = Arrays.copyOfRange(bytes, room, bytes.length);
      mailbox.replaceInput(new MachineInput.ConsoleBytes(next.device(), rest));
    }
    return false;
  }

  /** Whether frames wait that the guest does not take. */
  boolean losesFrames() {
    return !board.takesFrames() && mailbox.hasFrames(packed -> packed.length);
  }

  /** Whether something could take effect now. */
  boolean any() {
    if (board.entropyWanted() > 0 || anyCompletable()) {
      return true;
    }
    if (board.takesFrames() && mailbox.hasFrames(fitting)) {
      return true;
    }
    MachineInput next = mailbox.peekInput();
    return next instanceof MachineInput.ConsoleBytes it
        ? board.consoleRoom(it.device()) > 0
        : next != null;
  }
}
