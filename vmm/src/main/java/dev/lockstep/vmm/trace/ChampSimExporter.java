package dev.lockstep.vmm.trace;

import dev.lockstep.engine.VmmException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes what the simulator ChampSim reads: 64 bytes an instruction, little-endian, without header ({@code struct input_instr} of its {@code inc/trace_instruction.h}):
 *
 * <pre>
 *  0  address u64
 *  8  is a control transfer u8, was taken u8
 * 10  registers written u8 * 2, registers read u8 * 4; 0 for none
 * 16  addresses stored to u64 * 2, loaded from u64 * 4; 0 for none
 * </pre>
 *
 * What has no room is left out. See {@link ChampSimRegisters} for the registers. An operand in memory has one address, its lowest, however many accesses it takes; accesses that the CPU makes by itself are
 * left out. ChampSim takes the target of a branch from the next record.
 */
public final class ChampSimExporter implements TraceExporter {
  /** Bytes of a record. */
  public static final int RECORD_BYTES = 64;

  private static final int STORES = 2;
  private static final int LOADS = 4;
  private static final int STORES_AT = 16;
  private static final int LOADS_AT = STORES_AT + STORES * Long.BYTES;
  private static final int MAX_KNOWN = 1 << 18;

  private final PrintStream out;
  private final byte[] bytes = new byte[RECORD_BYTES];
  private final ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  private final Map<Encoding, ChampSimRegisters> known = new HashMap<>();
  private final Operands stores = new Operands(STORES);
  private final Operands loads = new Operands(LOADS);

  /** The instruction that is not written yet; null before the first one. */
  private @Nullable Pending pending;

  private TraceRecord.@Nullable Branch branch;

  private record Pending(TracePosition at, ChampSimRegisters registers) {}

  /** Of an instruction, what does not depend on where it is. */
  private record Encoding(int bits, ByteBuffer code) {}

  /** The memory operands of one kind that an instruction has. */
  private static final class Operands {
    private final long[] first;
    private final long[] end;
    private int count;

    Operands(int room) {
      this.first = new long[room];
      this.end = new long[room];
    }

    /** An access, maybe to a further part of the operand that was accessed last. */
    void add(long address, int size, boolean mayGoOn) {
      if (mayGoOn && count > 0 && count <= first.length) {
        if (address == end[count - 1]) {
          end[count - 1] += size;
          return;
        }
        if (address + size == first[count - 1]) {
          first[count - 1] = address;
          return;
        }
      }
      if (count < first.length) {
        first[count] = address;
        end[count] = address + size;
      }
      count++;
    }

    void write(ByteBuffer record, int at) {
      for (int i = 0; i < first.length; i++) {
        record.putLong(at + i * Long.BYTES, i < count ? first[i] : 0);
      }
    }
  }

  /**
   * Writes to a stream.
   *
   * @param kinds what the trace has
   * @throws VmmException if that is not enough
   */
  public ChampSimExporter(PrintStream out, Set<TraceKind> kinds) {
    if (!kinds.containsAll(List.of(TraceKind.INSTRUCTIONS, TraceKind.BRANCHES))) {
      throw new VmmException(
          "ChampSim's format is of instructions and branches, and the trace does not have both",
          "Collect it with '--what instructions,branches,memory'.");
    }
    this.out = out;
  }

  @Override
  public void accept(TraceRecord next) {
    switch (next) {
      case TraceRecord.Instruction it -> {
        write();
        pending = new Pending(it.at(), registers(it));
      }
      case TraceRecord.Branch it -> branch = it;
      case TraceRecord.Access it -> {
        Pending of = pending;
        if (of != null && !it.system() && it.at().instruction() == of.at.instruction()) {
          (it.write() ? stores : loads).add(it.linear(), it.size(), of.registers.isOneOperand());
        }
      }
      case TraceRecord.Event _ -> {}
    }
  }

  private ChampSimRegisters registers(TraceRecord.Instruction of) {
    if (known.size() > MAX_KNOWN) {
      known.clear();
    }
    return known.computeIfAbsent(
        new Encoding(of.bits(), ByteBuffer.wrap(of.code())),
        it -> ChampSimRegisters.of(it.bits, it.code.array()));
  }

  private void write() {
    Pending of = pending;
    TraceRecord.Branch how = branch;
    if (of != null) {
      boolean transfers = of.registers.kind() != null;
      if (!transfers || how != null) {
        record.putLong(0, of.at.rip());
        record.put(8, (byte) (transfers ? 1 : 0));
        record.put(9, (byte) (how != null && how.taken() ? 1 : 0));
        of.registers.write(record, 10);
        stores.write(record, STORES_AT);
        loads.write(record, LOADS_AT);
        out.write(bytes, 0, bytes.length);
      }
    }
    pending = null;
    branch = null;
    stores.count = 0;
    loads.count = 0;
  }

  /** Also writes the last instruction, but for a branch of which the trace does not say where it went. */
  @Override
  public void finish() {
    write();
    out.flush();
  }
}
