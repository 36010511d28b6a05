package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.BackupCore;
import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.PrimaryCore;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.core.ReplicaInstance;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One host with at most one replica process on it, which may be frozen, killed and started again. */
final class SimReplica {
  private static final long MILLI = 1_000_000;
  private static final long LEAST_TICK_NANOS = 50_000;

  final Simulation simulation;
  final String name;
  boolean arbiterCut;
  long effects;
  private int life;
  private long frozenUntil;
  private ReplicaInstance instance;
  private @Nullable SimPrimary primary;
  private @Nullable SimBackup backup;

  SimReplica(Simulation simulation, String name) {
    this.simulation = simulation;
    this.name = name;
    instance = new ReplicaInstance(name, 0);
  }

  void startAsPrimary() {
    newLife();
    SimGuest guest = new SimGuest(simulation.guestEndCount);
    PrimaryCore core =
        simulation.build.primary(
            simulation.vm,
            instance,
            Simulation.TIMING,
            Simulation.LIMITS,
            simulation.commit,
            simulation.startPolicy);
    become(new SimPrimary(this, core, guest));
  }

  void startAsBackup() {
    newLife();
    BackupCore core = simulation.build.backup(instance, Simulation.TIMING);
    backup = new SimBackup(this, core);
    backup.begin();
  }

  /** The backup has won: the same process is the primary now. */
  void become(SimPrimary next) {
    backup = null;
    primary = next;
    next.begin();
  }

  /** The process ends, of itself or by SIGKILL; after a while another one is started as a backup. */
  void kill() {
    simulation.note(this, "dies");
    simulation.kills(this);
    endLife();
    restartSoon();
  }

  void restartSoon() {
    endLife();
    simulation.checkForLoss();
    long life = this.life;
    simulation.after(
        simulation.between(2 * MILLI, 40 * MILLI),
        () -> {
          if (life == this.life) {
            startAsBackup();
          }
        });
  }

  /** The VM is over: this process exits for good. */
  void exit() {
    endLife();
    simulation.finished();
  }

  private void newLife() {
    endLife();
    instance = new ReplicaInstance(name, simulation.randomLong());
  }

  private void endLife() {
    boolean wasPrimary = primary != null;
    life++;
    frozenUntil = 0;
    primary = null;
    backup = null;
    if (wasPrimary && simulation.chance(0.7)) {
      // The host is well: it resets connections and refuses new ones.
      for (SimReplica other : simulation.replicas) {
        simulation.after(simulation.between(100_000, 3 * MILLI), () -> other.refusedBy(this));
      }
    }
  }

  void freeze(long nanos) {
    simulation.note(this, "is frozen for " + nanos);
    frozenUntil = Math.max(frozenUntil, simulation.now() + nanos);
  }

  void thaw() {
    frozenUntil = Math.min(frozenUntil, simulation.now());
  }

  /** Runs an action of this process later, if it still lives then, and once it is not frozen. */
  void after(long delay, Runnable action) {
    int life = this.life;
    simulation.after(delay, () -> whenAwake(life, action));
  }

  /**
   * Runs a tick later, after one that was now, unless that was the last of its life.
   *
   * @param wanted when the core wants it; one that never lets its thread wait would keep a processor busy
   */
  void afterTick(long wanted, Runnable tick) {
    if (primary == null && backup == null) {
      return;
    }
    long wait = wanted - simulation.now();
    if (wait <= 0) {
      simulation.violation(this + " has just had a tick and wants the next one at once");
    }
    after(Math.max(LEAST_TICK_NANOS, wait), tick);
  }

  private void whenAwake(int life, Runnable action) {
    if (life != this.life) {
      return;
    }
    if (simulation.now() < frozenUntil) {
      simulation.after(frozenUntil - simulation.now(), () -> whenAwake(life, action));
    } else {
      action.run();
    }
  }

  // ---- what happens to it

