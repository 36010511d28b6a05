package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import java.util.ArrayList;
import java.util.List;

/**
 * A stretch of guest memory that a descriptor named, checked to be memory.
 *
 * @param address guest-physical
 * @param length bytes, at least 1
 */
record Segment(long address, int length) {

  /** Stretches as numbers of a device's state: addresses and lengths by turns. */
  static long[] toNumbers(List<Segment> segments) {
    long[] numbers = new long[2 * segments.size()];
    int at = 0;
    for (Segment segment : segments) {
      numbers[at++] = segment.address();
      numbers[at++] = segment.length();
    }
    return numbers;
  }

  /** The reverse, checked against this machine's memory. */
  static List<Segment> restore(StateReader in, String name, GuestMemory memory) {
    long[] numbers = in.numbers(name);
    if (numbers.length % 2 != 0) {
      throw in.unfit(name, "is not made of pairs");
    }
    List<Segment> segments = new ArrayList<>();
    for (int i = 0; i < numbers.length; i += 2) {
      long length = numbers[i + 1];
      if (length < 1 || length > Integer.MAX_VALUE || !memory.contains(numbers[i], length)) {
        throw in.unfit(name, "is not memory at %#x+%#x".formatted(numbers[i], length));
      }
      segments.add(new Segment(numbers[i], (int) length));
    }
    return segments;
  }
}
