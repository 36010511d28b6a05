package dev.lockstep.vmm.net.flow;

import dev.lockstep.vmm.log.LogHash;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Compares the frames that a primary's guest has sent ({@link #expect}) with those of its backup's guest ({@link #produce}), by flow.
 *
 * <ul>
 *   <li>TCP: the stream's bytes by offset, where it begins and ends, resets, and how far received bytes are acknowledged. A segment of the primary is matched when the backup's guest has sent all that it says.
 *   <li>UDP and echoes of ICMP: payloads, in order.
 *   <li>Everything else (ARP, neighbour discovery, fragments, what cannot be read): the whole frame, sent by the backup's guest too, however often.
 * </ul>
 */
public final class FlowComparison {
  static final int MAX_FLOWS = 4096;

  /** Of all flows together. */
  static final int MAX_KEPT_BYTES = 32 << 20;

  /** Frames that one guest has sent and the other has not. */
  static final int MAX_AHEAD_FRAMES = 8192;

  private static final int MAX_CHATTER = 1024;

  /** What all flows keep is counted every so many frames: each of them adds little. */
  private static final int FRAMES_BETWEEN_COUNTS = 64;

  private sealed interface Check {
    boolean isMatched();

    String what();
  }

  private record TcpCheck(TcpFlow flow, FrameView.Tcp segment) implements Check {
    @Override
    public boolean isMatched() {
      return flow.isMatched(segment);
    }

    @Override
    public String what() {
      return "a TCP segment of %d bytes, flags %#x".formatted(segment.length(), segment.flags());
    }
  }

  private record DatagramCheck(DatagramFlow flow, long number) implements Check {
    @Override
    public boolean isMatched() {
      return flow.matched() >= number;
    }

    @Override
    public String what() {
      return "a datagram";
    }
  }

  private record ChatterCheck(Map<Long, Long> said, long hash) implements Check {
    @Override
    public boolean isMatched() {
      return said.containsKey(hash);
    }

    @Override
    public String what() {
      return "a frame of another kind";
    }
  }

  /** A frame that the guest here has sent: whether the other has too. */
  private record Ahead(byte[] frame, TcpFlow tcp, FrameView.Tcp segment, long sinceNanos) {}

  private record AheadDatagram(byte[] frame, DatagramFlow flow, long number, long sinceNanos) {}

  /** Least recently used first. */
  private static final class Bounded<K, V> extends LinkedHashMap<K, V> {
    private static final long serialVersionUID = 1L;
    private final int limit;

    Bounded(int limit) {
      super(16, 0.75f, true);
      this.limit = limit;
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
      return size() > limit;
    }
  }

  private final @Nullable FlowTranslation translation;
  private final Map<FlowKey, TcpFlow> streams = new Bounded<>(MAX_FLOWS);
  private final Map<FlowKey, DatagramFlow> datagrams = new Bounded<>(MAX_FLOWS);
  private final Map<Long, Long> said = new Bounded<>(MAX_CHATTER);
  private final ArrayDeque<Check> expected = new ArrayDeque<>();
  private final ArrayDeque<Ahead> ahead = new ArrayDeque<>();
  private final ArrayDeque<AheadDatagram> aheadDatagrams = new ArrayDeque<>();
  private final Map<DatagramFlow, Long> produced = new Bounded<>(MAX_FLOWS);
  private long frames;
  private @Nullable String contradiction;

  /** Compares without a translation: connections that were begun otherwise by the two are the same all the same. */
  public FlowComparison() {
    translation = null;
  }

  /**
   * @param translation by which frames that are {@linkplain #produce produced} were translated; it learns of connections that the two have begun otherwise
   */
  public FlowComparison(FlowTranslation translation) {
    this.translation = translation;
  }

  /** The primary's guest has sent this frame. */
  public void expect(byte[] frame) {
    FrameView view = FrameView.of(frame);
    switch (view) {
      case FrameView.Tcp it -> {
        TcpFlow flow = stream(it, false);
        contradict(flow.add(flow.theirs, frame, it));
        learn(flow, frame, it);
        expected.add(new TcpCheck(flow, it));
      }
      case FrameView.Datagram it -> {
        DatagramFlow flow = datagrams.computeIfAbsent(it.key(), key -> new DatagramFlow());
        contradict(flow.expect(payload(frame, it)));
        expected.add(new DatagramCheck(flow, flow.expected()));
      }
      case FrameView.Other it -> expected.add(new ChatterCheck(said, LogHash.of(frame)));
    }
    bound();
  }

  /**
   * The backup's guest has sent this frame.
   *
   * @param nowNanos the primary's virtual time that the backup has come to
   */
  public void produce(byte[] frame, long nowNanos) {
    FrameView view = FrameView.of(frame);
    switch (view) {
      case FrameView.Tcp it -> {
        TcpFlow flow = stream(it, true);
        contradict(flow.add(flow.own, frame, it));
        learn(flow, frame, it);
        if (it.length() > 0
            || it.has(FrameView.SYN)
            || it.has(FrameView.FIN)
            || it.has(FrameView.RST)) {
          ahead.add(new Ahead(frame, flow, it, nowNanos));
        }
      }
      case FrameView.Datagram it -> {
        DatagramFlow flow = datagrams.computeIfAbsent(it.key(), key -> new DatagramFlow());
        long number = produced.merge(flow, 1L, Long::sum);
        contradict(flow.produce(payload(frame, it)));
        aheadDatagrams.add(new AheadDatagram(frame, flow, number, nowNanos));
      }
      case FrameView.Other it -> said.put(LogHash.of(frame), nowNanos);
    }
    sweep();
    bound();
  }

  private TcpFlow stream(FrameView.Tcp segment, boolean own) {
    TcpFlow flow = streams.get(segment.key());
    if (flow == null || TcpFlow.isAnother(own ? flow.own : flow.theirs, segment)) {
      flow = new TcpFlow();
      streams.put(segment.key(), flow);
    }
    return flow;
  }

  /** Both have begun a connection: from now on this guest's part of it is translated. */
  private void learn(TcpFlow flow, byte[] frame, FrameView.Tcp segment) {
    FlowTranslation to = translation;
    boolean both = flow.own.began() && flow.theirs.began();
    if (to != null
        && segment.has(FrameView.SYN)
        && both
        && flow.own.initial() != flow.theirs.initial()) {
      to.learn(
          frame,
          flow.theirs.initial() - flow.own.initial(),
          flow.theirs.timestamp() - flow.own.timestamp());
      flow.translated();
    }
  }

  private static byte[] payload(byte[] frame, FrameView.Datagram view) {
    return Arrays.copyOfRange(frame, view.dataAt(), view.dataAt() + view.length());
  }

  private void contradict(DatagramFlow.Added added) {
    switch (added) {
      case FINE -> {}
      case DIFFERS -> contradict("the content of a datagram");
      case TOO_MANY -> contradict("many datagrams of one guest that the other has not sent");
    }
  }

  private void contradict(@Nullable String what) {
    if (contradiction == null) {
      contradiction = what;
    }
  }

  private void bound() {
    frames++;
    if (frames % FRAMES_BETWEEN_COUNTS == 0) {
      long kept = 0;
      for (TcpFlow flow : streams.values()) {
        kept += flow.size();
      }
      if (kept > MAX_KEPT_BYTES) {
        contradict("many connections at once that are far apart");
      }
    }
    if (expected.size() > MAX_AHEAD_FRAMES
        || ahead.size() > MAX_AHEAD_FRAMES
        || aheadDatagrams.size() > MAX_AHEAD_FRAMES) {
      contradict("many frames of one guest that the other has not sent");
    }
  }

  /** Lets go of what both have sent. */
  private void sweep() {
    while (!ahead.isEmpty() && ahead.getFirst().tcp().isExpected(ahead.getFirst().segment())) {
      ahead.removeFirst();
    }
    while (!aheadDatagrams.isEmpty()
        && aheadDatagrams.getFirst().flow().matched() >= aheadDatagrams.getFirst().number()) {
      aheadDatagrams.removeFirst();
    }
  }

  /** Whether the first so many expected frames are matched. */
  public boolean areMatched(int frames) {
    int left = frames;
    for (Check check : expected) {
      if (left == 0) {
        break;
      }
      if (!check.isMatched()) {
        return false;
      }
      left--;
    }
    return contradiction == null;
  }

  /** The first so many expected frames have been dealt with. */
  public void forget(int frames) {
    for (int i = 0; i < frames && !expected.isEmpty(); i++) {
      expected.removeFirst();
    }
    sweep();
  }

  /** In what the two contradict each other; null if they do not. */
  public @Nullable String contradiction() {
    return contradiction;
  }

  /** What is missing of the first so many expected frames. */
  public String missing(int frames) {
    int left = frames;
    for (Check check : expected) {
      if (left-- == 0) {
        break;
      }
      if (!check.isMatched()) {
        return "not " + check.what();
      }
    }
    return "nothing is missing";
  }

  /** What the backup's guest has sent alone for longer than that; null if there is nothing. */
  public @Nullable String alone(long nowNanos, long boundNanos) {
    sweep();
    if (!ahead.isEmpty() && nowNanos - ahead.getFirst().sinceNanos() > boundNanos) {
      return new TcpCheck(ahead.getFirst().tcp(), ahead.getFirst().segment()).what();
    }
    return !aheadDatagrams.isEmpty()
            && nowNanos - aheadDatagrams.getFirst().sinceNanos() > boundNanos
        ? "a datagram"
        : null;
  }

  /** Takes the frames of the backup's guest whose content the primary's has not sent, in order. */
  public List<byte[]> takeUnexpected() {
    List<byte[]> frames = new ArrayList<>();
    for (Ahead next : ahead) {
      if (!next.tcp().isExpected(next.segment())) {
        frames.add(next.frame());
      }
    }
    for (AheadDatagram next : aheadDatagrams) {
      if (next.flow().matched() < next.number()) {
        frames.add(next.frame());
      }
    }
    ahead.clear();
    aheadDatagrams.clear();
    return frames;
  }
}
