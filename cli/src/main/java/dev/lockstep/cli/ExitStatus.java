package dev.lockstep.cli;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.MachineEnd;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the process's exit status says. Values of 64 and more are ours (the first of them as in sysexits.h), those below the guest's. */
public final class ExitStatus {
  /** The guest switched itself off, or the user left. */
  public static final int OK = 0;

  /** The command line or the configuration is wrong. */
  public static final int USAGE = 64;

  /** A log or a trace file is torn or corrupted. */
  public static final int DATA = 65;

  /** The host or the environment failed: a file, a port, memory, a peer. */
  public static final int UNAVAILABLE = 69;

  /** A defect of Lockstep. */
  public static final int SOFTWARE = 70;

  /** Too much was asked for at once, or no answer came in time: later it may be done (sysexits.h: EX_TEMPFAIL). */
  public static final int BUSY = 75;

  /** The guest reset the machine: reboot, or panic. */
  public static final int GUEST_RESET = 80;

  /** The guest's CPU shut down by a triple fault. */
  public static final int TRIPLE_FAULT = 81;

  /** The guest used an instruction that the engine does not have. */
  public static final int UNSUPPORTED = 82;

  /** A replay differed from its log. */
  public static final int DIVERGED = 83;

  /** This replica handed its guest over to another. */
  public static final int HANDED_OVER = 84;

  /** A replay was identical as far as its log is certain, which is not to its end. */
  public static final int UNCERTAIN = 85;

  /** There is no VM of that name. */
  public static final int NO_SUCH_VM = 86;

  /** What was asked for does not fit the VM's state. */
  public static final int WRONG_STATE = 87;

  /** Ended by Ctrl-C (as shells have it: 128 + SIGINT). */
  public static final int INTERRUPTED = 130;

  /** Ended by SIGTERM before the guest had ended itself. */
  public static final int TERMINATED = 143;

  private static final int MAX_GUEST_CODE = 63;

  private ExitStatus() {}

  /** The status for a machine's end. What the guest gives to the debug-exit port counts up to 63; anything above is 63. */
  public static int of(MachineEnd end) {
    return switch (end.reason()) {
      case GUEST_EXIT -> of(end.exitCode());
      case HALTED_FOR_EVER, STOPPED, TARGET -> OK;
      case RESET -> GUEST_RESET;
      case TRIPLE_FAULT -> TRIPLE_FAULT;
      case UNSUPPORTED -> UNSUPPORTED;
      case HANDED_OVER -> HANDED_OVER;
      case UNCERTAIN -> UNCERTAIN;
    };
  }

  /** How a machine ended, in words. */
  static String describe(EndReason reason) {
    return switch (reason) {
      case GUEST_EXIT -> "the guest ended the machine";
      case HALTED_FOR_EVER -> "the guest is switched off";
      case STOPPED -> "stopped";
      case RESET -> "the guest reset the machine";
      case TRIPLE_FAULT -> "triple fault";
      case UNSUPPORTED -> "the engine cannot go on";
      case HANDED_OVER -> "handed over";
      case UNCERTAIN -> "the log is not certain any further";
      case TARGET -> "the replay stands where it was to stop";
    };
  }

  private static int of(int guestCode) {
    return guestCode >= 0 && guestCode <= MAX_GUEST_CODE ? guestCode : MAX_GUEST_CODE;
  }

  /** The part of the help that lists them. */
  static Map<String, String> help() {
    String[] lines = {
      " 0:the guest switched itself off (poweroff, halt), or the user left",
      " 1..63:what the guest gave to the debug-exit port; 63 stands for more",
      " 64:wrong command line or configuration",
      " 65:torn or corrupted log or trace file",
      " 69:the host or the environment failed (file, port, memory, peer)",
      " 70:a defect of Lockstep",
      " 75:ctl: busy, or no answer in time; later it may be done",
      " 80:the guest reset the machine (reboot, or panic)",
      " 81:triple fault",
      " 82:an instruction that the engine does not have",
      " 83:the replay diverged from its log",
      " 84:the guest was handed over to another replica",
      " 85:the replay is identical as far as its log is certain, which is not to its end",
      " 86:ctl: there is no such VM",
      " 87:ctl: the call does not fit the VM's state",
      " 130:ended by Ctrl-C",
      " 143:ended by SIGTERM before the guest had ended itself"
    };
    Map<String, String> list = new LinkedHashMap<>();
    for (String line : lines) {
      int colon = line.indexOf(':');
      list.put(line.substring(0, colon), line.substring(colon + 1));
    }
    return list;
  }
}
