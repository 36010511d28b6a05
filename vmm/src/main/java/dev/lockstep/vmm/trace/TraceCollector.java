package dev.lockstep.vmm.trace;

import dev.lockstep.softcpu.ExecutionObserver;
import dev.lockstep.softcpu.ObservedAccesses;
import dev.lockstep.softcpu.ObservedCode;
import dev.lockstep.softcpu.ObservedState;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.VcpuFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Collects a trace: sees what a machine's vCPU executes, keeps what is wanted, writes it. Made for one replay of one machine: {@link #engine} makes the machine's vCPU, a {@link TracedLog} is its log source; when the
 * machine has ended, {@link #finish}. In between it is the vCPU thread's.
 */
public final class TraceCollector implements ExecutionObserver, AutoCloseable {
  private static final int[] CALL_REGISTERS = {0, 7, 6, 2, 10, 8, 9};

  private final TraceSelection selection;
  private final TraceWriter writer;
  private final TraceEncoder encoder;
  private final boolean flow;
  private final boolean memory;

  private @Nullable Watched watched;
  private @Nullable TraceCode[] codes = new TraceCode[1 << 12];
  private @Nullable TraceCode[] repeats = new TraceCode[1 << 12];
  private long left;

  /** The last group written is followed directly by what comes next. */
  private boolean inside;

  private boolean observingAccesses;

  /** The instruction that completed last was wanted; it is at this address. */
  private boolean lastWanted;

  private long lastRip;
  private int cursor;

  /** What is watched, once there is a vCPU. */
  private record Watched(
      SoftVcpu vcpu, ObservedState at, TraceWindow window, LongUnaryOperator nanosAt) {}

  /**
   * Begins a trace file.
   *
   * @param file must not be there
   * @param log what is replayed
   * @throws dev.lockstep.engine.VmmException if the file cannot be written
   */
  public TraceCollector(Path file, LogHeader log, TraceSelection selection) {
    this.selection = selection;
    this.flow = selection.flow();
    this.memory = selection.has(TraceKind.MEMORY);
    this.left = selection.count();
    this.writer = new TraceWriter(file, TraceHeader.of(log, selection));
    this.encoder = new TraceEncoder(writer, log.semantics(), memory);
  }

  /** The software CPU, watched by this collector. For one machine. */
  public VcpuFactory engine() {
    return (model, semantics, guestMemory, tsc) -> {
      SoftVcpu vcpu = SoftVcpu.create(model, guestMemory, tsc, semantics);
      // The machine's virtual time-stamp counter counts nanoseconds.
      TraceWindow window = new TraceWindow(selection.from(), selection.to(), tsc::read);
      watched = new Watched(vcpu, vcpu.observe(this), window, tsc::read);
      // What comes first is known only once it was executed.
      observingAccesses = memory;
      vcpu.observeAccesses(memory);
      return vcpu;
    };
  }

  /** Bytes written to the file so far. */
  public long bytesWritten() {
    return writer.bytesWritten();
  }

  /** Whether the trace's end was reached, so that nothing more will come. */
  public boolean ended() {
    return watched().window.ended();
  }

  /**
   * The machine has ended: writes what is left, and the index.
   *
   * @throws dev.lockstep.engine.VmmException if the file cannot be written
   */
  public void finish() {
    Watched w = watched;
    if (w != null) {
      leave(w, w.at.rip());
    }
    encoder.end();
    writer.finish();
  }

  @Override
  public void close() {
    writer.close();
  }

  private Watched watched() {
    Watched w = watched;
    if (w == null) {
      throw new IllegalStateException("no vCPU is watched");
    }
    return w;
  }

  // ---------------------------------------------------------------- what is executed

  @Override
  public void executed(ObservedCode seen, int count, int more, ObservedAccesses accesses) {
    Watched w = watched();
    TraceWindow window = w.window;
    lastWanted = false;
    long branches = w.at.branchCountBefore();
    window.stands(branches);
    if (window.mayBeOn(branches)) {
      TraceCode code = code(seen);
      int steps = count + more;
      long number = w.at.instructionsBefore();
      int first = window.first(code, count, steps, number, branches);
      if (first < steps) {
        int end = window.end(code, count, steps, number, branches, first);
        if (end - first >= left) {
          end = first + (int) left;
          window.end();
        }
        left -= end - first;
        if (selection.passes(w.at.ringBefore(), w.at.cr3Before())) {
          steps(w, code, count, first, end, accesses);
          if (end < steps) {
            leave(w, code.address(Math.min(end, count - 1)));
          }
        } else {
          leave(w, code.address(first));
        }
        lastWanted &= end == steps;
      }
    }
    moved(w);
  }

  /** After everything that moves the vCPU. */
  private void moved(Watched w) {
    long branches = w.at.branchCount();
    w.window.stands(branches);
    if (w.window.ended()) {
      leave(w, w.at.rip());
    }
    if (memory) {
      boolean wanted = w.window.mayBeOn(branches);
      if (wanted != observingAccesses) {
        observingAccesses = wanted;
        w.vcpu.observeAccesses(wanted);
      }
    }
  }

  /** Steps of a piece of code that lie in the window: its instructions, then iterations of the last one. */
  private void steps(
      Watched w, TraceCode code, int count, int first, int end, ObservedAccesses accesses) {
    cursor = 0;
    int step = first;
    while (step < end) {
      long rip = code.address(Math.min(step, count - 1));
      if (!selection.passes(rip)) {
        leave(w, rip);
        lastWanted = false;
        step++;
        continue;
      }
      int next = step + 1;
      while (next < Math.min(end, count) && selection.passes(code.address(next))) {
        next++;
      }
      lastWanted = true;
      lastRip = code.address(Math.min(next, count) - 1);
      if (flow) {
        group(w, code, count, step, next, accesses);
      }
      step = next;
    }
  }

  private void group(
      Watched w, TraceCode code, int count, int step, int next, ObservedAccesses accesses) {
    long number = w.at.instructionsBefore() + step;
    if (!inside || !encoder.continues(number, w.at.branchCountBefore())) {
      TracePosition at =
          new TracePosition(
              number,
              w.at.branchCountBefore(),
              code.address(Math.min(step, count - 1)),
              code.ring,
              w.nanosAt.applyAsLong(w.at.branchCount()));
      encoder.event(new TraceRecord.Resumed(at, w.at.cr3Before()));
      inside = true;
    }
    while (cursor < accesses.count() && accesses.step(cursor) < step) {
      cursor++;
    }
    int from = cursor;
    while (cursor < accesses.count() && accesses.step(cursor) < next) {
      cursor++;
    }
    if (step < count) {
      encoder.group(code, step, next - step, accesses, from, cursor, step);
    } else {
      encoder.group(repeat(code, count - 1), 0, 1, accesses, from, cursor, step);
    }
  }

  /** What comes next is not written. */
  private void leave(Watched w, long rip) {
    if (inside) {
      inside = false;
      encoder.event(new TraceRecord.Left(after(w, rip)));
    }
  }

  private TracePosition after(Watched w, long rip) {
    long branches = w.at.branchCount();
    return new TracePosition(
        w.at.instructions(), branches, rip, w.at.ring(), w.nanosAt.applyAsLong(branches));
  }

  /** At the instruction that completed last. */
  private TracePosition at(Watched w) {
    return new TracePosition(
        w.at.instructions() - 1,
        w.at.branchCountBefore(),
        lastRip,
        w.at.ringBefore(),
        w.nanosAt.applyAsLong(w.at.branchCount()));
  }

  private TraceCode code(ObservedCode seen) {
    int index = seen.index();
    if (index >= codes.length) {
      codes = Arrays.copyOf(codes, Math.max(2 * codes.length, index + 1));
    }
    TraceCode code = codes[index];
    if (code == null) {
      int[] starts = new int[seen.instructions() + 1];
      for (int i = 0; i < starts.length; i++) {
        starts[i] = seen.start(i);
      }
      code = new TraceCode(-1, seen.rip(), seen.bits(), seen.ring(), seen.bytes(), starts);
      code.index = index;
      codes[index] = code;
    }
    return code;
  }

  /** A repeated string instruction of a piece of code, by itself. */
  private TraceCode repeat(TraceCode of, int instruction) {
    if (of.index >= repeats.length) {
      repeats = Arrays.copyOf(repeats, codes.length);
    }
    TraceCode code = repeats[of.index];
    if (code == null) {
      byte[] bytes = of.code(instruction);
      code =
          new TraceCode(
              -1, of.address(instruction), of.bits, of.ring, bytes, new int[] {0, bytes.length});
      repeats[of.index] = code;
    }
    return code;
  }

  // ---------------------------------------------------------------- events

  @Override
  public void delivered(
      Delivered kind,
      int vector,
      int errorCode,
      long address,
      long from,
      ObservedAccesses accesses) {
    Watched w = watched();
    w.window.stands(w.at.branchCount());
    lastWanted = false;
    if (w.window.on()) {
      boolean wanted =
          selection.passes(w.at.ringBefore(), w.at.cr3Before()) && selection.passes(from);
      if (!wanted) {
        leave(w, from);
      } else if (flow || selection.has(TraceKind.INTERRUPTS)) {
        TracePosition at =
            new TracePosition(
                w.at.instructions(),
                w.at.branchCountBefore(),
                from,
                w.at.ringBefore(),
                w.nanosAt.applyAsLong(w.at.branchCount()));
        encoder.event(
            new TraceRecord.Delivered(
                at, kind, vector, errorCode, address, w.at.rip(), list(at, accesses)));
      }
    }
    moved(w);
  }

  private List<TraceRecord.Access> list(TracePosition at, ObservedAccesses accesses) {
    List<TraceRecord.Access> list = new ArrayList<>();
    if (memory) {
      for (int i = 0; i < accesses.count(); i++) {
        list.add(
            new TraceRecord.Access(
                at,
                accesses.linear(i),
                accesses.physical(i),
                accesses.size(i),
                accesses.value(i),
                accesses.isWrite(i),
                accesses.isSystem(i)));
      }
    }
    return list;
  }

  @Override
  public void called(Call call, int vector) {
    if (lastWanted && selection.has(TraceKind.CALLS)) {
      Watched w = watched();
      List<Long> registers = new ArrayList<>();
      for (int register : CALL_REGISTERS) {
        registers.add(w.at.register(register));
      }
      encoder.event(new TraceRecord.Call(at(w), call, vector, registers));
    }
  }

  @Override
  public void port(int port, int width, int value, boolean write) {
    if (lastWanted && selection.has(TraceKind.PORTS)) {
      encoder.event(new TraceRecord.Port(at(watched()), port, width, value, write));
    }
  }

  @Override
  public void pageTable(long from, long to) {
    Watched w = watched();
    boolean wanted = selection.hasPageTable(from) || selection.hasPageTable(to);
    if (w.window.on() && wanted && (flow || selection.has(TraceKind.CONTEXT))) {
      encoder.event(new TraceRecord.PageTable(after(w, w.at.rip()), from, to));
    }
  }

  /** An entry of the log has taken effect, with the vCPU standing still. */
  void entry(long number, String name) {
    Watched w = watched();
    w.window.entry(number);
    if (w.window.on() && selection.has(TraceKind.ENTRIES)) {
      encoder.event(new TraceRecord.Entry(after(w, w.at.rip()), number, name));
    }
    moved(w);
  }
}
