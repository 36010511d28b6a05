package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.net.Frames;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A stream of bytes and a stream of frames on their way out. */
class OutputCollectorTest {
  private static final Moment AT = Moment.running(new ExecutionPoint(7, 0x100, 0));
  private static final int BYTES = 0;
  private static final int FRAMES = 2;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final OutputCollector collector = new OutputCollector(3, FRAMES);

  @Test
  void noEntryEndsInsideAFrame() {
    System.out.println("OutputCollectorTest seed " + seed);
    List<byte[]> sent = send(300);
    List<byte[]> left = new ArrayList<>();
    long offset = 0;
    int entries = 0;
    while (collector.pendingStream() == FRAMES) {
      LogEntry.OutputEntry entry = collector.entry(FRAMES, AT);
      assertThat(entry.offset()).isEqualTo(offset);
      assertThat(entry.length()).isBetween(1, OutputCollector.MAX_ENTRY_BYTES);
      assertThat(collector.difference(entry)).isNull();
      byte[] bytes = collector.take(entry);
      assertThat(LogHash.of(bytes)).isEqualTo(entry.hash());
      assertThat(Frames.count(bytes)).isPositive();
      left.addAll(Frames.unpack(bytes));
      offset += entry.length();
      entries++;
    }
    assertThat(entries).as("more than 64 KiB waited").isGreaterThan(2);
    assertThat(left).hasSameSizeAs(sent);
    for (int i = 0; i < sent.size(); i++) {
      assertThat(left.get(i)).isEqualTo(sent.get(i));
    }
  }

  @Test
  void bytesAreCutAnywhere() {
    for (int i = 0; i < OutputCollector.MAX_ENTRY_BYTES + 1; i++) {
      collector.put(BYTES, i);
    }
    LogEntry.OutputEntry first = collector.entry(BYTES, AT);
    assertThat(first.length()).isEqualTo(OutputCollector.MAX_ENTRY_BYTES);
    collector.take(first);
    assertThat(collector.entry(BYTES, AT).length()).isEqualTo(1);
  }

  /** Whoever forged such an entry would have us split a frame between two owners of the network. */
  @Test
  void anEntryThatEndsInsideAFrameDiffers() {
    collector.putFrame(FRAMES, new byte[60]);
    collector.putFrame(FRAMES, new byte[70]);
    for (int length : new int[] {1, 2, 61, 63, 133}) {
      LogEntry.OutputEntry forged =
          new LogEntry.OutputEntry(AT, FRAMES, 0, length, LogHash.of(pending(), 0, length));
      assertThat(collector.difference(forged)).as("%d bytes", length).isNotNull();
    }
    for (int length : new int[] {62, 134}) {
      LogEntry.OutputEntry right =
          new LogEntry.OutputEntry(AT, FRAMES, 0, length, LogHash.of(pending(), 0, length));
      assertThat(collector.difference(right)).as("%d bytes", length).isNull();
    }
  }

  private static byte[] pending() {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    packed.writeBytes(Frames.pack(new byte[60]));
    packed.writeBytes(Frames.pack(new byte[70]));
    return packed.toByteArray();
  }

  @Test
  void whatWaitsIsSaved() throws IOException {
    send(20);
    collector.put(BYTES, 'x');
    collector.take(collector.entry(BYTES, AT));
    collector.put(BYTES, 'y');
    OutputCollector restored = new OutputCollector(3, FRAMES);
    restored.readFrom(in(saved(collector)));
    for (int stream : new int[] {BYTES, FRAMES}) {
      LogEntry.OutputEntry entry = collector.entry(stream, AT);
      assertThat(restored.difference(entry)).isNull();
      assertThat(restored.take(entry)).isEqualTo(collector.take(entry));
    }
    assertThat(saved(restored)).isEqualTo(saved(collector));
  }

  @Test
  void aSavedStreamOfFramesThatAreNoneIsRefused() throws IOException {
    OutputCollector bytes = new OutputCollector(3, -1);
    for (int i = 0; i < 40; i++) {
      bytes.put(FRAMES, i);
    }
    byte[] saved = saved(bytes);
    assertThatThrownBy(() -> collector.readFrom(in(saved)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("40 bytes")
        .hasMessageContaining("frames");
  }

  private List<byte[]> send(int frames) {
    List<byte[]> sent = new ArrayList<>();
    for (int i = 0; i < frames; i++) {
      byte[] frame = new byte[random.nextInt(14, 1519)];
      random.nextBytes(frame);
      collector.putFrame(FRAMES, frame);
      sent.add(frame);
    }
    return sent;
  }

  private static byte[] saved(OutputCollector from) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    from.writeTo(new DataOutputStream(bytes));
    return bytes.toByteArray();
  }

  private static DataInputStream in(byte[] saved) {
    return new DataInputStream(new ByteArrayInputStream(saved));
  }
}
