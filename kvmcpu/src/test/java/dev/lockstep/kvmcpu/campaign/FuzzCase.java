package dev.lockstep.kvmcpu.campaign;

import dev.lockstep.engine.CpuState;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A guest and what is done to it, as data: whatever made it, it can be written down and done again.
 *
 * @param start the state it begins in
 * @param patches what is written over a bare guest's memory before
 * @param actions what is done, in order
 */
record FuzzCase(CpuState start, List<Patch> patches, List<Action> actions) {
  /** Bytes at a guest-physical address. */
  record Patch(long address, byte[] bytes) {
    Patch {
      bytes = bytes.clone();
    }

    @Override
    public byte[] bytes() {
      return bytes.clone();
    }
  }

  /** One thing that is done; what {@code a} and {@code b} are depends on it. */
  record Action(Kind kind, long a, long b) {}

  /** What can be done. */
  enum Kind {
    /** Runs for so many units of work; an exit that waits is answered by what comes of {@code b}. */
    RUN,
    /** Executes one instruction; answers as RUN does. */
    STEP,
    /** Kicks the vCPU before it runs. */
    KICK,
    /** Kicks it from another thread, so many nanoseconds later. */
    KICK_LATER,
    /** Injects the interrupt of a vector. */
    INTERRUPT,
    /** Injects an NMI. */
    NMI,
    /** Injects the exception of a vector, with an error code. */
    EXCEPTION,
    /** Asks for an interrupt window, or not. */
    WINDOW,
    /** Changes a field of the state: which, and how. */
    MUTATE,
    /** Sets the state of the beginning again. */
    RESTART,
    /** Writes 64 bits to memory behind the guest's back. */
    WRITE,
    /** Collects dirty pages. */
    DIRTY,
    /** Looks at everything there is to look at. */
    LOOK
  }

  /** For a file of the corpus. */
  String text() {
    StringBuilder text = new StringBuilder("state ").append(HexFormat.of().formatHex(bytes(start)));
    for (Patch patch : patches) {
      text.append("\npatch %x %s".formatted(patch.address, HexFormat.of().formatHex(patch.bytes)));
    }
    for (Action action : actions) {
      text.append("\ndo %s %x %x".formatted(action.kind, action.a, action.b));
    }
    return text.append('\n').toString();
  }

  static FuzzCase parse(List<String> lines) {
    CpuState state = new CpuState();
    List<Patch> patches = new ArrayList<>();
    List<Action> actions = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "state" -> read(state, HexFormat.of().parseHex(words[1]));
        case "patch" ->
            patches.add(
                new Patch(
                    Long.parseUnsignedLong(words[1], 16),
                    words.length < 3 ? new byte[0] : HexFormat.of().parseHex(words[2])));
        case "do" ->
            actions.add(
                new Action(
                    Kind.valueOf(words[1]),
                    Long.parseUnsignedLong(words[2], 16),
                    Long.parseUnsignedLong(words[3], 16)));
        default -> throw new IllegalArgumentException("a case's line begins with " + words[0]);
      }
    }
    return new FuzzCase(state, patches, actions);
  }

  private static byte[] bytes(CpuState state) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      state.writeTo(new DataOutputStream(bytes));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void read(CpuState into, byte[] bytes) {
    try {
      into.readFrom(new DataInputStream(new ByteArrayInputStream(bytes)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
