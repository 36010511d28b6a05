package dev.lockstep.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A guest of a few instructions, as an ELF kernel that runs at its 64-bit entry. */
final class TinyGuest {
  private static final long ENTRY = 0x10_0000;
  private static final int HEADERS = 64 + 56;

  private final ByteArrayOutputStream code = new ByteArrayOutputStream();

  /** Writes a text to the UART. */
  TinyGuest print(String text) {
    emit(0xba, 0xf8, 0x03, 0, 0); // mov edx, 0x3f8
    for (byte value : text.getBytes(StandardCharsets.US_ASCII)) {
      emit(0xb0, value, 0xee); // mov al, value; out dx, al
    }
    return this;
  }

  /** Sends back what the UART receives, up to and with a byte. */
  TinyGuest echoUntil(char last) {
    return emit(0xba, 0xfd, 0x03, 0, 0) // 0: mov edx, 0x3fd (line status)
        .emit(0xec, 0xa8, 0x01) // 5: in al, dx; test al, 1 (data ready)
        .emit(0x74, 0xf6) // 8: jz 0
        .emit(0xb2, 0xf8, 0xec, 0xee) // 10: mov dl, 0xf8; in al, dx; out dx, al
        .emit(0x3c, last, 0x75, 0xee); // 14: cmp al, last; jne 0
  }

  /** Ends the machine with a code. */
  TinyGuest exit(int code) {
    return emit(0xb0, code, 0xe6, 0xf4, 0xf4); // mov al, code; out 0xf4, al; hlt
  }

  /** Halts with interrupts off. */
  TinyGuest powerOff() {
    return emit(0xfa, 0xf4);
  }

  /** Runs for ever. */
  TinyGuest spin() {
    return emit(0xeb, 0xfe);
  }

  /** Any instructions. */
  TinyGuest emit(int... bytes) {
    for (int value : bytes) {
      code.write(value);
    }
    return this;
  }

  /** Writes the kernel. */
  Path write(Path file) throws IOException {
    byte[] text = code.toByteArray();
    ByteBuffer elf = ByteBuffer.allocate(HEADERS + text.length).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    elf.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    elf.putLong(24, ENTRY).putLong(32, 64);
    elf.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 1);
    elf.putInt(64, 1).putInt(68, 7).putLong(72, HEADERS);
    elf.putLong(80, ENTRY).putLong(88, ENTRY);
    elf.putLong(96, text.length).putLong(104, text.length).putLong(112, 1);
    elf.put(HEADERS, text);
    return Files.write(file, elf.array());
  }
}
