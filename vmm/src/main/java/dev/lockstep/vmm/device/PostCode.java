package dev.lockstep.vmm.device;

/**
 * The POST code latch at port 0x80: keeps the last byte written. Linux writes there to let a
 * microsecond pass.
 */
public final class PostCode implements Device {
  private static final int VERSION = 1;

  private int latch;

  @Override
  public String kind() {
    return "postcode";
  }

  @Override
  public long read(int offset, int width) {
    return latch;
  }

  @Override
  public void write(int offset, int width, long value) {
    latch = (int) value & 0xff;
  }

  @Override
  public DeviceState save() {
    return new StateWriter(kind(), VERSION).number("latch", latch).state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    latch = in.octet("latch");
    in.end();
  }
}
