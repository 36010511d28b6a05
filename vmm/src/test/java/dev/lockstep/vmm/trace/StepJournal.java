package dev.lockstep.vmm.trace;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.LongUnaryOperator;

/** Writes down every step: what an independent witness can say of an execution. For guests whose linear addresses are physical ones. */
final class StepJournal extends SteppingVcpu {
  private static final int LONGEST = 15;

  /**
   * An instruction, an iteration of a repeated one, or a delivery.
   *
   * @param delivery whether something was delivered in front of the instruction at {@code rip}
   * @param instruction how many instructions came before
   * @param branchCount before
   * @param nanos virtual time before
   * @param code 15 bytes from {@code rip} on
   * @param before general registers in encoding order
   * @param after likewise
   * @param nextRip where the CPU stands then
   * @param cr2 then
   */
  record Step(
      boolean delivery,
      long instruction,
      long branchCount,
      long nanos,
      long rip,
      int ring,
      long cr3,
      byte[] code,
      long[] before,
      long[] after,
      long nextRip,
      int nextRing,
      long nextCr3,
      long nextNanos,
      long cr2) {
    /** The bytes that an opcode of two or more begins with. */
    boolean begins(int... bytes) {
      for (int i = 0; i < bytes.length; i++) {
        if ((code[i] & 0xff) != bytes[i]) {
          return false;
        }
      }
      return !delivery;
    }

    @Override
    public String toString() {
      return "%s %d at %#x, count %d, ring %d, cr3 %#x: %s"
          .formatted(
              delivery ? "delivery before" : "instruction",
              instruction,
              rip,
              branchCount,
              ring,
              cr3,
              HexFormat.of().formatHex(code));
    }
  }

  private final GuestMemory memory;
  private final LongUnaryOperator nanosAt;
  private final List<Step> steps = new ArrayList<>();
  private final CpuState before = new CpuState();
  private final CpuState after = new CpuState();
  private final byte[] code = new byte[LONGEST];
  private long nanosBefore;
  private long instructions;

  StepJournal(Vcpu inner, GuestMemory memory, LongUnaryOperator nanosAt) {
    super(inner);
    this.memory = memory;
    this.nanosAt = nanosAt;
  }

  List<Step> steps() {
    return steps;
  }

  @Override
  void before() {
    inner.getState(before);
    nanosBefore = nanosAt.applyAsLong(inner.branchCount());
    // Now: the instruction may overwrite itself.
    memory.read(before.rip, code, 0, LONGEST);
  }

  @Override
  void after(long executed, ExecutionPoint now) {
    inner.getState(after);
    steps.add(
        new Step(
            executed == 0,
            instructions,
            standing.branchCount(),
            nanosBefore,
            standing.rip(),
            ring(before),
            before.cr3,
            code.clone(),
            before.gpr.clone(),
            after.gpr.clone(),
            now.rip(),
            ring(after),
            after.cr3,
            nanosAt.applyAsLong(inner.branchCount()),
            after.cr2));
    instructions += executed;
  }

  private static int ring(CpuState state) {
    return state.segments[CpuState.SS].dpl();
  }
}
