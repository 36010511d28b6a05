package dev.lockstep.vmm.device;

/** The bytes of CMOS memory in which AT firmware keeps the size of memory and what is installed. */
final class CmosMemorySize {
  private static final long KIB = 1024;
  private static final long MIB = 1024 * KIB;
  private static final int EQUIPMENT = 0x14;
  // A coprocessor, and nothing else.
  private static final int EQUIPMENT_VALUE = 0x02;
  private static final int CHECKSUM_FIRST = 0x10;
  private static final int CHECKSUM_LAST = 0x2d;
  private static final int CHECKSUM = 0x2e;

  private CmosMemorySize() {}

  /**
   * Writes them.
   *
   * @param below bytes of memory below 4 GiB, at least 1 MiB
   * @param above bytes of memory from 4 GiB on
   */
  static void write(byte[] cmos, long below, long above) {
    cmos[EQUIPMENT] = EQUIPMENT_VALUE;
    put(cmos, 0x15, 2, 640);
    long extendedKib = Math.min((below - MIB) / KIB, 0xffff);
    put(cmos, 0x17, 2, extendedKib);
    put(cmos, 0x30, 2, extendedKib);
    put(cmos, 0x34, 2, Math.max(0, below - 16 * MIB) / (64 * KIB));
    put(cmos, 0x5b, 3, above / (64 * KIB));
    int sum = 0;
    for (int i = CHECKSUM_FIRST; i <= CHECKSUM_LAST; i++) {
      sum += cmos[i] & 0xff;
    }
    // Most significant byte first, unlike the others.
    cmos[CHECKSUM] = (byte) (sum >>> 8);
    cmos[CHECKSUM + 1] = (byte) sum;
  }

  private static void put(byte[] cmos, int at, int width, long value) {
    for (int i = 0; i < width; i++) {
      cmos[at + i] = (byte) (value >>> 8 * i);
    }
  }
}
