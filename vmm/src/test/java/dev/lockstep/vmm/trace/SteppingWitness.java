package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A vCPU that is stepped from instruction to instruction, and holds each against a trace of the same run: where it stands by the engine's own word, the code and the operands by what guest memory has before
 * and after the step. No observer is involved. For guests whose linear addresses are physical ones.
 */
final class SteppingWitness implements Vcpu {
  private final Vcpu inner;
  private final GuestMemory memory;
  private final GroupedRecords records;
  private final Deque<TraceRecord> ahead = new ArrayDeque<>();
  private boolean completes;
  private boolean injected;
  private boolean windowWanted;
  private volatile boolean kicked;
  private long executedBefore;
  private ExecutionPoint standing = new ExecutionPoint(0, 0, 0);
  private long instructions;
  private long deliveries;
  private long accesses;

  SteppingWitness(Vcpu inner, GuestMemory memory, GroupedRecords records) {
    this.inner = inner;
    this.memory = memory;
    this.records = records;
  }

  long instructions() {
    return instructions;
  }

  long deliveries() {
    return deliveries;
  }

  long accesses() {
    return accesses;
  }

  /** Every record was met. */
  void finish() {
    while (records.hasNext()) {
      assertThat(records.next()).isInstanceOf(TraceRecord.Left.class);
    }
  }

  @Override
  public VcpuExit run(long limitCount) {
    while (true) {
      if (!completes && !injected) {
        if (inner.branchCount() >= limitCount) {
          return VcpuExit.Deadline.DEADLINE;
        }
        if (kicked) {
          kicked = false;
          return VcpuExit.Kicked.KICKED;
        }
        if (windowWanted && inner.interruptible()) {
          return VcpuExit.InterruptWindow.INTERRUPT_WINDOW;
        }
      }
      VcpuExit exit = step();
      if (!(exit instanceof VcpuExit.Stepped)) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    while (true) {
      if (!completes) {
        if (inner.point().equals(target)) {
          return VcpuExit.PointReached.POINT_REACHED;
        }
        if (inner.branchCount() > target.branchCount()) {
          return VcpuExit.PointMissed.POINT_MISSED;
        }
        if (!injected && kicked) {
          kicked = false;
          return VcpuExit.Kicked.KICKED;
        }
        if (!injected && windowWanted && inner.interruptible()) {
          return VcpuExit.InterruptWindow.INTERRUPT_WINDOW;
        }
      }
      VcpuExit exit = step();
      if (!(exit instanceof VcpuExit.Stepped)) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit step() {
    if (!completes) {
      standing = inner.point();
      executedBefore = inner.instructionsExecuted();
      before();
    }
    VcpuExit exit = inner.step();
    completes = exit instanceof VcpuExit.PortRead || exit instanceof VcpuExit.MmioRead;
    injected = false;
    if (!completes) {
      after();
    }
    return exit;
  }

  /** What the trace says comes next, up to the next instruction or delivery. */
  private void before() {
    ahead.clear();
    while (records.hasNext()) {
      TraceRecord next = records.next();
      if (!(next instanceof TraceRecord.Resumed)) {
        ahead.add(next);
        break;
      }
    }
    if (ahead.isEmpty() || !(ahead.peek() instanceof TraceRecord.Instruction)) {
      return;
    }
    int following = records.following();
    for (int i = 0; i < following; i++) {
      ahead.add(records.next());
    }
    for (TraceRecord record : ahead) {
      if (record instanceof TraceRecord.Access it && !it.write() && isMemory(it)) {
        assertThat(value(it)).as("%s", it).isEqualTo(it.value());
      }
    }
  }

  private boolean isMemory(TraceRecord.Access access) {
    return memory.contains(access.physical(), access.size());
  }

  private long value(TraceRecord.Access access) {
    long value = 0;
    for (int i = 0; i < access.size(); i++) {
      value |= (long) memory.read8(access.physical() + i) << 8 * i;
    }
    return value;
  }

  private void after() {
    long executed = inner.instructionsExecuted() - executedBefore;
    ExecutionPoint now = inner.point();
    TraceRecord first = ahead.poll();
    if (executed == 0 && now.equals(standing)) {
      throw new AssertionError("a step without effect at " + standing);
    }
    assertThat(first).as("at %s", standing).isNotNull();
    if (executed == 0) {
      deliveries++;
      assertThat(first).as("at %s", standing).isInstanceOf(TraceRecord.Delivered.class);
      TraceRecord.Delivered it = (TraceRecord.Delivered) first;
      assertThat(it.at().rip()).isEqualTo(standing.rip());
      assertThat(it.at().branchCount()).isEqualTo(standing.branchCount());
      assertThat(it.handler()).isEqualTo(now.rip());
      return;
    }
    assertThat(first).as("at %s", standing).isInstanceOf(TraceRecord.Instruction.class);
    TraceRecord.Instruction it = (TraceRecord.Instruction) first;
    assertThat(it.at().rip()).isEqualTo(standing.rip());
    assertThat(it.at().branchCount()).as("at %s", standing).isEqualTo(standing.branchCount());
    assertThat(it.at().instruction()).isEqualTo(instructions);
    byte[] code = new byte[it.code().length];
    memory.read(it.at().rip(), code, 0, code.length);
    assertThat(it.code()).isEqualTo(code);
    if (now.branchCount() == standing.branchCount() && now.rip() != standing.rip()) {
      assertThat(now.rip()).isEqualTo(it.at().rip() + code.length);
    }
    instructions++;
    operands(it, now);
  }

  private void operands(TraceRecord.Instruction instruction, ExecutionPoint now) {
    boolean branched = false;
    for (TraceRecord record : ahead) {
      assertThat(record.at().instruction()).isEqualTo(instruction.at().instruction());
      if (record instanceof TraceRecord.Access it) {
        accesses++;
        assertThat(it.linear()).isEqualTo(it.physical());
        if (it.write() && isMemory(it)) {
          assertThat(value(it)).as("%s", it).isEqualTo(it.value());
        }
      } else if (record instanceof TraceRecord.Branch it) {
        branched = true;
        assertThat(it.target()).as("%s", it).isEqualTo(now.rip());
      }
    }
    assertThat(branched).isEqualTo(now.branchCount() != standing.branchCount());
  }

  @Override
  public CpuModel model() {
    return inner.model();
  }

  @Override
  public BranchSemantics branchSemantics() {
    return inner.branchSemantics();
  }

  @Override
  public void kick() {
    kicked = true;
  }

  @Override
  public long branchCount() {
    return inner.branchCount();
  }

  @Override
  public void setBranchCount(long count) {
    inner.setBranchCount(count);
  }

  @Override
  public ExecutionPoint point() {
    return inner.point();
  }

  @Override
  public long instructionsExecuted() {
    return inner.instructionsExecuted();
  }

  @Override
  public void getState(CpuState into) {
    inner.getState(into);
  }

  @Override
  public void setState(CpuState from) {
    inner.setState(from);
  }

  @Override
  public boolean interruptible() {
    return !injected && inner.interruptible();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }

  @Override
  public void injectInterrupt(int vector) {
    injected = true;
    inner.injectInterrupt(vector);
  }

  @Override
  public void injectNmi() {
    inner.injectNmi();
  }

  @Override
  public void injectException(int vector, int errorCode) {
    inner.injectException(vector, errorCode);
  }

  @Override
  public void collectDirty() {
    inner.collectDirty();
  }

  @Override
  public void close() {
    inner.close();
  }
}
