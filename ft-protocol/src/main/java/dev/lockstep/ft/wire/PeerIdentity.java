package dev.lockstep.ft.wire;

import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.proto.Refusal;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Who a replica says it is when a connection begins.
 *
 * @param versions of the protocol that it speaks
 * @param programVersion for messages to people
 * @param vmName the VM it is a replica of
 * @param instance this life of it
 * @param facts what both replicas of a VM must have in common, by name
 */
public record PeerIdentity(
    ProtocolVersions versions,
    String programVersion,
    String vmName,
    ReplicaInstance instance,
    SortedMap<String, String> facts) {

  /** The newest version of the protocol that this program speaks. */
  public static final int PROTOCOL_VERSION = ProtocolVersions.SPOKEN.highest();

  private static final int MAX_SHOWN = 120;

  public PeerIdentity {
    facts = Collections.unmodifiableSortedMap(new TreeMap<>(facts));
  }

  /** A replica that speaks one version only. */
  public PeerIdentity(
      int protocolVersion,
      String programVersion,
      String vmName,
      ReplicaInstance instance,
      SortedMap<String, String> facts) {
    this(ProtocolVersions.only(protocolVersion), programVersion, vmName, instance, facts);
  }

  /**
   * Looks whether {@code peer} can be this replica's peer.
   *
   * @return why not, naming the first thing that differs; null if it can
   */
  public @Nullable Refusal refusalOf(PeerIdentity peer) {
    if (versions.common(peer.versions) == ProtocolVersions.NONE) {
      PeerIdentity older = peer.versions.highest() < versions.lowest() ? peer : this;
      PeerIdentity newer = older == peer ? this : peer;
      return refusal(
          Refusal.Reason.INCOMPATIBLE_VERSION,
          "%s speaks %s of the protocol (Lockstep %s), %s speaks %s (Lockstep %s): upgrade %s, one release after the other, to one that speaks version %d; if there is none that speaks both, stop the VM and start it with the same release on both sides"
              .formatted(
                  peer.instance.name(),
                  peer.versions,
                  peer.programVersion,
                  instance.name(),
                  versions,
                  programVersion,
                  older.instance.name(),
                  newer.versions.lowest()));
    }
    if (!peer.vmName.equals(vmName)) {
      return refusal(
          Refusal.Reason.OTHER_VM,
          "%s is a replica of VM '%s', %s is one of VM '%s': check the address"
              .formatted(peer.instance.name(), peer.vmName, instance.name(), vmName));
    }
    TreeSet<String> names = new TreeSet<>(facts.keySet());
    names.addAll(peer.facts.keySet());
    for (String name : names) {
      String mine = facts.getOrDefault(name, "(none)");
      String theirs = peer.facts.getOrDefault(name, "(none)");
      if (!mine.equals(theirs)) {
        return refusal(
            Refusal.Reason.OTHER_CONFIGURATION,
            "the configurations differ in %s: %s has %s, %s has %s"
                .formatted(
                    name, peer.instance.name(), shown(theirs), instance.name(), shown(mine)));
      }
    }
    return null;
  }

  /** A refusal for a peer and its user to read. */
  public static Refusal refusal(Refusal.Reason reason, String detail) {
    return Refusal.newBuilder().setReason(reason).setDetail(detail).build();
  }

  private static String shown(String value) {
    return value.length() <= MAX_SHOWN
        ? "'" + value + "'"
        : "'" + value.substring(0, MAX_SHOWN) + "…'";
  }
}
