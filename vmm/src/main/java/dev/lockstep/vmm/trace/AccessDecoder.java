package dev.lockstep.vmm.trace;

import java.nio.ByteBuffer;

/**
 * Reads the accesses of groups.
 *
 * <p>SHAPES: how many groups made the accesses that their code made last time, then the number of accesses of the next group and each as {@link AccessShapes} packs it, and so on; at last a number of groups.
 * PAGES: in the same way, how many accesses lie in the physical page that their linear page was last seen in, and the next one's physical page, less the one given before. ADDRESS_TOKENS and VALUE_TOKENS have a
 * byte an access; those that say that bytes follow have them, the lowest first, in ADDRESSES (a signed distance, zigzag) and in VALUES.
 */
final class AccessDecoder {
  private static final int MAX_ACCESSES = 1 << 20;

  private final ColumnReader shapes;
  private final ColumnReader addressTokens;
  private final ColumnReader addresses;
  private final ColumnReader pages;
  private final ColumnReader valueTokens;
  private final ColumnReader values;
  private final AccessModel model = new AccessModel();
  private long previous;
  private long lastFrame;
  private long sameShapes;
  private long samePages;

  private int count;
  private int[] shape = {};
  private long[] linear = new long[64];
  private long[] physical = new long[64];
  private long[] value = new long[64];

  /** Of a block's columns. */
  AccessDecoder(ByteBuffer columns) throws TraceFormatException {
    this.shapes = BlockColumns.unpack(columns, BlockColumns.Name.SHAPES);
    this.addressTokens = BlockColumns.unpack(columns, BlockColumns.Name.ADDRESS_TOKENS);
    this.addresses = BlockColumns.unpack(columns, BlockColumns.Name.ADDRESSES);
    this.pages = BlockColumns.unpack(columns, BlockColumns.Name.PAGES);
    this.valueTokens = BlockColumns.unpack(columns, BlockColumns.Name.VALUE_TOKENS);
    this.values = BlockColumns.unpack(columns, BlockColumns.Name.VALUES);
    this.sameShapes = shapes.number();
    this.samePages = pages.number();
  }

  /** Reads the accesses of one group. */
  void group(int code) throws TraceFormatException {
    AccessModel.Site site = model.site(code);
    if (sameShapes > 0) {
      sameShapes--;
    } else {
      int[] read = new int[shapes.number(MAX_ACCESSES)];
      for (int k = 0; k < read.length; k++) {
        read[k] = shapes.number(Integer.MAX_VALUE);
        if (AccessShapes.size(read[k]) > 8) {
          throw new TraceFormatException(
              "an access of %d bytes".formatted(AccessShapes.size(read[k])));
        }
      }
      site.shape = read;
      sameShapes = shapes.number();
    }
    shape = site.shape;
    count = shape.length;
    site.room(count);
    room();
    for (int k = 0; k < count; k++) {
      linear[k] = address(site, k);
      physical[k] = page(linear[k]) << 12 | linear[k] & 0xfff;
      value[k] = value(site, k, physical[k], AccessShapes.size(shape[k]));
    }
  }

  private void room() {
    if (count > linear.length) {
      linear = new long[2 * count];
      physical = new long[2 * count];
      value = new long[2 * count];
    }
  }

  private long address(AccessModel.Site site, int k) throws TraceFormatException {
    int token = addressTokens.get();
    long at;
    switch (token) {
      case AccessEncoder.MOVED -> at = site.moved(k);
      case AccessEncoder.BESIDE -> at = site.beside(k, previous);
      case AccessEncoder.LAST -> at = site.last(k);
      default -> {
        if (token >= AccessEncoder.FROM_PREVIOUS + 8) {
          throw new TraceFormatException("an address by token %d".formatted(token));
        }
        boolean last = token < AccessEncoder.FROM_PREVIOUS;
        int length = token - (last ? AccessEncoder.FROM_LAST : AccessEncoder.FROM_PREVIOUS) + 1;
        long distance = ColumnWriter.unzigzag(addresses.low(length));
        at = (last ? site.last(k) : previous) + distance;
      }
    }
    site.at(k, at, previous);
    previous = at;
    return at;
  }

  private long page(long at) throws TraceFormatException {
    if (samePages > 0) {
      samePages--;
      return model.frame(at);
    }
    lastFrame += pages.signed();
    samePages = pages.number();
    model.mapped(at, lastFrame);
    return lastFrame;
  }

  private long value(AccessModel.Site site, int k, long where, int size)
      throws TraceFormatException {
    int token = valueTokens.get();
    long read;
    switch (token) {
      case AccessEncoder.SEEN -> read = model.seen(where, size);
      case AccessEncoder.SAME -> read = site.value(k);
      case AccessEncoder.MOVED_VALUE -> read = site.movedValue(k, size);
      default -> {
        if (token > AccessEncoder.DIFFERING + 8) {
          throw new TraceFormatException("a value by token %d".formatted(token));
        }
        boolean whole = token <= AccessEncoder.DIFFERING;
        int length = token - (whole ? AccessEncoder.PLAIN : AccessEncoder.DIFFERING);
        long low = values.low(length);
        read = whole ? low : site.value(k) & ~AccessModel.mask(length) | low;
      }
    }
    site.had(k, read);
    model.remember(where, size, read);
    return read;
  }

  /** Accesses of the group that was read last. */
  int count() {
    return count;
  }

  /** Which of the group's instructions made it. */
  int step(int k) {
    return AccessShapes.step(shape[k]);
  }

  TraceRecord.Access access(int k, TracePosition at) {
    return new TraceRecord.Access(
        at,
        linear[k],
        physical[k],
        AccessShapes.size(shape[k]),
        value[k],
        AccessShapes.isWrite(shape[k]),
        AccessShapes.isSystem(shape[k]));
  }
}
