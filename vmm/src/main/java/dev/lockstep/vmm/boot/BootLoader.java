package dev.lockstep.vmm.boot;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.boot.unpack.ByteSource;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Loads a kernel for the 64-bit boot protocol (Documentation/arch/x86/boot.rst): the kernel to its physical
 * addresses, the initrd as high as it may go, boot data where {@link MachineLayout} says, and the CPU in
 * long mode at the kernel's entry.
 */
public final class BootLoader {
  private static final int CHUNK = 1 << 20;

  private final BootOptions options;
  private final GuestMemory memory;
  private final KernelEdit edit;

  private BootLoader(BootOptions options, GuestMemory memory, KernelEdit edit) {
    this.options = options;
    this.memory = memory;
    this.edit = edit;
  }

  /**
   * Loads everything. After a failure memory and state are of no use.
   *
   * @param memory all zeros, with the regions of {@link MachineLayout#memoryRegions}
   * @param state as constructed; gets the state of the CPU at the kernel's entry
   * @throws VmmException if a file cannot be read, is not what it should be, is damaged or cut short, or
   *     does not fit into memory; or if the command line is too long
   */
  public static BootResult load(BootOptions options, GuestMemory memory, CpuState state) {
    return load(options, memory, state, KernelEdit.NONE);
  }

  /**
   * As {@link #load(BootOptions, GuestMemory, CpuState)}, with a kernel that is changed in memory.
   *
   * @param edit called once, after the kernel was loaded
   */
  public static BootResult load(
      BootOptions options, GuestMemory memory, CpuState state, KernelEdit edit) {
    return new BootLoader(options, memory, edit).load(state);
  }

  /**
   * SHA-256 of a file as it is, in hexadecimal.
   *
   * @param what the file is, in messages
   * @throws VmmException if it cannot be read
   */
  public static String fileDigest(Path path, String what) {
    try (FileChannel file = BootFile.open(path, what)) {
      ByteSource source = ByteSource.of(file);
      MessageDigest sha = sha256();
      byte[] chunk = new byte[CHUNK];
      for (long at = 0; at < source.size(); at += CHUNK) {
        int count = (int) Math.min(CHUNK, source.size() - at);
        source.read(at, chunk, 0, count);
        sha.update(chunk, 0, count);
      }
      return hex(sha);
    } catch (IOException e) {
      throw BootFile.unreadable(path, what, e);
    }
  }

  private BootResult load(CpuState state) {
    Path path = options.kernel();
    try (FileChannel file = BootFile.open(path, "kernel")) {
      return load(KernelImage.read(ByteSource.of(file)), state);
    } catch (BadImageException e) {
      throw new VmmException(
          "kernel '%s' cannot be booted: %s".formatted(path, e.getMessage()),
          "Give a whole bzImage or vmlinux of a 64-bit x86 Linux kernel.",
          e);
    } catch (IOException e) {
      throw BootFile.unreadable(path, "kernel", e);
    }
  }

  private BootResult load(KernelImage kernel, CpuState state) throws IOException {
    byte[] commandLine = commandLine(kernel.header());
    requireRoom(kernel.elf());
    String kernelDigest = loadKernel(kernel);
    String edited = edit(kernel);
    long initrdStart = 0;
    long initrdSize = 0;
    String initrdDigest = null;
    Path initrd = options.initrd();
    if (initrd != null) {
      try (FileChannel file = BootFile.open(initrd, "initrd")) {
        ByteSource source = ByteSource.of(file);
        initrdSize = source.size();
        initrdStart = placeInitrd(kernel, initrd, initrdSize);
        MessageDigest sha = sha256();
        copy(source, 0, initrdSize, initrdStart, sha);
        initrdDigest = hex(sha);
        checkInitrd(initrd, new GuestSource(memory, initrdStart, initrdSize));
      } catch (IOException e) {
        throw BootFile.unreadable(initrd, "initrd", e);
      }
    }
    BootData data = new BootData(memory);
    data.write(kernel.header(), commandLine, initrdStart, initrdSize, options.rngSeed());
    data.setState(state, kernel.elf().entry());
    return new BootResult(
        kernel.format(),
        kernelDigest,
        initrdDigest,
        bootDigest(kernelDigest + edited, initrdDigest, initrdStart, state),
        kernel.elf().start(),
        kernel.elf().end(),
        kernel.elf().entry(),
        initrdStart,
        initrdSize);
  }

  private byte[] commandLine(SetupHeader header) {
    String line = options.commandLine();
    byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
    // Control characters have no meaning there, and a zero would end it.
    for (int i = 0; i < line.length(); i++) {
      if (Character.isISOControl(line.charAt(i))) {
        throw new VmmException(
            "the kernel command line has a control character (%#x) at position %d"
                .formatted((int) line.charAt(i), i),
            "Take it out.");
      }
    }
    long max = Math.min(header.maxCommandLine(), MachineLayout.BOOT_COMMAND_LINE_SIZE - 1);
    if (bytes.length > max) {
      throw new VmmException(
          "the kernel command line has %d bytes, this kernel takes %d".formatted(bytes.length, max),
          "Make it shorter.");
    }
    return bytes;
  }

