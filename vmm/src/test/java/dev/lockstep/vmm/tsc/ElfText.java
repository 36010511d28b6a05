package dev.lockstep.vmm.tsc;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A section of an ELF file. */
final class ElfText {
  private ElfText() {}

  static byte[] of(byte[] file, String name) {
    ByteBuffer elf = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int table = (int) elf.getLong(40);
    int names = (int) elf.getLong(table + 64 * elf.getShort(62) + 24);
    for (int i = 0; i < elf.getShort(60); i++) {
      int header = table + 64 * i;
      int at = names + elf.getInt(header);
      byte[] wanted = (name + "\0").getBytes(StandardCharsets.US_ASCII);
      if (Arrays.equals(wanted, 0, wanted.length, file, at, at + wanted.length)) {
        int offset = (int) elf.getLong(header + 24);
        return Arrays.copyOfRange(file, offset, offset + (int) elf.getLong(header + 32));
      }
    }
    throw new IllegalArgumentException("no section " + name);
  }
}
