package dev.lockstep.ft.wire;

import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.proto.Identity;
import dev.lockstep.ft.wire.proto.Instance;
import java.util.Map;
import java.util.TreeMap;

/** Identities and instances to and from their protobuf form. */
public final class IdentityCodec {
  private static final int MAX_NAME_CHARS = 256;
  private static final int MAX_FACTS = 4_096;
  private static final int MAX_WORDS_CHARS = 4_096;

  private IdentityCodec() {}

  /** As it is sent. */
  public static Identity encode(PeerIdentity identity) {
    return Identity.newBuilder()
        .setProtocolVersion(identity.versions().highest())
        .setLowestProtocolVersion(identity.versions().lowest())
        .setProgramVersion(identity.programVersion())
        .setVmName(identity.vmName())
        .setInstance(encode(identity.instance()))
        .putAllFacts(identity.facts())
        .build();
  }

  /**
   * As it was sent.
   *
   * @throws WireException if no replica says this of itself
   */
  public static PeerIdentity decode(Identity identity) throws WireException {
    if (identity.getFactsCount() > MAX_FACTS) {
      throw new WireException("an identity with " + identity.getFactsCount() + " facts");
    }
    for (Map.Entry<String, String> fact : identity.getFactsMap().entrySet()) {
      words(fact.getKey());
      words(fact.getValue());
    }
    return new PeerIdentity(
        versions(identity),
        words(identity.getProgramVersion()),
        name(identity.getVmName()),
        decode(identity.getInstance()),
        new TreeMap<>(identity.getFactsMap()));
  }

  /** A release that knows of one version only does not say which is the lowest. */
  private static ProtocolVersions versions(Identity identity) throws WireException {
    int highest = identity.getProtocolVersion();
    int lowest =
        identity.getLowestProtocolVersion() == 0 ? highest : identity.getLowestProtocolVersion();
    if (lowest < 1 || highest < lowest) {
      throw new WireException(
          "protocol versions %s to %s"
              .formatted(Integer.toUnsignedString(lowest), Integer.toUnsignedString(highest)));
    }
    return new ProtocolVersions(lowest, highest);
  }

  /** Words that may come to a terminal and are compared. */
  private static String words(String text) throws WireException {
    if (text.length() > MAX_WORDS_CHARS || text.chars().anyMatch(Character::isISOControl)) {
      throw new WireException("%d characters that nobody can read".formatted(text.length()));
    }
    return text;
  }

  /** A sentence from a peer as a terminal may have it: without control characters, and not endless. */
  public static String sentence(String text) {
    return text.substring(0, Math.min(text.length(), MAX_WORDS_CHARS))
        .replaceAll("\\p{Cntrl}", "?");
  }

  static Instance encode(ReplicaInstance instance) {
    return Instance.newBuilder().setName(instance.name()).setNonce(instance.nonce()).build();
  }

  static ReplicaInstance decode(Instance instance) throws WireException {
    return new ReplicaInstance(name(instance.getName()), instance.getNonce());
  }

  static String name(String name) throws WireException {
    if (name.isBlank()
        || name.length() > MAX_NAME_CHARS
        || name.chars().anyMatch(Character::isISOControl)) {
      throw new WireException("%d characters that are no name".formatted(name.length()));
    }
    return name;
  }
}
