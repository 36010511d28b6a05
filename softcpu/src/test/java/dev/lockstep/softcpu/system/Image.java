package dev.lockstep.softcpu.system;

import dev.lockstep.engine.testkit.Assembler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A case as an image in memory: tables, runtime, program; and its log in words. */
final class Image {
  private static final int FORMAT = 64;
  private static final int OBSERVATION = 0x100;

  private static final long TABLE = 7;
  private static final long LARGE = 0x87;

  final byte[] bytes = new byte[(int) (Layout.IMAGE_END - Layout.IMAGE)];
  final long entry;
  private final ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  private final SystemCase what;
  private final TreeMap<Long, String> labels = new TreeMap<>();

  Image(SystemCase what) {
    this.what = what;
    boolean wide = what.mode == SystemCase.Mode.LONG;
    Assembler runtime = new Assembler(Layout.RUNTIME, 32);
    names(runtime);
    runtime.add(resource(wide ? "runtime64.asm" : "runtime32.asm"));
    for (int vector = 0; vector < 256; vector++) {
      String error = Vectors.hasError(vector) ? "" : "push 0\n";
      runtime.add("align 16\n%spush %d\njmp common".formatted(error, vector));
    }
    byte[] code = runtime.assemble();
    place(Layout.RUNTIME, code);
    entry = runtime.address("entry");
    program(runtime, wide ? 64 : 32);
    header();
    descriptors();
    if (wide) {
      interrupts64(runtime.address("stubs"));
      tables();
    } else {
      interrupts32(runtime.address("stubs"));
    }
    int gateBytes = wide ? 16 : 8;
    for (int vector : what.ists) {
      bytes[(int) (Layout.IDT - Layout.IMAGE) + gateBytes * vector + 4] = 1;
    }
    what.gates.forEach((vector, access) ->
        bytes[(int) (Layout.IDT - Layout.IMAGE) + gateBytes * vector + 5] = (byte) (int) access);
    what.words.forEach(this::word);
  }

  private void names(Assembler asm) {
    asm.define("LOG", Layout.LOG)
        .define("STACK", Layout.STACK)
        .define("IST1", Layout.IST1)
        .define("RING0_STACK", Layout.RING0_STACK)
        .define("USER_STACK", Layout.USER_STACK)
        .define("GDT", Layout.GDT)
        .define("IDT", Layout.IDT)
        .define("TSS", Layout.TSS)
        .define("TABLES", Layout.TABLES)
        .define("MAIN", Layout.MAIN)
        .define("DATA", Layout.DATA)
        .define("W", Layout.WINDOW)
        .define("PT", Layout.WINDOW_TABLE)
        .define("PD", Layout.WINDOW_DIRECTORY)
        .define("FRAMES", Layout.FRAMES)
        .define("CODE64", Layout.CODE64)
        .define("CODE32", Layout.CODE32)
        .define("DATA0", Layout.DATA0)
        .define("TASK", Layout.TASK)
        .define("CODE64_USER", Layout.CODE64_USER)
        .define("DATA_USER", Layout.DATA_USER)
        .define("CODE32_USER", Layout.CODE32_USER)
        .define("FREE", Layout.FREE_SELECTOR)
        .define("APIC", 0xfee0_0000L)
        .define("HPET", 0xfed0_0000L);
  }

  private void program(Assembler runtime, int bits) {
    Assembler asm = new Assembler(Layout.MAIN, bits);
    names(asm);
    for (String exported : List.of("observe", "resumeAt", "hooks", "flush", "finish")) {
      asm.define(exported, runtime.address(exported));
    }
    what.names.forEach(asm::define);
    String a = bits == 64 ? "rax" : "eax";
    String pointer = bits == 64 ? "qword" : "dword";
    int width = bits / 8;
    for (String text : what.source) {
      for (String line : text.split("\n")) {
        asm.add(expand(line, a, pointer, width));
      }
    }
    place(Layout.MAIN, asm.assemble());
    asm.labels().forEach((name, at) -> labels.putIfAbsent(at, name));
  }

  /** The three words that are not the processor's. */
  private static String expand(String line, String a, String pointer, int width) {
    String text = line.trim();
    int colon = text.indexOf(": ");
    if (colon > 0 && text.substring(0, colon).matches("\\w+")) {
      String rest = text.substring(colon + 2);
      return text.substring(0, colon + 1) + "\n" + expand(rest, a, pointer, width);
    }
    int comment = text.indexOf(';');
    if (comment >= 0) {
      text = text.substring(0, comment).trim();
    }
    if (text.startsWith("obs ")) {
      String value = text.substring(4);
      return "push %s\nmov %s, %s\ncall observe\npop %s".formatted(a, a, value, a);
    }
    if (text.startsWith("resume ")) {
      return "mov %s [resumeAt], %s".formatted(pointer, text.substring(7));
    }
    if (text.startsWith("hook ")) {
      String[] parts = text.substring(5).split(",");
      int at = width * Integer.parseInt(parts[0].trim());
      return "mov %s [hooks+%d], %s".formatted(pointer, at, parts[1].trim());
    }
    return line;
  }

  private void place(long at, byte[] code) {
    System.arraycopy(code, 0, bytes, (int) (at - Layout.IMAGE), code.length);
  }

  private void word(long at, long value) {
    buffer.putLong((int) (at - Layout.IMAGE), value);
  }

  private void header() {
    int flags = 1 << 16;
    int magic = 0x1bad_b002;
    int[] fields = {
      magic,
      flags,
      -(magic + flags),
      (int) Layout.IMAGE,
      (int) Layout.IMAGE,
      (int) Layout.IMAGE_END,
      (int) Layout.IMAGE_END,
      (int) entry
    };
    for (int i = 0; i < fields.length; i++) {
      buffer.putInt(4 * i, fields[i]);
    }
  }