  private void requireRoom(ElfImage elf) throws BadImageException {
    if (elf.start() < MachineLayout.HIGH_MEMORY_START) {
      throw new BadImageException(
          "it wants to be loaded at %#x, below 1 MiB, where boot data lies".formatted(elf.start()));
    }
    for (ElfImage.Segment segment : elf.segments()) {
      if (!memory.contains(segment.physical(), segment.memorySize())) {
        throw new VmmException(
            "the kernel '%s' needs memory up to %s, the machine has %s"
                .formatted(options.kernel(), size(segment.end()), size(memory.size())),
            segment.end() < MachineLayout.HOLE_START
                ? "Give the machine more memory."
                : "Build the kernel for a lower physical address.");
      }
    }
    boolean inside =
        elf.segments().stream()
            .anyMatch(segment -> elf.entry() >= segment.physical() && elf.entry() < segment.end());
    if (!inside) {
      throw new BadImageException("its entry %#x lies outside of it".formatted(elf.entry()));
    }
  }

  private String loadKernel(KernelImage kernel) throws IOException {
    MessageDigest sha = sha256();
    sha.update(longs(kernel.elf().entry(), kernel.elf().segments().size()));
    for (ElfImage.Segment segment : kernel.elf().segments()) {
      sha.update(longs(segment.physical(), segment.memorySize(), segment.fileSize()));
      copy(kernel.content(), segment.offset(), segment.fileSize(), segment.physical(), sha);
    }
    return hex(sha);
  }

  /** Section headers are read only for who needs them: a kernel boots without any. */
  private String edit(KernelImage kernel) throws IOException {
    return edit == KernelEdit.NONE
        ? ""
        : edit.edit(ElfSections.read(kernel.content(), kernel.elf()), memory);
  }

  /** As high as kernel and memory allow: the kernel keeps its own early allocations low. */
  private long placeInitrd(KernelImage kernel, Path path, long size) {
    if (size == 0) {
      throw new VmmException(
          "initrd '%s' is empty".formatted(path), "Give a whole initramfs, or none.");
    }
    long top =
        Math.min(
            Math.min(memory.size(), MachineLayout.HOLE_START),
            kernel.header().maxInitrdAddress() + 1);
    long start = top - size & -GuestMemory.PAGE_SIZE;
    if (start < kernel.elf().end()) {
      throw new VmmException(
          "initrd '%s' of %s does not fit between the kernel, which ends at %s, and %s"
              .formatted(path, size(size), size(kernel.elf().end()), size(top)),
          top == memory.size()
              ? "Give the machine more memory, at least %d MiB."
                  .formatted((kernel.elf().end() + size >>> 20) + 16)
              : "Make the initrd smaller.");
    }
    return start;
  }

  private void checkInitrd(Path path, ByteSource loaded) throws IOException {
    try {
      InitrdCheck.check(loaded, memory.size());
    } catch (BadImageException e) {
      throw new VmmException(
          "initrd '%s' is not usable: %s".formatted(path, e.getMessage()),
          "Copy it anew or rebuild it, e.g. with 'cpio -o -H newc | gzip'; if it is too large, give the machine more memory.",
          e);
    }
  }

  private void copy(ByteSource from, long at, long length, long to, MessageDigest sha)
      throws IOException {
    byte[] chunk = new byte[(int) Math.min(CHUNK, length)];
    for (long done = 0; done < length; ) {
      int count = (int) Math.min(CHUNK, length - done);
      from.read(at + done, chunk, 0, count);
      memory.write(to + done, chunk, 0, count);
      sha.update(chunk, 0, count);
      done += count;
    }
  }

  private String bootDigest(
      String kernelDigest, @Nullable String initrdDigest, long initrdStart, CpuState state) {
    MessageDigest sha = sha256();
    String images = kernelDigest + " " + initrdDigest + " " + initrdStart;
    sha.update(images.getBytes(StandardCharsets.US_ASCII));
    byte[] low = new byte[(int) MachineLayout.BOOT_SETUP_DATA_END];
    memory.read(0, low, 0, low.length);
    sha.update(low);
    ByteArrayOutputStream registers = new ByteArrayOutputStream();
    try {
      state.writeTo(new DataOutputStream(registers));
    } catch (IOException e) {
      throw new UncheckedIOException("a stream into memory failed", e);
    }
    sha.update(registers.toByteArray());
    return hex(sha);
  }

  private static String size(long bytes) {
    return bytes % (1 << 20) == 0
        ? "%d MiB".formatted(bytes >>> 20)
        : "%.1f MiB".formatted(bytes / (double) (1 << 20));
  }

  private static byte[] longs(long... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * Long.BYTES);
    for (long value : values) {
      buffer.putLong(value);
    }
    return buffer.array();
  }

  private static String hex(MessageDigest sha) {
    return HexFormat.of().formatHex(sha.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
