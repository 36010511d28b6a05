package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.wire.proto.Refusal;

/** What a refusal means for the one that is refused. */
final class Refusals {
  private Refusals() {}

  /** Whether asking again cannot help. */
  static boolean isFinal(Refusal refusal) {
    return switch (refusal.getReason()) {
      case INCOMPATIBLE_VERSION, OTHER_VM, OTHER_CONFIGURATION, ARBITER_NOT_SHARED -> true;
      case UNKNOWN, NOT_PRIMARY, NOT_UNDERSTOOD, HAS_PRIMARY, UNRECOGNIZED -> false;
    };
  }

  /** How a replica ends by one that is final. */
  static VmmException failure(Refusal refusal) {
    return new VmmException(
        "the two replicas cannot be a pair: " + refusal.getDetail(),
        "Give both the same configuration, release and arbiter.");
  }
}
