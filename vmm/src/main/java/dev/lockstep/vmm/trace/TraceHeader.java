package dev.lockstep.vmm.trace;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.LogHeader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a trace file is a trace of.
 *
 * @param vm the machine's name
 * @param logHash of the event log's header: the log's identity
 * @param epoch of the log
 * @param cpuModel its name
 * @param semantics what its branch counts count
 * @param kinds what was wanted
 * @param selection all of what was wanted, in words
 */
public record TraceHeader(
    String vm,
    long logHash,
    long epoch,
    String cpuModel,
    BranchSemantics semantics,
    Set<TraceKind> kinds,
    String selection) {
  static final int MAX_BYTES = 1 << 20;
  private static final int MAX_TEXT = 60_000;

  public TraceHeader {
    kinds = Set.copyOf(kinds);
  }

  /** That of a trace of a log. */
  public static TraceHeader of(LogHeader log, TraceSelection selection) {
    String words = selection.toString();
    return new TraceHeader(
        log.vm(),
        LogHash.of(log.encode()),
        log.epoch(),
        log.cpuModel(),
        log.semantics(),
        selection.kinds(),
        words.length() > MAX_TEXT / 3 ? words.substring(0, MAX_TEXT / 3) + "…" : words);
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF(vm);
      out.writeLong(logHash);
      out.writeLong(epoch);
      out.writeUTF(cpuModel);
      out.writeUTF(semantics.name());
      int bits = 0;
      for (TraceKind kind : kinds) {
        bits |= 1 << kind.ordinal();
      }
      out.writeInt(bits);
      out.writeUTF(selection);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static TraceHeader decode(byte[] encoded) throws IOException {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
      String vm = in.readUTF();
      long hash = in.readLong();
      long epoch = in.readLong();
      String model = in.readUTF();
      BranchSemantics semantics = semantics(in.readUTF());
      int bits = in.readInt();
      Set<TraceKind> kinds = EnumSet.noneOf(TraceKind.class);
      for (TraceKind kind : TraceKind.values()) {
        if ((bits & 1 << kind.ordinal()) != 0) {
          kinds.add(kind);
        }
      }
      return new TraceHeader(vm, hash, epoch, model, semantics, kinds, in.readUTF());
    }
  }

  private static BranchSemantics semantics(String name) throws TraceFormatException {
    for (BranchSemantics known : BranchSemantics.values()) {
      if (known.name().equals(name)) {
        return known;
      }
    }
    throw new TraceFormatException("branch semantics '%s' are not known here".formatted(name));
  }
}
