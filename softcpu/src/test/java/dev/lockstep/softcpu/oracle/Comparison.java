package dev.lockstep.softcpu.oracle;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Says in what two results differ, leaving out what the manual leaves undefined. */
final class Comparison {
  /** TF is never set here; RF in a saved image is compared. */
  private static final long RFLAGS_COMPARED = 0x10cd5L | 1 << 10;

  /** ES, and C0, C2, C3 of the x87 status word. */
  private static final int EXCEPTION_SUMMARY = 0x80;

  private static final int CONDITION_CODES = 0x4500;
  private static final int C1 = 0x200;
  private static final long ARITHMETIC_FLAGS = 0x8d5;

  private static final String[] NAMES = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15"
  };

  private Comparison() {}

  /** Empty where the software CPU did what the host did. */
  static List<String> differences(
      Form form, long undefinedFlags, OracleCase asked, OracleResult host, OracleResult soft) {
    List<String> found = new ArrayList<>();
    compare(found, "vector", host.vector(), soft.vector());
    compare(found, "error code", host.error(), soft.error());
    long address = comparedAddress(form, asked);
    compare(found, "cr2", host.cr2() & address, soft.cr2() & address);
    compare(found, "rip", host.rip(), soft.rip());
    long mask = RFLAGS_COMPARED & ~undefinedFlags;
    boolean unmasked = (host.fxsave()[2] & EXCEPTION_SUMMARY) != 0;
    if (form.has("toflags") && unmasked) {
      mask &= ~ARITHMETIC_FLAGS;
    }
    compare(found, "rflags", host.rflags() & mask, soft.rflags() & mask);
    boolean destinationUndefined = form.has("dest0") && (host.rflags() & 0x40) != 0;
    for (int i = 0; i < 16; i++) {
      if (!destinationUndefined || host.vector() >= 0) {
        compare(found, NAMES[i], host.gpr()[i], soft.gpr()[i]);
      }
    }
    compareWindow(
        found, "data", compared(form, asked, host.data()), compared(form, asked, soft.data()));
    compareWindow(
        found, "stack", compared(form, asked, host.stack()), compared(form, asked, soft.stack()));
    if (form.has("x87") || form.has("sse") || form.has("mmx")) {
      compareFpu(found, form, host.fxsave(), soft.fxsave());
    }
    return found;
  }

  private static void compare(List<String> found, String what, long host, long soft) {
    if (host != soft) {
      found.add("%s host %#x soft %#x".formatted(what, host, soft));
    }
  }

  /** In which order an image's parts are accessed is not said: of the address of a page fault only the page is compared, and not even that where both are refused. */
  private static long comparedAddress(Form form, OracleCase asked) {
    if (form.value("image").isEmpty()) {
      return -1L;
    }
    boolean both =
        asked.protection() == OracleCase.DATA_READ_ONLY
            || asked.protection() == OracleCase.DATA_ABSENT;
    return both ? -2L * OracleCase.PAGE : -OracleCase.PAGE;
  }

  /** A window, in which the operand may be, without what processors keep differently in an image: FOP, FIP, FDP and their selectors (AMD APM vol. 2, 11.4.4), and MXCSR_MASK, which tells of AMD's misaligned-exception bit. */
  private static byte[] compared(Form form, OracleCase asked, byte[] window) {
    String image = form.value("image");
    int at = asked.operand();
    if (image.isEmpty() || at < 0) {
      return window;
    }
    boolean narrow = asked.operandBits() == 16;
    int from = image.equals("fx") || narrow ? 6 : 12;
    int to = image.equals("fx") ? 24 : narrow ? 14 : 28;
    byte[] copy = window.clone();
    hide(copy, at + from, at + to);
    if (image.equals("fx")) {
      hide(copy, at + 28, at + 32);
    }
    return copy;
  }

  private static void hide(byte[] data, int from, int to) {
    for (int i = from; i < Math.min(to, data.length); i++) {
      data[i] = 0;
    }
  }

  private static void compareWindow(List<String> found, String what, byte[] host, byte[] soft) {
    int at = Arrays.mismatch(host, soft);
    if (at >= 0) {
      found.add(
          "%s[%d] host %02x soft %02x".formatted(what, at - host.length / 2, host[at], soft[at]));
    }
  }

  /** FCW, FSW, FTW, MXCSR, the register stack and XMM; FOP, FIP and FDP differ by vendor (AMD APM vol. 2, 11.4.4) and are left out. */
  private static void compareFpu(List<String> found, Form form, byte[] host, byte[] soft) {
    compareRange(found, "fcw", host, soft, 0, 2);
    int statusMask =
        form.has("codes") && (host[2] & EXCEPTION_SUMMARY) != 0 ? ~CONDITION_CODES : -1;
    if (form.has("toflags") || form.has("ulp")) {
      statusMask &= ~C1;
    }
    compare(found, "fsw", word(host, 2) & statusMask, word(soft, 2) & statusMask);
    compareRange(found, "ftw", host, soft, 4, 5);
    compareRange(found, "mxcsr", host, soft, 24, 28);
    for (int i = 0; i < 8; i++) {
      int at = 32 + 16 * i;
      if (!form.has("ulp") || !Tolerance.nearExtended(host, soft, at)) {
        compareRange(found, "st" + i, host, soft, at, at + 10);
      }
    }
    for (int i = 0; i < 16; i++) {
      int at = 160 + 16 * i;
      if (!form.has("approx") || !Tolerance.nearSingles(host, soft, at)) {
        compareRange(found, "xmm" + i, host, soft, at, at + 16);
      }
    }
  }

  private static void compareRange(
      List<String> found, String what, byte[] host, byte[] soft, int from, int to) {
    if (!Arrays.equals(host, from, to, soft, from, to)) {
      found.add("%s host %s soft %s".formatted(what, hex(host, from, to), hex(soft, from, to)));
    }
  }

  private static int word(byte[] bytes, int at) {
    return bytes[at] & 0xff | (bytes[at + 1] & 0xff) << 8;
  }

  private static String hex(byte[] bytes, int from, int to) {
    StringBuilder text = new StringBuilder();
    for (int i = to - 1; i >= from; i--) {
      text.append("%02x".formatted(bytes[i]));
    }
    return text.toString();
  }
}
