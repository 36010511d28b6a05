package dev.lockstep.softcpu;

/** Hardware task switches (Intel SDM vol. 3A ch. 7). Not written yet: no 64-bit system has them, and a 32-bit one uses them for a double-fault handler at most. They stop the machine by name. */
final class TaskSwitch {
  private TaskSwitch() {}

  /** JMP or CALL to a task gate or a TSS. */
  static void transfer(Cpu c, int selector, long descriptor, boolean call, long nextRip) {
    throw unsupported(c, (call ? "CALL" : "JMP") + " to task %#x".formatted(selector));
  }

  /** An interrupt through a task gate. */
  static void interrupt(Cpu c, int selector, boolean hasError, int error) {
    throw unsupported(c, "interrupt through a task gate to task %#x".formatted(selector));
  }

  /** IRET with NT set. */
  static void returnToPrevious(Cpu c) {
    throw unsupported(c, "IRET to the previous task");
  }

  private static ExitSignal unsupported(Cpu c, String what) {
    return c.exits.unsupported(c.rip, new byte[0], "hardware task switch: " + what);
  }
}
