package dev.lockstep.vmm.machine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.TimedDevice;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import dev.lockstep.vmm.log.DiskIdentity;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.time.VirtualClock;
import dev.lockstep.vmm.tsc.ExactTsc;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parts of one machine and what is done to them at a boundary, the same on a live machine and on a replica. Knows
 * neither where inputs come from nor where entries go. The vCPU's thread.
 */
final class MachineCore implements Boundary {
  private final MachineSpec spec;
  private final String engine;
  private final Vcpu vcpu;
  private final GuestMemory memory;
  private final VirtualClock clock;
  private final Board board;
  private final VcpuRunner runner;
  private final NamedBoundaries names;
  private final OutputCollector outputs;
  private final PageTracker pages;
  private final CpuState scratch = new CpuState();
  private long sequence;
  private long wallClockNanos;

  MachineCore(MachineSpec spec, MachineParts parts) {
    this.spec = spec;
    this.engine = parts.engine();
    this.vcpu = parts.vcpu();
    this.memory = parts.memory();
    this.clock = parts.clock();
    this.board = parts.board();
    this.outputs = parts.outputs();
    this.pages = parts.pages();
    this.runner = new VcpuRunner(vcpu, board, clock, stops(parts));
    this.names = NamedBoundaries.of(vcpu, runner);
    this.wallClockNanos = spec.wallClockNanos();
  }

  private static VcpuRunner.@Nullable Stops stops(MachineParts parts) {
    ExactTsc exact = parts.exactTsc();
    return exact == null
        ? null
        : exit -> exact.stopped(exit, parts.vcpu(), parts.memory(), parts.board().timeStamp());
  }

  MachineSpec spec() {
    return spec;
  }

  Vcpu vcpu() {
    return vcpu;
  }

  /** Which boundaries have names. */
  NamedBoundaries names() {
    return names;
  }

  VirtualClock clock() {
    return clock;
  }

  Board board() {
    return board;
  }

  VcpuRunner runner() {
    return runner;
  }

  OutputCollector outputs() {
    return outputs;
  }

  @Override
  public Moment moment() {
    return runner.halted()
        ? new Moment(vcpu.point(), virtualNanos())
        : Moment.running(vcpu.point());
  }

  /** Remembers {@link #moment}. */
  void mark(MomentMark into) {
    into.set(vcpu, runner.halted() ? virtualNanos() : Moment.RUNNING);
  }

  @Override
  public long virtualNanos() {
    return clock.nanosAt(vcpu.branchCount());
  }

  @Override
  public long nextSequence() {
    return sequence;
  }

  /** An entry was appended (live) or has taken effect (replica): the number of the next is one more. */
  long takeSequence() {
    return sequence++;
  }

  @Override
  public CpuState cpu() {
    CpuState state = new CpuState();
    vcpu.getState(state);
    return state;
  }

  @Override
  public List<DeviceState> devices() {
    return board.save();
  }

  @Override
  public GuestMemory memory() {
    return memory;
  }

  @Override
  public PageTracker pages() {
    return pages;
  }

  @Override
  public byte[] encodedState() {
    return MachineStateCodec.encode(this);
  }

  @Override
  public LogHeader header() {
    return headerWithoutContent(0);
  }

  /** UTC, in nanoseconds since 1970, that the RTC shows when virtual time is zero. */
  long wallClockNanos() {
    return wallClockNanos;
  }

  void setWallClockNanos(long nanos) {
    wallClockNanos = nanos;
  }

  /** A log begins, or goes on: the number of the next entry. */
  void setNextSequence(long next) {
    sequence = next;
  }

  @Override
  public List<DiskBackend> disks() {
    return board.disks().backends();
  }

  /** Hash of the registers. */
  long registersDigest() {
    vcpu.getState(scratch);
    return scratch.digest();
  }

  /** Hash of the devices' states and of virtual time. */
  long devicesDigest() {
    return StateHash.devices(board.save(), virtualNanos(), clock.pace());
  }

  @Override
  public MachineDigest digest(boolean disks) {
    return new MachineDigest(
        registersDigest(),
        devicesDigest(),
        StateHash.memory(memory, pages.everWritten()),
        disks ? board.disks().identities().stream().map(DiskIdentity::hash).toList() : List.of());
  }

