package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupLoss;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Boundary;
import dev.lockstep.vmm.machine.CheckpointFit;
import dev.lockstep.vmm.machine.LogSource;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.concurrent.ExecutionException;

/**
 * A checkpoint that a backup receives, beside its machine until it is there whole. Then a machine is made of it, or, if it holds only what may differ, put into
 * the machine that is there: but not before it is seen that this will make it what the primary's was, so that a checkpoint that lacks something changes nothing.
 */
final class Staging implements AutoCloseable {
  /** It cannot be used: why, in a word and in a sentence. */
  static final class UnusableException extends Exception {
    private static final long serialVersionUID = 1L;

    private final BackupLoss reason;

    UnusableException(BackupLoss reason, String detail) {
      super(detail);
      this.reason = reason;
    }

    BackupLoss reason() {
      return reason;
    }
  }

  /**
   * A machine made of a checkpoint.
   *
   * @param header what the log that it follows begins with
   */
  record Restored(
      Machine machine,
      LogHeader header,
      WrittenSince since,
      Position position,
      CheckpointFile.Stand stand,
      CheckpointFile.Outputs outputs) {}

  private final CheckpointFile file;

  private Staging(CheckpointFile file) {
    this.file = file;
  }

  /** Of what the peer sends that the host has a link to. */
  static Staging begin(Host host) throws IOException {
    return new Staging(
        CheckpointFile.create(
            host.settings.workFolder(), CheckpointFile.Layout.of(host.protocolVersion())));
  }

  void append(Payload chunk) throws IOException {
    file.append(chunk);
  }

  /** Where the primary's machine stood. */
  CheckpointFile.Stand stand() throws IOException {
    return file.stand();
  }

  /** Makes a machine of it. Takes long. */
  Restored restore(MachineSource source, long epoch) throws UnusableException {
    try (DataInputStream in = file.read()) {
      CheckpointFile.Stand stand = file.stand();
      CheckpointFile.Outputs outputs = file.outputs();
      CheckpointReader reader = new CheckpointReader(in);
      Machine restored = source.restore(reader);
      WrittenSince since = restored.atBoundary(WrittenSince::begin).get();
      Position position = Moments.position(restored.atBoundary(Boundary::moment).get());
      LogHeader header = withEpoch(reader.header(), epoch);
      return new Restored(restored, header, since, position, stand, outputs);
    } catch (IOException e) {
      throw new UnusableException(
          BackupLoss.CHECKPOINT_FAILED, "the checkpoint is damaged: " + e.getMessage());
    } catch (RuntimeException e) {
      throw new UnusableException(BackupLoss.HOST_FAILED, String.valueOf(e.getMessage()));
    } catch (ExecutionException | InterruptedException e) {
      throw new UnusableException(
          BackupLoss.HOST_FAILED, "the restored machine cannot be looked at: " + e);
    }
  }

  /**
   * Makes a diverged machine what the primary's was, and lets it follow on. Takes long.
   *
   * @param since what that machine has written; from now on, since it was equal
   * @param gate the machine's; what the primary held is held there as well
   * @param outputsBefore how many outputs the primary's machine had produced
   * @return false if the machine would not be made equal by it: nothing was touched
   * @throws UnusableException if the machine is of no more use
   */
  boolean resynchronise(
      Machine machine, LogSource source, WrittenSince since, HeldOutputs gate, long outputsBefore)
      throws UnusableException {
    try {
      CheckpointFit fit;
      try (DataInputStream in = file.read()) {
        fit = CheckpointFit.of(new CheckpointReader(in));
      }
      if (!machine.atBoundary(fit::fits).get()) {
        return false;
      }
      // What the checkpoint itself writes counts as written since: that is more than needed, never
      // less.
      machine
          .atBoundary(boundary -> {
            since.collect(boundary);
            since.mark();
            since.equalAtMark();
            return since;
          })
          .get();
      // Before the machine can put out anything more.
      gate.adopt(machine.atBoundary(Boundary::moment).get(), outputsBefore, file.outputs());
      try (DataInputStream in = file.read()) {
        machine.resynchronise(new CheckpointReader(in), source).get();
      }
      return true;
    } catch (IOException e) {
      throw new UnusableException(
          BackupLoss.CHECKPOINT_FAILED, "the resynchronisation cannot be read: " + e.getMessage());
    } catch (RuntimeException | ExecutionException | InterruptedException e) {
      throw new UnusableException(
          BackupLoss.CHECKPOINT_FAILED, "the resynchronisation failed: " + e.getMessage());
    }
  }

  private static LogHeader withEpoch(LogHeader header, long epoch) {
    return new LogHeader(
        header.vm(),
        epoch,
        header.engine(),
        header.cpuModel(),
        header.cpuModelDigest(),
        header.semantics(),
        header.configuration(),
        header.devices(),
        header.disks(),
        header.start(),
        header.startNanos(),
        header.wallClockNanos(),
        header.initial());
  }

  /** Removes the file. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}
