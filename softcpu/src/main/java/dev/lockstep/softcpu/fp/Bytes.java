package dev.lockstep.softcpu.fp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Little-endian fields of memory images. */
final class Bytes {
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Bytes() {}

  static int get16(byte[] image, int at) {
    return (short) SHORT.get(image, at) & 0xffff;
  }

  static int get32(byte[] image, int at) {
    return (int) INT.get(image, at);
  }

  static long get64(byte[] image, int at) {
    return (long) LONG.get(image, at);
  }

  static void put16(byte[] image, int at, int value) {
    SHORT.set(image, at, (short) value);
  }

  static void put32(byte[] image, int at, int value) {
    INT.set(image, at, value);
  }

  static void put64(byte[] image, int at, long value) {
    LONG.set(image, at, value);
  }
}
