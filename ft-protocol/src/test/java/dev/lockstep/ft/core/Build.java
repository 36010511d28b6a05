package dev.lockstep.ft.core;

/** The protocol as it ships, and the builds with one rule broken that the simulation must catch. */
public enum Build {
  /** As it ships. */
  PRODUCTION(Canary.NONE),
  /** Outputs leave once the last input before them is acknowledged. */
  NO_OUTPUT_ENTRIES(
      new Canary() {
        @Override
        boolean recordsOutputs() {
          return false;
        }
      }),
  /** The backup replays as fast as it can, past the last mark and record. */
  NO_PROGRESS_MARKS(
      new Canary() {
        @Override
        boolean heedsMarks() {
          return false;
        }
      }),
  /** Messages of any epoch are heard. */
  NO_EPOCH_CHECK(
      new Canary() {
        @Override
        boolean hears(long ours, long theirs) {
          return true;
        }
      }),
  /** A new primary believes that everything in the log has left. */
  NO_RELEASED_WATERMARK(
      new Canary() {
        @Override
        long resendAfter(long releasedWatermark, long outputsProduced) {
          return outputsProduced;
        }
      });

  private final Canary canary;

  Build(Canary canary) {
    this.canary = canary;
  }

  /** A primary at power-on. */
  public PrimaryCore primary(
      VmId vm, ReplicaInstance self, Timing timing, Limits limits, StartPolicy policy) {
    return new PrimaryCore(vm, self, 1, timing, limits, policy, canary);
  }

  /** A primary after go-live. */
  public PrimaryCore primary(
      Takeover takeover, ReplicaInstance self, Timing timing, Limits limits) {
    return new PrimaryCore(takeover, self, timing, limits, canary);
  }

  /** A backup. */
  public BackupCore backup(ReplicaInstance self, Timing timing) {
    return new BackupCore(self, timing, canary);
  }
}
