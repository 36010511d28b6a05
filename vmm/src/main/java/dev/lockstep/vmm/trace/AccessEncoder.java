package dev.lockstep.vmm.trace;

import dev.lockstep.softcpu.ObservedAccesses;
import java.util.Arrays;

/** Writes the accesses of groups; see {@link AccessDecoder} for the form. */
final class AccessEncoder {
  /** Tokens of addresses: moved, beside, last; then bytes from the last one, bytes from the access before. */
  static final int MOVED = 0;

  static final int BESIDE = 1;
  static final int LAST = 2;
  static final int FROM_LAST = 3;
  static final int FROM_PREVIOUS = FROM_LAST + 8;

  /** Tokens of values: seen in memory, last, moved; then 0 to 8 bytes as they are, 1 to 8 that differ from the last one. */
  static final int SEEN = 0;

  static final int SAME = 1;
  static final int MOVED_VALUE = 2;
  static final int PLAIN = 3;
  static final int DIFFERING = PLAIN + 8; // of at least one byte

  private final BlockColumns columns;
  private final AccessModel model = new AccessModel();
  private int[] shape = new int[64];
  private long previous;
  private long lastFrame;
  private long sameShapes;
  private long samePages;

  AccessEncoder(BlockColumns columns) {
    this.columns = columns;
  }

  /** A block begins. */
  void reset() {
    model.reset();
    previous = 0;
    lastFrame = 0;
    sameShapes = 0;
    samePages = 0;
  }

  /** A block ends. */
  void finish() {
    columns.of(BlockColumns.Name.SHAPES).number(sameShapes);
    columns.of(BlockColumns.Name.PAGES).number(samePages);
  }

  /**
   * A group made some accesses.
   *
   * @param step what {@link ObservedAccesses#step} says of its first instruction
   */
  void group(int code, ObservedAccesses accesses, int from, int to, int step) {
    int count = to - from;
    AccessModel.Site site = model.site(code);
    if (count > shape.length) {
      shape = new int[2 * count];
    }
    for (int k = 0; k < count; k++) {
      int i = from + k;
      shape[k] =
          AccessShapes.pack(
              accesses.step(i) - step, accesses.size(i), accesses.isWrite(i), accesses.isSystem(i));
    }
    shape(site, count);
    site.room(count);
    for (int k = 0; k < count; k++) {
      int i = from + k;
      long linear = accesses.linear(i);
      long physical = accesses.physical(i);
      address(site, k, linear);
      page(linear, physical);
      value(site, k, physical, accesses.size(i), accesses.value(i));
    }
  }

  private void shape(AccessModel.Site site, int count) {
    if (Arrays.equals(site.shape, 0, site.shape.length, shape, 0, count)) {
      sameShapes++;
      return;
    }
    ColumnWriter out = columns.of(BlockColumns.Name.SHAPES);
    out.number(sameShapes);
    sameShapes = 0;
    out.number(count);
    for (int k = 0; k < count; k++) {
      out.number(shape[k]);
    }
    site.shape = Arrays.copyOf(shape, count);
  }

  private void address(AccessModel.Site site, int k, long linear) {
    ColumnWriter tokens = columns.of(BlockColumns.Name.ADDRESS_TOKENS);
    if (linear == site.moved(k)) {
      tokens.put(MOVED);
    } else if (linear == site.beside(k, previous)) {
      tokens.put(BESIDE);
    } else if (linear == site.last(k)) {
      tokens.put(LAST);
    } else {
      long fromLast = ColumnWriter.zigzag(linear - site.last(k));
      long fromPrevious = ColumnWriter.zigzag(linear - previous);
      boolean last = ColumnWriter.length(fromLast) <= ColumnWriter.length(fromPrevious);
      long distance = last ? fromLast : fromPrevious;
      // The access before may have had this very address.
      int length = Math.max(1, ColumnWriter.length(distance));
      tokens.put((last ? FROM_LAST : FROM_PREVIOUS) + length - 1);
      columns.of(BlockColumns.Name.ADDRESSES).low(distance, length);
    }
    site.at(k, linear, previous);
    previous = linear;
  }

  private void page(long linear, long physical) {
    long frame = physical >>> 12;
    if (model.frame(linear) == frame) {
      samePages++;
      return;
    }
    ColumnWriter out = columns.of(BlockColumns.Name.PAGES);
    out.number(samePages);
    out.signed(frame - lastFrame);
    samePages = 0;
    lastFrame = frame;
    model.mapped(linear, frame);
  }

  private void value(AccessModel.Site site, int k, long physical, int size, long value) {
    ColumnWriter tokens = columns.of(BlockColumns.Name.VALUE_TOKENS);
    if (model.knows(physical, size) && model.seen(physical, size) == value) {
      tokens.put(SEEN);
    } else if (value == site.value(k)) {
      tokens.put(SAME);
    } else if (value == site.movedValue(k, size)) {
      tokens.put(MOVED_VALUE);
    } else {
      int plain = ColumnWriter.length(value);
      int differing = ColumnWriter.length(value ^ site.value(k));
      boolean whole = plain <= differing;
      tokens.put(whole ? PLAIN + plain : DIFFERING + differing);
      columns.of(BlockColumns.Name.VALUES).low(value, whole ? plain : differing);
    }
    site.had(k, value);
    model.remember(physical, size, value);
  }
}
