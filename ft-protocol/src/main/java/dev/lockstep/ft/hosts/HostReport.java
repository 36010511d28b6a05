package dev.lockstep.ft.hosts;

import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What one process says of itself and its host.
 *
 * @param host the host's name, unique among the hosts; see {@link #isName}
 * @param replication where its replicas are reached by their peers, as {@code host:port}
 * @param control where it is steered, as {@code host:port}; null if from its own host only
 * @param freeMemoryBytes what programs can still get on this host without swapping
 * @param vms its replicas
 */
public record HostReport(
    String host,
    List<String> replication,
    @Nullable String control,
    long freeMemoryBytes,
    List<HostedVm> vms) {

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,254}");

  public HostReport {
    if (!isName(host)) {
      throw new IllegalArgumentException("'%s' is no name of a host".formatted(host));
    }
    replication = List.copyOf(replication);
    vms = List.copyOf(vms);
  }

  /** Whether a text can be a host's name: letters, digits, '.', '_' and '-', at most 255. */
  public static boolean isName(String text) {
    return NAME.matcher(text).matches();
  }

  /** Whether there is anything to tell whoever knows {@code before}: memory counts when it has changed by a sixteenth. */
  boolean isNews(HostReport before) {
    long change = Math.abs(freeMemoryBytes - before.freeMemoryBytes);
    return change > Math.max(before.freeMemoryBytes / 16, 1)
        || !withMemory(before.freeMemoryBytes).equals(before);
  }

  private HostReport withMemory(long bytes) {
    return new HostReport(host, replication, control, bytes, vms);
  }
}
