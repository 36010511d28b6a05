package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.net.Frames;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;

/** Received frames on their way to the vCPU's thread. */
class MailboxTest {
  private int kicks;
  private final Mailbox mailbox = new Mailbox(() -> kicks++);

  @Test
  void framesAndConsoleBytesDoNotWaitForEachOther() {
    MachineInput typed = new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {1});
    while (mailbox.offer(typed)) {
      // Until the console's queue is full.
    }
    assertThat(mailbox.offer(frames(60))).isTrue();
    assertThat(mailbox.peekInput()).isSameAs(typed);
    assertThat(mailbox.hasFrames(first(1))).isTrue();
    assertThat(mailbox.takeFrames(first(9))).hasSize(62);
    assertThat(mailbox.hasFrames(first(1))).isFalse();
    assertThat(mailbox.takeFrames(first(9))).isNull();
    assertThat(mailbox.peekInput()).isSameAs(typed);
  }

  @Test
  void anOfferedFrameKicksTheVcpu() throws Exception {
    mailbox.offer(frames(60));
    assertThat(kicks).isEqualTo(1);
    assertThat(mailbox.await(0)).isTrue();
    assertThat(mailbox.await(0)).isFalse();
  }

  @Test
  void framesAreBoundedByTheirBytes() {
    int offered = 0;
    while (mailbox.offer(frames(1518))) {
      offered++;
    }
    assertThat(offered).isEqualTo(Mailbox.MAX_FRAME_BYTES / 1520);
    assertThat(mailbox.offer(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {1})))
        .as("typed, while frames are full")
        .isTrue();
    // What is taken makes room, also of a part of a batch.
    assertThat(mailbox.takeFrames(first(1))).hasSize(1520);
    assertThat(mailbox.offer(frames(1518))).isTrue();
    assertThat(mailbox.offer(frames(1518))).isFalse();
    mailbox.dropFrames();
    assertThat(mailbox.hasFrames(first(1))).isFalse();
    for (int i = 0; i < offered; i++) {
      assertThat(mailbox.offer(frames(1518))).as("%d after all were dropped", i).isTrue();
    }
  }

  @Test
  void aBatchIsTakenInPartsInOrder() {
    mailbox.offer(frames(14, 20, 30));
    mailbox.offer(frames(40));
    assertThat(lengths(2)).containsExactly(14, 20);
    assertThat(mailbox.offer(frames(50))).isTrue();
    assertThat(lengths(5)).containsExactly(30);
    assertThat(lengths(1)).containsExactly(40);
    assertThat(lengths(1)).containsExactly(50);
    assertThat(mailbox.takeFrames(first(1))).isNull();
  }

  @Test
  void anInputOfFramesIsFramesAndFitsAnEntry() {
    assertThatThrownBy(() -> new MachineInput.NetworkFrames(new byte[0]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new MachineInput.NetworkFrames(new byte[60]))
        .isInstanceOf(IllegalArgumentException.class);
    int[] many = new int[EntryEncoder.MAX_INPUT_BYTES / 1520 + 1];
    Arrays.fill(many, 1518);
    assertThatThrownBy(() -> frames(many))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("too many");
  }

  @Test
  void framesForWhichThereIsNoRoomStay() {
    mailbox.offer(frames(14, 20));
    assertThat(mailbox.hasFrames(first(0))).isFalse();
    assertThat(mailbox.takeFrames(first(0))).isNull();
    assertThat(lengths(9)).containsExactly(14, 20);
  }

  private static ToIntFunction<byte[]> first(int maxFrames) {
    return packed -> Frames.bytesOfFirst(packed, packed.length, maxFrames, packed.length);
  }

  private List<Integer> lengths(int maxFrames) {
    List<Integer> lengths = new ArrayList<>();
    for (byte[] frame :
        Frames.unpack(Objects.requireNonNull(mailbox.takeFrames(first(maxFrames))))) {
      lengths.add(frame.length);
    }
    return lengths;
  }

  private static MachineInput frames(int... lengths) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (int length : lengths) {
      packed.writeBytes(Frames.pack(new byte[length]));
    }
    return new MachineInput.NetworkFrames(packed.toByteArray());
  }
}
