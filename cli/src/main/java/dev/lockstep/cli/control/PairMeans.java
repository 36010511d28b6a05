package dev.lockstep.cli.control;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.tls.TlsIdentity;
import java.nio.file.Path;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a host's replicas have in common.
 *
 * @param arbiters makes an arbiter of its text: a folder's absolute path, or what else the host knows
 * @param tls who the host is to other replicas; null for links in the clear
 */
public record PairMeans(Function<String, Arbiter> arbiters, @Nullable TlsIdentity tls) {
  /** Folders, and links in the clear. */
  public static final PairMeans PLAIN =
      new PairMeans(text -> new SharedPathArbiter(Path.of(text)), null);
}
