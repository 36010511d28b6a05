package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Counts by decoding every instruction that the engine steps: exact on any host that steps exactly, slower by as much as a step is. The engine calls {@link #before} and {@link #after} around each step, or {@link
 * #delivered} when the step was the delivery of a queued event.
 *
 * <p>A transfer counts once whether it went through or faulted (then the delivery is the transfer), so only two questions need an answer after a step. Did a conditional branch retire? Its two ways are known. Did another
 * instruction raise an exception? Then RIP is not just behind the instruction; where a handler lies just there, the stack tells, which holds the frame that the delivery pushed.
 *
 * <p>Overflows are a comparison after each step: they have no skid.
 */
public final class StepCounter implements BranchCounter {
  private static final int FRAME_SLOT = 8;
  private static final long OVERFLOW_FLAG = 1 << 11;

  private final BranchSemantics semantics;
  private final BranchDecoder decoder = new BranchDecoder();
  private long count;
  private long armed = Long.MAX_VALUE;
  private long rip;
  private long rsp;
  private int codeSelector;
  private boolean overflowFlag;

  /**
   * @param semantics what to count
   */
  public StepCounter(BranchSemantics semantics) {
    this.semantics = semantics;
  }

  /**
   * Before a step that will execute an instruction.
   *
   * @param at its offset within CS
   * @param code its bytes from index 0 on
   * @param length how many of them could be fetched, 0..15
   * @param bits the code segment's default: 16, 32 or 64
   * @param stack RSP
   * @param selector CS
   * @param rflags RFLAGS
   */
  public void before(
      long at, byte[] code, int length, int bits, long stack, int selector, long rflags) {
    decoder.decode(at, code, length, bits);
    rip = at;
    rsp = stack;
    codeSelector = selector;
    overflowFlag = (rflags & OVERFLOW_FLAG) != 0;
  }

  /**
   * After the step.
   *
   * @param now RIP
   * @param stack RSP
   * @param read64 reads eight bytes at a linear address of the guest, or null in code of 16 or 32 bits
   */
  public void after(long now, long stack, @Nullable LongUnaryOperator read64) {
    boolean counts =
        switch (decoder.kind()) {
          case CONDITIONAL -> {
            boolean retired = now == decoder.next() || now == decoder.target();
            yield retired || semantics == BranchSemantics.ALL_TRANSFERS;
          }
          case NEAR, FAR, SOFTWARE_INTERRUPT, SYSTEM_CALL ->
              semantics == BranchSemantics.ALL_TRANSFERS;
          case INTERRUPT_ON_OVERFLOW ->
              semantics == BranchSemantics.ALL_TRANSFERS
                  && (overflowFlag || raised(now, stack, read64));
          case NONE -> semantics == BranchSemantics.ALL_TRANSFERS && raised(now, stack, read64);
        };
    count += counts ? 1 : 0;
  }

  /** Whether an instruction that is no transfer ended in a handler. */
  private boolean raised(long now, long stack, @Nullable LongUnaryOperator read64) {
    if (now == rip) {
      return false;
    }
    if (now - rip < 0 || now - rip > BranchDecoder.MAX_BYTES) {
      return true;
    }
    return read64 != null
        && stack != rsp
        && (isFrame(stack, read64) || isFrame(stack + FRAME_SLOT, read64));
  }

  /** RIP of the instruction, and its CS above it (Intel SDM vol. 3A figure 6-9). */
  private boolean isFrame(long at, LongUnaryOperator read64) {
    return read64.applyAsLong(at) == rip
        && (read64.applyAsLong(at + FRAME_SLOT) & 0xffff) == codeSelector;
  }

  /** A queued interrupt, NMI or exception was delivered. */
  public void delivered() {
    count += semantics == BranchSemantics.ALL_TRANSFERS ? 1 : 0;
  }

  /** Whether what was armed has come. */
  public boolean overflowed() {
    return count >= armed;
  }

  @Override
  public BranchSemantics semantics() {
    return semantics;
  }

  @Override
  public CounterLimits limits() {
    return CounterLimits.EXACT;
  }

  @Override
  public long count() {
    return count;
  }

  @Override
  public void set(long newCount) {
    count = newCount;
    armed = Long.MAX_VALUE;
  }

  @Override
  public void arm(long atCount) {
    armed = atCount;
  }

  @Override
  public void disarm() {
    armed = Long.MAX_VALUE;
  }

  /** Transitions add nothing to what is decoded. */
  @Override
  public void passed(Transition kind) {}

  @Override
  public void close() {}
}
