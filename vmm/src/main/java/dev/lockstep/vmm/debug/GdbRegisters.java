package dev.lockstep.vmm.debug;

import dev.lockstep.engine.CpuState;

/**
 * The registers as gdb numbers them: its features {@code i386.core}, {@code i386.sse} and {@code i386.segments} for x86-64 (GDB manual, G.5.6), as hexadecimal digits of little-endian bytes.
 */
final class GdbRegisters {
  /** RAX RBX RCX RDX RSI RDI RBP RSP R8..R15 as indexes of {@link CpuState#gpr}. */
  private static final int[] GENERAL = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};

  private static final String[] NAMES = {
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15"
  };

  private static final int[] SEGMENTS = {
    CpuState.CS, CpuState.SS, CpuState.DS, CpuState.ES, CpuState.FS, CpuState.GS
  };

  private static final String[] FPU = {
    "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"
  };

  /** How many there are: 16 general, RIP, flags, 6 segments, 8 x87, 8 of its control, 16 XMM, MXCSR, 2 bases. */
  static final int COUNT = 16 + 2 + 6 + 8 + 8 + 16 + 1 + 2;

  private static final int RIP = 16, FLAGS = 17, SEGMENT = 18, ST = 24, CONTROL = 32, XMM = 40;
  private static final int MXCSR = 56, FS_BASE = 57;

  private GdbRegisters() {}

  /** All, in the order of their numbers. */
  static String all(CpuState state) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < COUNT; i++) {
      text.append(one(state, i));
    }
    return text.toString();
  }

  /**
   * One.
   *
   * @param number 0 to {@link #COUNT} - 1
   */
  static String one(CpuState state, int number) {
    if (number < RIP) {
      return Hex.little(state.gpr[GENERAL[number]], 8);
    }
    if (number == RIP) {
      return Hex.little(state.rip, 8);
    }
    if (number == FLAGS) {
      return Hex.little(state.rflags, 4);
    }
    if (number < ST) {
      return Hex.little(state.segments[SEGMENTS[number - SEGMENT]].selector, 4);
    }
    if (number < CONTROL) {
      return Hex.of(state.fxsave, 32 + 16 * (number - ST), 10);
    }
    if (number < XMM) {
      return Hex.little(control(state.fxsave, number - CONTROL), 4);
    }
    if (number < MXCSR) {
      return Hex.of(state.fxsave, 160 + 16 * (number - XMM), 16);
    }
    if (number == MXCSR) {
      return Hex.of(state.fxsave, 24, 4);
    }
    int segment = number == FS_BASE ? CpuState.FS : CpuState.GS;
    return Hex.little(state.segments[segment].base, 8);
  }

  /** x87's control registers out of FXSAVE64's image (Intel SDM vol. 1 10.5.1), which has 64-bit pointers and no selectors. */
  private static long control(byte[] image, int which) {
    return switch (which) {
      case 0 -> word(image, 0);
      case 1 -> word(image, 2);
      case 2 -> fullTags(image);
      case 4 -> word(image, 8) | word(image, 10) << 16;
      case 6 -> word(image, 16) | word(image, 18) << 16;
      case 7 -> word(image, 6);
      default -> 0;
    };
  }

  /** The abridged tags with a bit for each register as the two bits of FSTENV: empty is 3; what is not empty is called valid. */
  private static long fullTags(byte[] image) {
    long tags = 0;
    for (int i = 0; i < 8; i++) {
      if ((image[4] >> i & 1) == 0) {
        tags |= 3L << 2 * i;
      }
    }
    return tags;
  }

  private static long word(byte[] image, int at) {
    return image[at] & 0xff | (image[at + 1] & 0xff) << 8;
  }

  /** The target description. */
  static String description() {
    StringBuilder xml =
        new StringBuilder(
            "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                + "<target version=\"1.0\"><architecture>i386:x86-64</architecture>");
    xml.append("<feature name=\"org.gnu.gdb.i386.core\">");
    for (String name : NAMES) {
      boolean pointer = name.equals("rbp") || name.equals("rsp");
      register(xml, name, 64, pointer ? "data_ptr" : "int64");
    }
    register(xml, "rip", 64, "code_ptr");
    register(xml, "eflags", 32, "int32");
    for (String name : new String[] {"cs", "ss", "ds", "es", "fs", "gs"}) {
      register(xml, name, 32, "int32");
    }
    for (int i = 0; i < 8; i++) {
      register(xml, "st" + i, 80, "i387_ext");
    }
    for (String name : FPU) {
      register(xml, name, 32, "int");
    }
    xml.append("</feature><feature name=\"org.gnu.gdb.i386.sse\">");
    xml.append(
        "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
            + "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
            + "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
            + "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
            + "<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
            + "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
            + "<field name=\"uint128\" type=\"uint128\"/></union>");
    for (int i = 0; i < 16; i++) {
      register(xml, "xmm" + i, 128, "vec128");
    }
    register(xml, "mxcsr", 32, "int");
    xml.append("</feature><feature name=\"org.gnu.gdb.i386.segments\">");
    register(xml, "fs_base", 64, "int");
    register(xml, "gs_base", 64, "int");
    return xml.append("</feature></target>").toString();
  }

  private static void register(StringBuilder xml, String name, int bits, String type) {
    xml.append("<reg name=\"%s\" bitsize=\"%d\" type=\"%s\"/>".formatted(name, bits, type));
  }
}
