package dev.lockstep.vmm.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.vmm.log.RandomEntries;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FramesTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());

  @Test
  void framesComeBackAsTheyWerePacked() {
    System.out.println("FramesTest seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      List<byte[]> frames = new ArrayList<>();
      ByteArrayOutputStream packed = new ByteArrayOutputStream();
      for (int i = random.nextInt(6); i > 0; i--) {
        byte[] frame = new byte[random.nextInt(14, 1519)];
        random.nextBytes(frame);
        frames.add(frame);
        packed.writeBytes(Frames.pack(frame));
      }
      byte[] bytes = packed.toByteArray();
      assertThat(Frames.count(bytes)).isEqualTo(frames.size());
      List<byte[]> unpacked = Frames.unpack(bytes);
      assertThat(unpacked).hasSameSizeAs(frames);
      for (int i = 0; i < frames.size(); i++) {
        assertThat(unpacked.get(i)).isEqualTo(frames.get(i));
      }
    }
  }

  @Test
  void aLengthIsTwoBytesTheHigherFirst() {
    byte[] packed = Frames.pack(new byte[0x102]);
    assertThat(packed).hasSize(0x104).startsWith(1, 2);
    assertThat(Frames.lengthAt(packed, 0)).isEqualTo(0x102);
    assertThat(Frames.next(packed, 0)).isEqualTo(0x104);
  }

  @Test
  void whatIsNoFrameIsNotPacked() {
    for (int length : new int[] {0, 13, 65_535, 65_536}) {
      assertThatThrownBy(() -> Frames.pack(new byte[length]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a frame of %d bytes", length);
    }
    assertThat(Frames.pack(new byte[14])).hasSize(16);
    assertThat(Frames.pack(new byte[65_534])).hasSize(65_536);
  }

  /** Every cut but those between two frames is seen. */
  @Test
  void whatIsNotFramesIsNotCounted() {
    Random random = new Random(seed);
    byte[] bytes = RandomEntries.frames(random);
    int boundary = 0;
    int whole = 0;
    for (int length = 0; length <= bytes.length; length++) {
      if (length == boundary) {
        assertThat(Frames.count(Arrays.copyOf(bytes, length))).isEqualTo(whole++);
        boundary = length < bytes.length ? Frames.next(bytes, length) : -1;
      } else {
        assertThat(Frames.count(Arrays.copyOf(bytes, length))).isEqualTo(-1);
      }
    }
    assertThat(Frames.count(new byte[] {(byte) 0xff, (byte) 0xff})).isEqualTo(-1);
    assertThat(Frames.count(new byte[16])).as("of no length").isEqualTo(-1);
  }

  @Test
  void theFirstAreTakenByNumberAndByBytes() {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (int length : new int[] {14, 20, 30}) {
      packed.writeBytes(Frames.pack(new byte[length]));
    }
    byte[] bytes = packed.toByteArray();
    assertThat(Frames.bytesOfFirst(bytes, bytes.length, 2, 1000)).isEqualTo(16 + 22);
    assertThat(Frames.bytesOfFirst(bytes, bytes.length, 9, 1000)).isEqualTo(bytes.length);
    assertThat(Frames.bytesOfFirst(bytes, bytes.length, 9, 37)).isEqualTo(16);
    assertThat(Frames.bytesOfFirst(bytes, bytes.length, 9, 38)).isEqualTo(38);
    assertThat(Frames.bytesOfFirst(bytes, bytes.length, 9, 15)).isZero();
    assertThat(Frames.bytesOfFirst(bytes, 38, 9, 1000)).isEqualTo(38);
    assertThat(Frames.bytesOfFirst(bytes, bytes.length, 0, 1000)).isZero();
  }
}
