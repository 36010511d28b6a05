package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Collects what the loop and the operations do, and tells an {@link ExecutionObserver} what of it came to pass. Never changes anything that the guest could see. */
final class Observation implements ObservedState {
  private final Cpu c;
  private final ExecutionObserver observer;
  private final ObservedAccesses accesses = new ObservedAccesses();
  private final Map<ObservedCode, ObservedCode> known = new HashMap<>();
  private final Decoder decoder = new Decoder();

  private long told;
  private long before;
  private long branchesBefore;
  private int ringBefore;
  private long cr3Before;

  /** {@code c.instructions} when the running block began: iterations of its last operation are counted there. */
  private long base;

  private int position;
  private @Nullable Block block;
  private @Nullable ObservedCode running;
  private long from;

  /** What the running instruction is, until it completes. */
  private ExecutionObserver.@Nullable Call call;

  private int callVector;
  private boolean portAccessed;
  private int port;
  private int portWidth;
  private int portValue;
  private boolean portWritten;

  Observation(Cpu c, ExecutionObserver observer) {
    this.c = c;
    this.observer = observer;
    this.cr3Before = c.cr3;
  }

  // ---------------------------------------------------------------- the loop

  /** A block is about to run, or one instruction alone. */
  void begin(Block b) {
    accesses.clear();
    call = null;
    portAccessed = false;
    block = b;
    base = c.instructions;
    position = 0;
    mark();
    // Now: an instruction that runs alone may overwrite itself.
    running = code(b);
  }

  private void mark() {
    before = told;
    branchesBefore = c.branchCount;
    ringBefore = c.cpl;
    cr3Before = c.cr3;
  }

  /** The operation that is about to run comes after so many instructions of its block. */
  void at(int instructions) {
    position = instructions;
  }

  /** The whole block has run; its instructions are not yet counted. */
  void completed(Block b) {
    // A repetition that a kick interrupts has counted the iteration that the block counts again.
    long extra = c.instructions - base - (c.midRepeat ? 1 : 0);
    tell(b, b.instructions + (int) extra);
  }

  /** The instruction that ran alone has completed. */
  void completedAlone(Block b) {
    tell(b, 1);
  }

  /** The block stopped before an operation that comes after so many instructions. */
  void stopped(Block b, int instructions) {
    if (b != block) {
      return;
    }
    int n = instructions + (int) (c.instructions - base);
    accesses.dropFrom(n);
    call = null;
    portAccessed = false;
    if (n > 0) {
      tell(b, n);
    }
  }

  private void tell(Block b, int n) {
    ObservedCode code = running;
    if (b != block || code == null) {
      throw new IllegalStateException("a block completed that did not begin: %#x".formatted(b.rip));
    }
    block = null;
    told += n;
    int count = Math.min(n, code.instructions());
    observer.executed(code, count, n - count, accesses);
    ExecutionObserver.Call made = call;
    if (made != null) {
      call = null;
      observer.called(made, callVector);
    }
    if (portAccessed) {
      portAccessed = false;
      observer.port(port, portWidth, portValue, portWritten);
    }
    if (c.cr3 != cr3Before) {
      observer.pageTable(cr3Before, c.cr3);
    }
  }

  /** An exception or interrupt is about to be delivered. */
  void beginDelivery() {
    accesses.clear();
    base = c.instructions;
    position = 0;
    from = c.rip;
    mark();
  }

  /** It was delivered, and counted. */
  void delivered(ExecutionObserver.Delivered kind, int vector, int errorCode, long address) {
    observer.delivered(kind, vector, errorCode, address, from, accesses);
    if (c.cr3 != cr3Before) {
      observer.pageTable(cr3Before, c.cr3);
    }
  }

  // ---------------------------------------------------------------- operations

  /** A load or a store went through. {@code at} is an offset in the mapping, or {@code ~}guest-physical. */
  void access(long linear, long at, int size, long value, boolean write, boolean system) {
    long stored = size == 8 ? value : value & (1L << 8 * size) - 1;
    int step = position + (int) (c.instructions - base);
    accesses.add(step, linear, physical(at), size, stored, write, system);
  }

  void called(ExecutionObserver.Call how, int vector) {
    call = how;
    callVector = vector;
  }

  void port(int number, int width, int value, boolean write) {
    portAccessed = true;
    port = number;
    portWidth = width;
    portValue = width == 4 ? value : value & (1 << 8 * width) - 1;
    portWritten = write;
  }

  private long physical(long at) {
    if (at < 0) {
      return ~at;
    }
    for (GuestMemory.Region region : c.memory.regions()) {
      long within = at - region.offset();
      if (within >= 0 && within < region.size()) {
        return region.guestPhysical() + within;
      }
    }
    throw new IllegalStateException("offset %#x belongs to no region".formatted(at));
  }

  // ---------------------------------------------------------------- code

  private ObservedCode code(Block b) {
    ObservedCode code = b.observed;
    if (code == null || code.ring() != ringBefore) {
      code = describe(b);
      b.observed = code;
    }
    return code;
  }

  /** Decodes the block's bytes once more, for where each instruction begins: the block itself has forgotten its NOPs, and what it fused. They are still those that the block was made of. */
  private ObservedCode describe(Block b) {
    byte[] bytes = new byte[b.length];
    int first = b.length;
    MemorySegment memory = c.memory.segment();
    if (b.secondPage >= 0) {
      first = (int) Math.min(first, GuestMemory.PAGE_SIZE - (b.offset & GuestMemory.PAGE_SIZE - 1));
      MemorySegment.copy(memory, GuestMemory.U8, b.secondPage, bytes, first, b.length - first);
    }
    MemorySegment.copy(memory, GuestMemory.U8, b.offset, bytes, 0, first);
    int[] starts = new int[b.instructions];
    byte[] window = new byte[Decoder.MAX_LENGTH];
    int at = 0;
    for (int i = 0; i < starts.length; i++) {
      starts[i] = at;
      int available = Math.min(Decoder.MAX_LENGTH, bytes.length - at);
      System.arraycopy(bytes, at, window, 0, available);
      at += decoder.decode(b.mode, b.rip + at, window, available).length;
    }
    int bits =
        switch (b.mode) {
          case CodeMode.LONG64 -> 64;
          case CodeMode.COMPAT32, CodeMode.PROT32 -> 32;
          default -> 16;
        };
    ObservedCode code = new ObservedCode(known.size(), b.rip, bits, ringBefore, bytes, starts);
    ObservedCode old = known.putIfAbsent(code, code);
    return old == null ? code : old;
  }

  // ---------------------------------------------------------------- state

  @Override
  public long instructionsBefore() {
    return before;
  }

  @Override
  public long instructions() {
    return told;
  }

  @Override
  public long branchCountBefore() {
    return branchesBefore;
  }

  @Override
  public long branchCount() {
    return c.branchCount;
  }

  @Override
  public int ringBefore() {
    return ringBefore;
  }

  @Override
  public int ring() {
    return c.cpl;
  }

  @Override
  public long cr3Before() {
    return cr3Before;
  }

  @Override
  public long rip() {
    return c.rip;
  }

  @Override
  public long register(int index) {
    return c.r[index];
  }
}
