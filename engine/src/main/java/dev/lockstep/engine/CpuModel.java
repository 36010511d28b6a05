package dev.lockstep.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * The frozen CPU that a guest sees: a property of the VM, not of the host. Every answer of CPUID is in it; what it does not announce does not exist (on {@code soft} it raises #UD or #GP).
 *
 * @param name the name in configurations and logs
 * @param leaves all leaves; a function that is not among them answers zeros
 * @param physicalAddressBits width of a guest-physical address, as leaf 0x80000008 says
 */
public record CpuModel(String name, List<CpuidLeaf> leaves, int physicalAddressBits) {
  /** Leaf 1 EDX, bit 4: RDTSC exists (Intel SDM vol. 2A, CPUID). */
  public static final int FEATURE_TSC = 1 << 4;

  /**
   * What is made of AMD's and Intel's ways where they differ is AMD's (SYSCALL in compatibility mode, say). It has to be one of the vendors that glibc knows: of another it does not even read leaf 1, and every
   * dynamically linked program of Debian ends with "CPU ISA level is lower than required" (glibc 2.36, sysdeps/x86/cpu-features.c, init_cpu_features).
   */
  private static final String VENDOR = "AuthenticAMD";

  private static final String BRAND = "Lockstep x86-64-v1 virtual CPU";

  /** Leaf 1 EDX: FPU DE PSE MSR PAE CX8 SEP PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2. */
  private static final int FEATURES_1_EDX =
      bits(0, 2, 3, 5, 6, 8, 11, 13, 15, 16, 17, 19, 23, 24, 25, 26);

  /** Leaf 0x80000001 EDX, bit 26: pages of 1 GiB (AMD APM vol. 3 appendix E.4.2). */
  private static final int FEATURE_PAGE_1G = 1 << 26;

  /** Leaf 0x80000001 EDX: SYSCALL NX LM. */
  private static final int FEATURES_EXT_EDX = bits(11, 20, 29);

  /** Leaf 0x80000001 ECX: LAHF and SAHF in 64-bit mode. */
  private static final int FEATURES_EXT_ECX = bits(0);

  /** Leaf 0x80000005 ECX and EDX, either level-1 cache: 32 KiB, 8 ways, lines of 64 bytes (AMD APM vol. 3 appendix E.4.5). */
  private static final int LEVEL_1_CACHE = 32 << 24 | 8 << 16 | 1 << 8 | 64;

  /** Leaf 0x80000006 ECX, level-2 cache: 512 KiB, 8 ways, lines of 64 bytes (AMD APM vol. 3 appendix E.4.6). */
  private static final int LEVEL_2_CACHE = 512 << 16 | 6 << 12 | 1 << 8 | 64;

  /** x86-64-v1 without a time-stamp counter and without pages of 1 GiB, which not every KVM gives: moves between engines. */
  public static final CpuModel LOCKSTEP_V1 = create("lockstep-v1", 0, 0);

  /** {@link #LOCKSTEP_V1} with a virtual TSC and pages of 1 GiB; runs on {@code soft} only. */
  public static final CpuModel LOCKSTEP_V1_TSC =
      create("lockstep-v1-tsc", FEATURE_TSC, FEATURE_PAGE_1G);

  public CpuModel {
    leaves = List.copyOf(leaves);
  }

  /**
   * @return the model of that name
   * @throws VmmException if there is none
   */
  public static CpuModel named(String name) {
    return switch (name) {
      case "lockstep-v1" -> LOCKSTEP_V1;
      case "lockstep-v1-tsc" -> LOCKSTEP_V1_TSC;
      default ->
          throw new VmmException(
              "there is no CPU model named '" + name + "'", "Use lockstep-v1 or lockstep-v1-tsc.");
    };
  }

  /** The answer to CPUID with EAX = {@code function}, ECX = {@code index}; zeros for what is not there. */
  public CpuidLeaf cpuid(int function, int index) {
    for (CpuidLeaf leaf : leaves) {
      if (leaf.function() == function && (leaf.index() == -1 || leaf.index() == index)) {
        return leaf;
      }
    }
    return new CpuidLeaf(function, index, 0, 0, 0, 0);
  }

  /** Whether RDTSC exists. */
  public boolean hasTsc() {
    return (cpuid(1, 0).edx() & FEATURE_TSC) != 0;
  }

  /** Whether there are pages of 1 GiB; without, bit 7 of a PDPTE is reserved (Intel SDM vol. 3A table 4-15). */
  public boolean hasPagesOf1G() {
    return (cpuid(0x80000001, 0).edx() & FEATURE_PAGE_1G) != 0;
  }

  /** SHA-256 over every leaf, in hexadecimal; goes into log and snapshot headers. */
  public String digest() {
    ByteBuffer buffer = ByteBuffer.allocate(4 + leaves.size() * 24).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putInt(physicalAddressBits);
    for (CpuidLeaf leaf : leaves) {
      buffer.putInt(leaf.function()).putInt(leaf.index());
      buffer.putInt(leaf.eax()).putInt(leaf.ebx()).putInt(leaf.ecx()).putInt(leaf.edx());
    }
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(sha.digest(buffer.array()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static CpuModel create(String name, int featuresMore, int extendedMore) {
    int addressBits = 40;
    int virtualBits = 48;
    byte[] vendor = VENDOR.getBytes(StandardCharsets.US_ASCII);
    byte[] brand = new byte[48];
    System.arraycopy(BRAND.getBytes(StandardCharsets.US_ASCII), 0, brand, 0, BRAND.length());
    int signature = 0x000006f1; // family 6, model 15, stepping 1
    int clflushLine = 8 << 8; // 64 bytes, in units of 8 (leaf 1 EBX bits 15:8)
    return new CpuModel(
        name,
        List.of(
            new CpuidLeaf(0, -1, 1, word(vendor, 0), word(vendor, 8), word(vendor, 4)),
            new CpuidLeaf(1, -1, signature, clflushLine, 0, FEATURES_1_EDX | featuresMore),
            new CpuidLeaf(
                0x80000000, -1, 0x80000008, word(vendor, 0), word(vendor, 8), word(vendor, 4)),
            new CpuidLeaf(
                0x80000001, -1, signature, 0, FEATURES_EXT_ECX, FEATURES_EXT_EDX | extendedMore),
            brandLeaf(brand, 0),
            brandLeaf(brand, 1),
            brandLeaf(brand, 2),
            // The C library sizes its copying by the caches.
            new CpuidLeaf(0x80000005, -1, 0, 0, LEVEL_1_CACHE, LEVEL_1_CACHE),
            new CpuidLeaf(0x80000006, -1, 0, 0, LEVEL_2_CACHE, 0),
            new CpuidLeaf(0x80000008, -1, addressBits | virtualBits << 8, 0, 0, 0)),
        addressBits);
  }

  private static CpuidLeaf brandLeaf(byte[] brand, int third) {
    int at = third * 16;
    return new CpuidLeaf(
        0x80000002 + third,
        -1,
        word(brand, at),
        word(brand, at + 4),
        word(brand, at + 8),
        word(brand, at + 12));
  }

  private static int word(byte[] bytes, int at) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
  }

  private static int bits(int... numbers) {
    int mask = 0;
    for (int number : numbers) {
      mask |= 1 << number;
    }
    return mask;
  }
}
