package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a driver sees of a batch, and when. */
class VirtqueueTest implements Virtqueue.Listener {
  private static final int SIZE = 8;
  private static final int DESCRIPTORS = 0x1000;
  private static final int AVAILABLE = 0x2000;
  private static final int USED = 0x3000;
  private static final int BUFFERS = 0x4000;

  private final Arena arena = Arena.ofConfined();
  private final GuestMemory memory =
      new GuestMemory(
          arena.allocate(0x1_0000, GuestMemory.PAGE_SIZE),
          List.of(new GuestMemory.Region(0, 0x1_0000, 0)));
  private final Virtqueue queue = new Virtqueue(memory, SIZE, this);
  private int notifications;
  private String broken = "";

  @Override
  public void usedBufferNotification() {
    notifications++;
  }

  @Override
  public void broken(String why) {
    broken = why;
  }

  @AfterEach
  void close() {
    arena.close();
  }

  private void start(boolean eventIndex) {
    for (int i = 0; i < SIZE; i++) {
      memory.write64(DESCRIPTORS + 16L * i, BUFFERS + 16L * i);
      memory.write32(DESCRIPTORS + 16L * i + 8, 16);
      memory.write16(AVAILABLE + 4 + 2L * i, i);
    }
    queue.setSize(SIZE);
    queue.setDescriptors(DESCRIPTORS);
    queue.setAvailable(AVAILABLE);
    queue.setUsed(USED);
    queue.enable(false, eventIndex);
    queue.start();
  }

  private void offer(int index) {
    memory.write16(AVAILABLE + 2, index);
  }

  private int usedIndex() {
    return memory.read16(USED + 2);
  }

  private int pop() {
    return Objects.requireNonNull(queue.pop()).head();
  }

  @Test
  void aBatchIsShownAtItsEndWithOneNotification() {
    start(false);
    offer(5);
    for (int i = 0; i < 5; i++) {
      assertThat(pop()).isEqualTo(i);
      queue.push(i, 100 + i);
      assertThat(usedIndex()).isZero();
    }
    assertThat(queue.pop()).isNull();
    assertThat(notifications).isZero();
    queue.endBatch();
    assertThat(usedIndex()).isEqualTo(5);
    assertThat(memory.read32(USED + 4 + 8 * 4 + 4)).isEqualTo(104);
    assertThat(notifications).isEqualTo(1);
    queue.endBatch();
    assertThat(notifications).as("nothing new").isEqualTo(1);
  }

  @Test
  void howMuchIsAvailableIsReadOnceForABatch() {
    start(false);
    offer(2);
    assertThat(pop()).isZero();
    offer(3);
    assertThat(pop()).isEqualTo(1);
    assertThat(queue.pop()).isNull();
    queue.endBatch();
    assertThat(pop()).isEqualTo(2);
  }

  @Test
  void oneDecisionForAllOfABatchByTheEventIndex() {
    start(true);
    // Tell me of the third; then of the tenth.
    for (int wanted : new int[] {2, 9}) {
      memory.write16(AVAILABLE + 4 + 2 * SIZE, wanted);
      int before = usedIndex();
      offer(before + 4);
      for (int i = 0; i < 4; i++) {
        queue.push(pop(), 0);
      }
      queue.endBatch();
      assertThat(notifications).as("told of number %d", wanted).isEqualTo(1);
      assertThat(memory.read16(USED + 4 + 8 * SIZE)).as("notify next").isEqualTo(before + 4);
    }
  }

  @Test
  void whatWasReturnedBeforeTheRulesAreBrokenIsTheDrivers() {
    start(false);
    memory.write16(AVAILABLE + 4 + 2, SIZE);
    offer(2);
    queue.push(pop(), 7);
    assertThat(queue.pop()).isNull();
    assertThat(broken).contains("descriptor 8 is outside");
    assertThat(usedIndex()).isEqualTo(1);
    queue.endBatch();
    assertThat(notifications).isZero();
  }

  @Test
  void aBufferIsReadIntoTheSameChain() {
    start(false);
    offer(2);
    DescriptorChain first = queue.pop();
    assertThat(queue.pop()).isSameAs(first);
  }
}
