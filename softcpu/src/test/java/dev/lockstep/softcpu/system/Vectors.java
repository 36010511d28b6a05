package dev.lockstep.softcpu.system;

/** The names of exceptions (Intel SDM vol. 3A table 6-1). */
final class Vectors {
  private static final String[] NAMES = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9", "#TS", "#NP", "#SS", "#GP",
    "#PF", "15", "#MF", "#AC", "#MC", "#XM"
  };

  private static final int WITH_ERROR = 1 << 8 | 0x1f << 10 | 1 << 17;

  private Vectors() {}

  static String name(int vector) {
    return vector < NAMES.length ? NAMES[vector] : "int %x".formatted(vector);
  }

  static boolean hasError(int vector) {
    return vector < 32 && (WITH_ERROR >>> vector & 1) != 0;
  }
}
