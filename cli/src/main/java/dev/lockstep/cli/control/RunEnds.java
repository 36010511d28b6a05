package dev.lockstep.cli.control;

import dev.lockstep.ft.control.Statuses;
import dev.lockstep.ft.control.proto.VmEnd;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** How ends of runs are told. */
final class RunEnds {
  private RunEnds() {}

  /**
   * The end that a future of it tells.
   *
   * @param end null if it failed
   * @param told tells an end in order
   * @param failure null if it did not fail
   * @param killed whether a call has killed it, so that a failure is that
   */
  static <T> VmEnd of(
      @Nullable T end, Function<T, VmEnd> told, @Nullable Throwable failure, boolean killed) {
    if (end != null) {
      return told.apply(end);
    }
    if (killed) {
      return VmEnd.newBuilder().setReason("killed").build();
    }
    return Statuses.failure(
        failure == null ? new IllegalStateException("an end without a reason") : cause(failure));
  }

  /** What made a future fail, without what the future has wrapped it in. */
  static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException it && it.getCause() != null
        ? it.getCause()
        : failure;
  }
}
