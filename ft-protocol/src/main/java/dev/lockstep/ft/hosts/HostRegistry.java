package dev.lockstep.ft.hosts;

import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.etcd.EtcdSession;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** The table of hosts in an etcd cluster. */
public final class HostRegistry {
  /** More processes than that are not listed. */
  static final int MAX_REPORTS = 1_000;

  private static final int MAX_REPORT_CHARS = 256 << 10;

  private final EtcdCluster cluster;
  private final JsonMapper mapper = new JsonMapper();

  public HostRegistry(EtcdCluster cluster) {
    this.cluster = cluster;
  }

  /**
   * What is registered now.
   *
   * @param hosts by name
   * @param unreadable keys whose content is no report
   */
  public record Listing(List<RegisteredHost> hosts, List<String> unreadable) {}

  /**
   * Reads the table.
   *
   * @throws EtcdException if there is no answer
   */
  public Listing list() throws EtcdException {
    List<HostReport> reports = new ArrayList<>();
    List<String> unreadable = new ArrayList<>();
    Map<String, String> found;
    try (EtcdSession session = cluster.open()) {
      found = session.list(cluster.key("hosts/"), MAX_REPORTS);
    }
    found.forEach((key, value) -> {
      try {
        if (value.length() > MAX_REPORT_CHARS) {
          throw new IllegalArgumentException("too long");
        }
        reports.add(mapper.readValue(value, HostReport.class));
      } catch (JacksonException | IllegalArgumentException | NullPointerException e) {
        unreadable.add(key);
      }
    });
    return new Listing(RegisteredHost.of(reports), List.copyOf(unreadable));
  }

  /**
   * Registers this process until the registration is closed, from a thread of its own. An etcd that is away is asked again for as long as it takes.
   *
   * @param report asked every few seconds for what there is to say
   * @param notes told when etcd is away, and when it is back
   */
  public HostRegistration register(Supplier<HostReport> report, Consumer<String> notes) {
    return new HostRegistration(cluster, mapper, report, notes);
  }
}