  void arrived(Message message) {
    whenAwake(
        life,
        () -> {
          if (primary != null && message instanceof Message.ToPrimary toPrimary) {
            primary.received(toPrimary);
          } else if (backup != null && message instanceof Message.ToBackup toBackup) {
            backup.received(toBackup);
          }
        });
  }

  void decisionKnown(DecisionName decision, ReplicaInstance winner) {
    if (primary != null) {
      primary.decisionKnown(decision, winner);
    } else if (backup != null) {
      backup.decisionKnown(decision, winner);
    }
  }

  /** An operator orders something of the primary, if it is one. */
  void order(OperatorOrder order) {
    after(
        1,
        () -> {
          if (primary != null) {
            primary.order(order);
          }
        });
  }

  /** Something happens to its machine that nobody recorded. */
  void disturb(Consumer<SimGuest> how) {
    if (primary != null) {
      primary.disturb(how);
    } else if (backup != null) {
      backup.disturb(how);
    }
  }

  /** If it is a backup, it stands for a planned checkpoint. */
  void stand() {
    after(
        1,
        () -> {
          if (backup != null) {
            backup.stand();
          }
        });
  }

  void linkReset() {
    after(
        simulation.between(1, MILLI),
        () -> {
          if (primary != null) {
            primary.linkLost();
          } else if (backup != null) {
            backup.linkLost();
          }
        });
  }

  private void refusedBy(SimReplica dead) {
    boolean reachable =
        !simulation.network.isCut(this, dead) && !simulation.network.isCut(dead, this);
    if (backup != null && dead != this && dead.primary == null && reachable) {
      whenAwake(
          life,
          () -> {
            if (backup != null) {
              backup.refusedBy(dead);
            }
          });
    }
  }

  // ---- what others see

  ReplicaInstance instance() {
    return instance;
  }

  String instanceName() {
    return instance.toString();
  }

  boolean isPrimary() {
    return primary != null && primary.phase() != PrimaryPhase.FENCED;
  }

  boolean isProtected() {
    return primary != null
        && (primary.phase() == PrimaryPhase.PROTECTED || primary.phase() == PrimaryPhase.ENDED);
  }

  /** Whether this replica has the machine, or may get it. */
  boolean holdsTheVm() {
    return isPrimary() || (backup != null && backup.inSync());
  }

  /** Whether the arbiter may have given the next term to this backup: then its death is the VM's. */
  private boolean mayHaveWon() {
    return backup != null
        && switch (backup.phase()) {
          case ARBITRATING, GOING_LIVE, LIVE -> true;
          case CONNECTING, JOINING, FOLLOWING, LOST, ENDED -> false;
        };
  }

  /** Whether this is the primary that a backup follows. A frozen one of an earlier term still believes that it is one. */
  private boolean leads(SimReplica follower) {
    return primary != null
        && isPrimary()
        && follower.backup != null
        && primary.epoch() >= follower.backup.epoch();
  }

  /** Whether the VM goes on here when {@code victim} dies now. */
  boolean couldGoOnWithout(SimReplica victim) {
    if (victim.primary == null) {
      return !victim.holdsTheVm() || (leads(victim) && !victim.mayHaveWon());
    }
    // A frozen backup of an earlier term still believes that it follows.
    boolean guarded =
        switch (victim.primary.phase()) {
          case PROTECTED, RESYNCHRONISING, HANDING_OVER, HANDED_OVER -> true;
          case STARTING, NOT_PROTECTED, TRANSFERRING, ARMING, ARBITRATING, FENCED, ENDED -> false;
        };
    return guarded
        && backup != null
        && backup.phase() == BackupPhase.FOLLOWING
        && backup.epoch() == victim.primary.epoch()
        && backup.mayTakeOver();
  }

  @Override
  public String toString() {
    if (primary != null) {
      return name + ": primary " + primary;
    }
    return name + ": " + (backup == null ? "down" : "backup " + backup);
  }
}
