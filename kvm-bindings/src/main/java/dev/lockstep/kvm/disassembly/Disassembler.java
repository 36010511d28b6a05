package dev.lockstep.kvm.disassembly;

import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.NativeLongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** x86 instructions as text, by libcapstone. Safe for use by any thread. */
public final class Disassembler {
  /** By file name, newest first: what the structure below fits. */
  private static final List<String> LIBRARIES =
      List.of("libcapstone.so.5", "libcapstone.so.4", "libcapstone.so");

  private static final String ADVICE =
      "Install the package libcapstone4 (or libcapstone5) to see instructions as text.";

  private static final int MNEMONIC_BYTES = 32;
  private static final int OPERANDS_BYTES = 160;
  private static final int ADDRESS_OFFSET = 8;
  private static final int SIZE_OFFSET = 16;
  private static final int BYTES_OFFSET = 18;

  private final Capstone library;
  private final String version;
  private final int mnemonicOffset;
  private final int structureBytes;

  private Disassembler(Capstone library, int major, int minor) {
    this.library = library;
    this.version = "libcapstone " + major + "." + minor;
    // struct cs_insn: id, address, size, the bytes, mnemonic, operands, a pointer to details.
    this.mnemonicOffset = BYTES_OFFSET + longestInstruction(major);
    this.structureBytes = (mnemonicOffset + MNEMONIC_BYTES + OPERANDS_BYTES + 7 & -8) + 8;
  }

  private static int longestInstruction(int major) {
    return major == 4 ? 16 : 24;
  }

  /** The disassembler, or why there is none. */
  public sealed interface Lookup {}

  /** There is one. */
  public record Present(Disassembler disassembler) implements Lookup {}

  /**
   * There is none.
   *
   * @param reason what was looked for and what was found
   * @param advice what a user can do, one sentence
   */
  public record Absent(String reason, String advice) implements Lookup {}

  /** Loads the library. */
  public static Lookup find() {
    return find(LIBRARIES);
  }

  static Lookup find(List<String> libraries) {
    for (String name : libraries) {
      Capstone library;
      try {
        library = Native.load(name, Capstone.class);
      } catch (UnsatisfiedLinkError e) {
        // Not installed under this name; the last name decides.
        continue;
      } catch (LinkageError e) {
        return new Absent("JNA could not be loaded: " + e.getMessage(), ADVICE);
      }
      IntByReference major = new IntByReference();
      IntByReference minor = new IntByReference();
      library.cs_version(major, minor);
      if (major.getValue() == 4 || major.getValue() == 5) {
        return new Present(new Disassembler(library, major.getValue(), minor.getValue()));
      }
      return new Absent(
          name + " has version " + major.getValue() + ", and 4 and 5 are known here", ADVICE);
    }
    return new Absent("none of " + String.join(", ", libraries) + " can be loaded", ADVICE);
  }

  /** The library and its version. */
  public String version() {
    return version;
  }

  /**
   * Every instruction of a piece of code, in order: each byte is part of exactly one, bytes that begin none being {@code .byte}.
   *
   * @param code the bytes
   * @param address of the first one, which branch targets are relative to
   */
  public List<Instruction> disassemble(byte[] code, long address, CodeMode mode) {
    if (code.length == 0) {
      return List.of();
    }
    NativeLongByReference handle = new NativeLongByReference();
    require("cs_open", library.cs_open(Capstone.CS_ARCH_X86, mode.number(), handle));
    try {
      require(
          "cs_option",
          library.cs_option(
              handle.getValue(), Capstone.CS_OPT_SKIPDATA, new NativeLong(Capstone.CS_OPT_ON)));
      PointerByReference found = new PointerByReference();
      NativeLong count =
          library.cs_disasm(
              handle.getValue(),
              code,
              new NativeLong(code.length),
              address,
              new NativeLong(0),
              found);
      if (count.longValue() == 0) {
        throw new IllegalStateException(
            version + " found nothing in " + code.length + " bytes, not even data");
      }
      try {
        return read(found.getValue(), count.intValue());
      } finally {
        library.cs_free(found.getValue(), count);
      }
    } finally {
      library.cs_close(handle);
    }
  }

  private List<Instruction> read(Pointer first, int count) {
    List<Instruction> instructions = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      Pointer one = first.share((long) i * structureBytes, structureBytes);
      instructions.add(
          new Instruction(
              one.getLong(ADDRESS_OFFSET),
              Short.toUnsignedInt(one.getShort(SIZE_OFFSET)),
              one.getString(mnemonicOffset, StandardCharsets.US_ASCII.name()),
              one.getString(mnemonicOffset + MNEMONIC_BYTES, StandardCharsets.US_ASCII.name())));
    }
    return List.copyOf(instructions);
  }

  private void require(String call, int error) {
    if (error != 0) {
      throw new IllegalStateException(call + " of " + version + ": " + library.cs_strerror(error));
    }
  }
}
