package dev.lockstep.counting;

/**
 * What happens to a guest between its instructions, and may add to a hardware counter what no branch of the guest has earned: its excess.
 *
 * <p>A transition that the monitor sees is told to the counter each time, which subtracts a constant excess. One that stays inside the guest (or inside the kernel) cannot be told: a counter with an excess there is
 * unfit, unless a companion counter measures the same excess and is subtracted.
 */
public enum Transition {
  /** The guest was left to the monitor and entered again: one KVM_RUN. */
  EXIT("exit to the monitor", true),

  /** An interrupt, NMI or exception that the monitor injected was delivered. */
  INJECTION("injected event", true),

  /** The guest was left to the kernel, which entered it again without asking the monitor (CPUID, an interrupt of the host). */
  KERNEL_EXIT("exit inside the kernel", false),

  /** The guest raised an exception, or executed INT n. */
  EXCEPTION("exception in the guest", false),

  /** SYSCALL and SYSENTER, with their return. */
  SYSTEM_CALL("system call", false),

  /** IRET and other far transfers. */
  FAR_TRANSFER("IRET or far transfer", false);

  private final String words;
  private final boolean visible;

  Transition(String words, boolean visible) {
    this.words = words;
    this.visible = visible;
  }

  /** For people. */
  public String words() {
    return words;
  }

  /** Whether the monitor knows of each one. */
  public boolean isVisible() {
    return visible;
  }
}
