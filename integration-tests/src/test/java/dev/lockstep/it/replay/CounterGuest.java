package dev.lockstep.it.replay;

import dev.lockstep.engine.testkit.Assembler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The guest image's initramfs with a program that reads the time-stamp counter, and a module that does. */
final class CounterGuest {
  /** Prints eight reads of the counter, each as 16 hexadecimal digits on a line. */
  static final String PROGRAM = "/bin/read-counter";

  /** Forbids itself the counter by {@code prctl(PR_SET_TSC, PR_TSC_SIGSEGV)}, then reads it. */
  static final String FORBIDDEN = "/bin/read-forbidden-counter";

  /** Reads the counter when it is loaded; needs {@link #HASH}. */
  static final String MODULE = "jitterentropy_rng.ko";

  static final String HASH = "sha3_generic.ko";

  /** Where modules lie in the guest. */
  static final String MODULES = "/lib/modules/";

  private static final long ORIGIN = 0x40_0000;
  private static final int HEADERS = 64 + 56;

  private static final String READS =
      """
      mov r12d, 8
      again:
      rdtsc
      shl rdx, 32
      or rax, rdx
      mov rsi, buffer
      mov ecx, 16
      digit:
      rol rax, 4
      mov edx, eax
      and edx, 15
      add edx, 48
      cmp edx, 58
      jb store
      add edx, 39
      store:
      mov byte [rsi], dl
      inc rsi
      dec ecx
      jnz digit
      mov byte [rsi], 10
      mov eax, 1
      mov edi, 1
      mov rsi, buffer
      mov edx, 17
      syscall
      dec r12d
      jnz again
      xor edi, edi
      mov eax, 60
      syscall
      buffer = 0x401000
      """;

  private static final String FORBIDS =
      """
      mov eax, 157
      mov edi, 26
      mov esi, 2
      syscall
      """;

  private CounterGuest() {}

  /** Writes the initramfs with what is added. */
  static Path initrd(DebianGuest guest, Path file) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(Files.readAllBytes(guest.initrd()));
    while (all.size() % 4 != 0) {
      all.write(0);
    }
    cpio(all, PROGRAM.substring(1), program(READS));
    cpio(all, FORBIDDEN.substring(1), program(FORBIDS + READS));
    for (String module : new String[] {HASH, MODULE}) {
      cpio(all, MODULES.substring(1) + module, Files.readAllBytes(guest.module(module)));
    }
    cpio(all, "TRAILER!!!", new byte[0]);
    return Files.write(file, all.toByteArray());
  }

  /** A static program: one segment of code, and a page for its buffer (System V ABI, chapter 4). */
  private static byte[] program(String source) {
    byte[] code = new Assembler(ORIGIN + HEADERS, 64).add(source).assemble();
    ByteBuffer elf = ByteBuffer.allocate(HEADERS + code.length).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0x464c457f).put((byte) 2).put((byte) 1).put((byte) 1).position(16);
    elf.putShort((short) 2).putShort((short) 62).putInt(1).putLong(ORIGIN + HEADERS);
    elf.putLong(64).putLong(0).putInt(0).putShort((short) 64).putShort((short) 56);
    elf.putShort((short) 1).position(64);
    elf.putInt(1).putInt(7).putLong(0).putLong(ORIGIN).putLong(ORIGIN);
    elf.putLong(HEADERS + code.length).putLong(0x2000).putLong(0x1000).put(code);
    return elf.array();
  }

  /** One file of a newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). */
  private static void cpio(ByteArrayOutputStream into, String name, byte[] content) {
    int[] fields = {0, 0x81ed, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length() + 1, 0};
    StringBuilder header = new StringBuilder("070701");
    for (int field : fields) {
      header.append("%08X".formatted(field));
    }
    into.writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
    into.writeBytes((name + "\0").getBytes(StandardCharsets.US_ASCII));
    pad(into);
    into.writeBytes(content);
    pad(into);
  }

  private static void pad(ByteArrayOutputStream into) {
    while (into.size() % 4 != 0) {
      into.write(0);
    }
  }
}
