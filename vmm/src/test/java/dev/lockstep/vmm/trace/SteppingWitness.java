package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Holds each step against a trace of the same run: where it stands by the engine's own word, the code and the operands by what guest memory has before and after the step. For guests whose linear addresses
 * are physical ones.
 */
final class SteppingWitness extends SteppingVcpu {
  private final GuestMemory memory;
  private final GroupedRecords records;
  private final Deque<TraceRecord> ahead = new ArrayDeque<>();
  private long instructions;
  private long deliveries;
  private long accesses;

  SteppingWitness(Vcpu inner, GuestMemory memory, GroupedRecords records) {
    super(inner);
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

  /** What the trace says comes next, up to the next instruction or delivery. */
  @Override
  void before() {
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

  @Override
  void after(long executed, ExecutionPoint now) {
    TraceRecord first = ahead.poll();
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
}
