package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.OperatorOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** An operator's orders on their way, and whoever waits for them. In turns of the replica. */
final class Orders {
  private record Waiting(OperatorOrder order, CompletableFuture<Void> done) {}

  private final List<Waiting> waiting = new ArrayList<>();

  void add(OperatorOrder order, CompletableFuture<Void> done) {
    waiting.add(new Waiting(order, done));
  }

  /** The last of that kind that was given has come to its end: one that was given before it is waited for longer. */
  void end(OperatorOrder order, @Nullable String failure) {
    Waiting ended = null;
    for (Waiting one : waiting) {
      boolean refused = failure != null;
      if (one.order() == order && (ended == null || refused)) {
        ended = one;
      }
    }
    if (ended != null) {
      waiting.remove(ended);
      complete(ended, failure);
    }
  }

  /** Nothing comes to its end here any more. */
  void fail(String why) {
    List<Waiting> left = List.copyOf(waiting);
    waiting.clear();
    left.forEach(it -> complete(it, why));
  }

  private static void complete(Waiting ended, @Nullable String failure) {
    if (failure == null) {
      ended.done().complete(null);
    } else {
      ended.done().completeExceptionally(failure(ended.order(), failure));
    }
  }

  static VmmException failure(OperatorOrder order, String why) {
    return switch (order) {
      case FAILOVER ->
          new VmmException(
              "the VM is not moved: " + why,
              "Only a protected VM is moved to its backup; see its status, then try again.");
      case UNPROTECT ->
          new VmmException(
              "the backup is not dropped: " + why,
              "Only a VM that runs here is unprotected; see its status, then try again.");
      case PROTECT ->
          new VmmException(
              "the VM is not protected: " + why,
              "Only a VM that runs here without a backup takes one; see its status and the standby's.");
    };
  }
}
