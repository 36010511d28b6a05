package dev.lockstep.counting.calibration;

import java.util.HexFormat;

/**
 * Known code: a body that is repeated ESI times by DEC and JNZ, one conditional branch a round.
 *
 * <p>Bodies are written for {@link CalibrationGuest}, whose handlers go on behind the instruction that raised them.
 */
enum Experiment {
  /** Nothing but the loop. */
  LOOP_KERNEL("the loop in ring 0", 0, "", 0),

  /** The same in ring 3. */
  LOOP_USER("the loop in ring 3", 3, "", 0),

  /** {@code out 0x80, al} */
  EXIT("exits to the monitor", 0, "e680", 0),

  /** {@code xor eax, eax; cpuid}, which KVM answers by itself. */
  KERNEL_EXIT("exits inside the kernel", 0, "31c00fa2", 0),

  /** {@code mov rax, rsp; push SS; push rax; pushfq; push CS; lea rax, [rip+3]; push rax; iretq} */
  IRET("IRET in ring 0", 0, "4889e06a10509c6a08488d05030000005048cf", 1),

  /** {@code ud2}, whose handler is {@code add qword [rsp], 2; iretq} */
  EXCEPTION_KERNEL("exceptions in ring 0", 0, "0f0b", 2),

  /** The same from ring 3. */
  EXCEPTION_USER("exceptions in ring 3", 3, "0f0b", 2),

  /** {@code mov eax, [0x70000000]}, not mapped. */
  PAGE_FAULT("page faults in ring 3", 3, "8b042500000070", 2),

  /** {@code syscall}, answered by {@code sysretq} */
  SYSTEM_CALL("system calls", 3, "0f05", 2),

  /** {@code out 0x80, al}, and an interrupt is injected there whose handler is {@code iretq} */
  INJECTION("injected interrupts", 0, "e680", 2);

  private final String words;
  private final int ring;
  private final byte[] body;
  private final int transfers;

  Experiment(String words, int ring, String body, int transfers) {
    this.words = words;
    this.ring = ring;
    this.body = HexFormat.of().parseHex(body);
    this.transfers = transfers;
  }

  /** For people. */
  String words() {
    return words;
  }

  /** 0 or 3. */
  int ring() {
    return ring;
  }

  byte[] body() {
    return body.clone();
  }

  /** Control transfers of one round besides the loop's own branch, under {@code ALL_TRANSFERS}. */
  int transfers() {
    return transfers;
  }
}