  private void descriptors() {
    long flat = 0x000f_0000_0000_ffffL;
    word(Layout.GDT + Layout.CODE64, flat | 0xa09bL << 40);
    word(Layout.GDT + Layout.DATA0, flat | 0xc093L << 40);
    word(Layout.GDT + Layout.CODE32, flat | 0xc09bL << 40);
    word(Layout.GDT + Layout.TASK, 0x67 | (Layout.TSS & 0xff_ffff) << 16 | 0x89L << 40);
    word(Layout.GDT + (Layout.CODE64_USER & ~7), flat | 0xa0fbL << 40);
    word(Layout.GDT + (Layout.DATA_USER & ~7), flat | 0xc0f3L << 40);
    word(Layout.GDT + (Layout.CODE32_USER & ~7), flat | 0xc0fbL << 40);
    if (what.mode == SystemCase.Mode.LONG) {
      buffer.putLong((int) (Layout.TSS - Layout.IMAGE) + 4, Layout.RING0_STACK);
      buffer.putLong((int) (Layout.TSS - Layout.IMAGE) + 0x24, Layout.IST1);
    } else {
      buffer.putInt((int) (Layout.TSS - Layout.IMAGE) + 4, (int) Layout.RING0_STACK);
      buffer.putInt((int) (Layout.TSS - Layout.IMAGE) + 8, Layout.DATA0);
    }
    // The I/O bitmap lies past the limit: no ports.
    buffer.putShort((int) (Layout.TSS - Layout.IMAGE) + 0x66, (short) 0x68);
  }

  /** Interrupt gates of 64 bits, which ring 3 may call from vector 0x60 on. */
  private void interrupts64(long stubs) {
    for (int vector = 0; vector < 256; vector++) {
      long rip = stubs + 16L * vector;
      int access = vector >= 0x60 || vector == 3 || vector == 4 ? 0xee : 0x8e;
      word(Layout.IDT + 16L * vector, gate(rip, Layout.CODE64, access));
      word(Layout.IDT + 16L * vector + 8, 0);
    }
  }

  private void interrupts32(long stubs) {
    for (int vector = 0; vector < 256; vector++) {
      int access = vector >= 0x60 || vector == 3 || vector == 4 ? 0xee : 0x8e;
      word(Layout.IDT + 8L * vector, gate(stubs + 16L * vector, Layout.CODE32, access));
    }
  }

  static long gate(long rip, int selector, int access) {
    return rip & 0xffff | (long) selector << 16 | (long) access << 40 | (rip & 0xffff_0000L) << 32;
  }

  /** The first GiB and the last before 4 GiB by pages of 2 MiB, the window by a table of its own. */
  private void tables() {
    long top = Layout.TABLES;
    long pointers = top + 0x1000;
    long high = top + 0x6000;
    word(top, pointers | TABLE);
    word(pointers, Layout.LOW_DIRECTORY | TABLE);
    word(pointers + 8, Layout.WINDOW_DIRECTORY | TABLE);
    word(pointers + 24, high | TABLE);
    for (int i = 0; i < 512; i++) {
      word(Layout.LOW_DIRECTORY + 8L * i, (long) i << 21 | LARGE);
      word(high + 8L * i, 0xc000_0000L + ((long) i << 21) | LARGE);
    }
    word(Layout.WINDOW_DIRECTORY, Layout.WINDOW_TABLE | TABLE);
  }

  /**
   * A log as lines.
   *
   * @param log from {@link Layout#LOG} on
   */
  List<String> lines(byte[] log) {
    ByteBuffer in = ByteBuffer.wrap(log).order(ByteOrder.LITTLE_ENDIAN);
    long count = log.length < 8 ? 0 : Math.min(in.getLong(0), (log.length - 64) / FORMAT);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      if (in.getLong(64 + FORMAT * i) != Snippets.LEAVE_VECTOR) {
        lines.add(line(in, 64 + FORMAT * i));
      }
    }
    return lines;
  }

  private String line(ByteBuffer in, int at) {
    long vector = in.getLong(at);
    long error = in.getLong(at + 8);
    if (vector == OBSERVATION) {
      return Long.toHexString(error);
    }
    StringBuilder line = new StringBuilder(Vectors.name((int) vector));
    if (Vectors.hasError((int) vector)) {
      line.append('(').append(Long.toHexString(error)).append(')');
    }
    if (what.hidden) {
      return line.toString();
    }
    line.append(' ').append(symbol(in.getLong(at + 16)));
    if (vector == 14) {
      line.append(" cr2=").append(Long.toHexString(in.getLong(at + 56)));
    }
    if (what.shows.contains(SystemCase.Show.FLAGS)) {
      line.append(" flags=").append(Long.toHexString(in.getLong(at + 32)));
    }
    if (what.shows.contains(SystemCase.Show.SELECTORS)) {
      line.append(" cs=").append(Long.toHexString(in.getLong(at + 24)));
      line.append(" ss=").append(Long.toHexString(in.getLong(at + 48)));
    }
    if (what.shows.contains(SystemCase.Show.STACK)) {
      line.append(" sp=").append(Long.toHexString(in.getLong(at + 40)));
    }
    return line.toString();
  }

  /** An address by the label before it. */
  private String symbol(long address) {
    Map.Entry<Long, String> below = labels.floorEntry(address);
    if (below == null || address - below.getKey() > 0x100) {
      return Long.toHexString(address);
    }
    long more = address - below.getKey();
    return more == 0 ? below.getValue() : below.getValue() + "+" + more;
  }

  private static String resource(String name) {
    try (var in = Image.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the resource " + name + " is not there");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