  @Override
  public MachineDigest digest(MemoryHash memory) {
    return new MachineDigest(registersDigest(), devicesDigest(), memory.value(), List.of());
  }

  /** The header of a log that begins here. */
  LogHeader header(long epoch) {
    List<DiskIdentity> disks = board.disks().identities();
    return header(epoch, disks, digest(false));
  }

  /** As {@link #header}, without the hashes of memory and disks, which are not read. */
  LogHeader headerWithoutContent(long epoch) {
    return header(
        epoch,
        board.disks().sizes(),
        new MachineDigest(registersDigest(), devicesDigest(), 0, List.of()));
  }

  private LogHeader header(long epoch, List<DiskIdentity> disks, MachineDigest initial) {
    return new LogHeader(
        spec.name(),
        epoch,
        engine,
        spec.model().name(),
        spec.model().digest(),
        spec.semantics(),
        spec.facts(),
        board.names(),
        disks,
        moment(),
        virtualNanos(),
        wallClockNanos,
        initial);
  }

  /** The guest is halted and time goes on, to the next timer's deadline, which fires. */
  void fireNextTimer() {
    long deadline = board.nextDeadlineNanos();
    if (deadline == TimedDevice.NO_DEADLINE) {
      throw new IllegalStateException("no timer is armed");
    }
    idleUntil(deadline);
  }

  /** The guest is halted and time goes on without it: timers that are due by then fire. */
  void idleUntil(long nanos) {
    clock.jump(vcpu.branchCount(), nanos);
    runner.settle();
  }

  /**
   * An input takes effect.
   *
   * @param input whose moment is this boundary
   * @throws IllegalStateException if the device does not take it
   */
  void apply(LogEntry.Input input) {
    if (input.at().halted()) {
      clock.jump(vcpu.branchCount(), input.at().haltedNanos());
    }
    switch (input) {
      case LogEntry.ConsoleInput it -> {
        byte[] bytes = it.bytes();
        int taken = board.receive(it.device(), bytes);
        if (taken != bytes.length) {
          throw new IllegalStateException(
              "console %d took %d bytes of %d".formatted(it.device(), taken, bytes.length));
        }
      }
      case LogEntry.ClockEntry it -> clock.adjust(vcpu.branchCount(), it.stepNanos(), it.pace());
      case LogEntry.DiskCompletion it -> complete(it);
      case LogEntry.EntropyInput it -> {
        byte[] bytes = it.bytes();
        if (!board.provideEntropy(bytes)) {
          throw new IllegalStateException(
              "the guest does not wait for %d random bytes".formatted(bytes.length));
        }
      }
      case LogEntry.NetworkInput it -> {
        if (!board.receiveFrames(it.device(), it.frames())) {
          throw new IllegalStateException("device %d is no network".formatted(it.device()));
        }
      }
      case LogEntry.ControlInput it -> control(it);
    }
    runner.settle();
  }

  private void complete(LogEntry.DiskCompletion input) {
    int disk = board.diskOf(input.device());
    DiskStatus[] known = DiskStatus.values();
    if (disk < 0
        || input.status() >= known.length
        || !board.disks().device(disk).complete(input.request(), known[input.status()])) {
      throw new IllegalStateException("no request waits for %s".formatted(input));
    }
  }

  private void control(LogEntry.ControlInput input) {
    switch (input.control()) {
      case CTRL_ALT_DEL -> board.ctrlAltDel();
      case RTC_STEP -> {
        wallClockNanos += input.argument();
        board.stepWallClock(input.argument());
      }
      case NETWORK_ANNOUNCE -> {
        if (!board.announceNetwork()) {
          throw new IllegalStateException("the guest announces no network");
        }
      }
    }
  }

  /** This replica's own request that an entry completes, or null if the guest waits for no such one. */
  @Nullable DiskRequest request(LogEntry.DiskCompletion entry) {
    int disk = board.diskOf(entry.device());
    return disk < 0 ? null : board.disks().device(disk).inFlight(entry.request());
  }

  /** How the run ends, if it ends here. */
  MachineEnd end(EndReason reason, boolean byGuest, boolean digest) {
    return new MachineEnd(
        reason,
        byGuest ? runner.exitCode() : 0,
        byGuest ? runner.endDetail() : "",
        moment(),
        digest ? digest(true) : null);
  }
}
