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
      }),
  /** Outputs leave on receipt although the backup believes that they wait for its match. */
  NO_MATCH(
      new Canary() {
        @Override
        boolean waitsForMatch() {
          return false;
        }
      }),
  /** A backup that wins while it applies a resynchronisation goes live from what it has by then. */
  HALF_APPLIED(
      new Canary() {
        @Override
        boolean appliesWhole() {
          return false;
        }
      }),
  /** A primary that has handed over and hears nothing takes the guest back without asking. */
  TAKES_BACK(
      new Canary() {
        @Override
        boolean asksAfterHandOver() {
          return false;
        }
      });

  private final Canary canary;

  Build(Canary canary) {
    this.canary = canary;
  }

  /** A primary at power-on. */
  public PrimaryCore primary(
      VmId vm,
      ReplicaInstance self,
      Timing timing,
      Limits limits,
      OutputCommit commit,
      StartPolicy policy) {
    return new PrimaryCore(vm, self, 1, timing, limits, commit, policy, canary);
  }

  /** A primary after go-live. */
  public PrimaryCore primary(
      Takeover takeover, ReplicaInstance self, Timing timing, Limits limits, OutputCommit commit) {
    return new PrimaryCore(takeover, self, timing, limits, commit, canary);
  }

  /** A backup. */
  public BackupCore backup(ReplicaInstance self, Timing timing) {
    return new BackupCore(self, timing, Following.EXACT, canary);
  }
}
