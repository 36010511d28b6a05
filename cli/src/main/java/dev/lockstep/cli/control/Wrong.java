package dev.lockstep.cli.control;

import dev.lockstep.ft.control.ControlException;
import java.util.function.Supplier;

/** Calls that do not fit. */
final class Wrong {
  private Wrong() {}

  /** It does not fit the VM's state. */
  static ControlException state(String vm, String is, String advice) {
    return new ControlException(
        ControlException.Kind.WRONG_STATE, "VM '%s' %s".formatted(vm, is), advice);
  }

  /** Something else is under way. */
  static ControlException busy(String vm, String with) {
    return new ControlException(
        ControlException.Kind.BUSY, "VM '%s' is busy %s".formatted(vm, with), "Ask again later.");
  }

  /** Gives a machine an order; one that has too many to do is busy. */
  static <T> T unlessTooMany(String vm, Supplier<T> order) {
    try {
      return order.get();
    } catch (IllegalStateException e) {
      throw busy(vm, "with other calls: " + e.getMessage());
    }
  }

  /** It cannot be done here. */
  static ControlException unsupported(String what, String advice) {
    return new ControlException(ControlException.Kind.UNSUPPORTED, what, advice);
  }

  /** There is no such VM. */
  static ControlException unknown(String vm) {
    return new ControlException(
        ControlException.Kind.NOT_FOUND,
        "there is no VM '%s' here".formatted(vm),
        "Ask for the list of VMs, or create it.");
  }
}
