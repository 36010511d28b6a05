package dev.lockstep.kvm.code;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Calls of code in {@link CodeMemory} by the C calling convention of the host (System V AMD64 ABI: RDI, RSI, RDX, RCX, R8, R9).
 *
 * <p>The JVM can not stop the thread meanwhile (Linker.Option.critical): the code must come back within some ten microseconds or so. In return Java arrays may be handed over as they are, which stay
 * where they are until then.
 */
public final class CodeCall {
  private static final MethodHandle CALL =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG),
              Linker.Option.critical(true));

  private CodeCall() {}

  /** Calls a function with the addresses of five segments, which may be of Java arrays, and a number. */
  public static void call(
      MemorySegment function,
      MemorySegment first,
      MemorySegment second,
      MemorySegment third,
      MemorySegment fourth,
      MemorySegment fifth,
      long number) {
    try {
      CALL.invokeExact(function, first, second, third, fourth, fifth, number);
    } catch (Throwable e) {
      throw new IllegalStateException("a call of made code", e);
    }
  }
}
