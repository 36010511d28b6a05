package dev.lockstep.vmm.device;

import dev.lockstep.vmm.bus.Bus;
import java.util.ArrayList;
import java.util.List;

/**
 * Devices on a bus with interrupt controllers and a clock that a test turns by hand. What devices
 * let out is kept as text.
 */
public final class Bench implements PowerControl, ByteSink {
  public final Bus bus = new Bus();
  public final PicPair pic = new PicPair(0x0c00);
  public final List<Device> devices = new ArrayList<>();
  public final StringBuilder effects = new StringBuilder();
  public long now;

  public Bench() {
    add(pic);
    bus.mapPorts(0x20, 2, pic, 0, 1);
    bus.mapPorts(0xa0, 2, pic, 2, 1);
    bus.mapPorts(0x4d0, 2, pic, 4, 1);
  }

  /** The clock. */
  public VirtualTime time() {
    return () -> now;
  }

  public <T extends Device> T add(T device) {
    devices.add(device);
    return device;
  }

  public int in(int port) {
    return bus.readPort(port, 1);
  }

  public void out(int port, int value) {
    bus.writePort(port, 1, value);
  }

  /** Unmasks everything, vectors at 0x20 and 0x28. */
  public Bench initialisedPic() {
    for (int port : new int[] {0x20, 0xa0}) {
      out(port, 0x11);
      out(port + 1, port == 0x20 ? 0x20 : 0x28);
      out(port + 1, port == 0x20 ? 4 : 2);
      out(port + 1, 1);
    }
    return this;
  }

  /** Acknowledges and ends what is pending, eight times at most; the vectors. */
  public List<Integer> takeInterrupts() {
    List<Integer> vectors = new ArrayList<>();
    while (pic.interruptPending() && vectors.size() < 8) {
      int vector = pic.acknowledge();
      vectors.add(vector);
      if (vector >= 0x28) {
        out(0xa0, 0x20);
      }
      out(0x20, 0x20);
    }
    return vectors;
  }

  /** Lets time pass, stopping at every deadline as a machine does. */
  public void pass(long nanos) {
    long end = now + nanos;
    long next = nextDeadline();
    while (next <= end) {
      now = Math.max(now, next);
      advance();
      long following = nextDeadline();
      if (following <= next) {
        throw new AssertionError("deadline %d does not go away".formatted(next));
      }
      next = following;
    }
    now = end;
    advance();
  }

  private void advance() {
    for (Device device : devices) {
      if (device instanceof TimedDevice timed) {
        timed.advance(now);
      }
    }
  }

  /** The earliest deadline of all devices. */
  public long nextDeadline() {
    long next = TimedDevice.NO_DEADLINE;
    for (Device device : devices) {
      if (device instanceof TimedDevice timed) {
        next = Math.min(next, timed.nextDeadlineNanos());
      }
    }
    return next;
  }

  /** All states, encoded. */
  public List<byte[]> save() {
    return devices.stream().map(device -> device.save().encode()).toList();
  }

  /** Restores what {@link #save} gave, into a fresh bench of the same devices. */
  public void restore(List<byte[]> states) {
    for (int i = 0; i < states.size(); i++) {
      devices.get(i).restore(DeviceState.decode(states.get(i)));
    }
  }

  @Override
  public void put(int value) {
    effects.append("byte %02x ".formatted(value));
  }

  @Override
  public void requestReset(String source) {
    effects.append("reset by ").append(source).append(' ');
  }

  @Override
  public void requestExit(int value) {
    effects.append("exit ").append(value).append(' ');
  }
}
