package dev.lockstep.engine;

import org.jspecify.annotations.Nullable;

/**
 * Why the guest left the engine. The objects are mutable views that belong to their vCPU and are overwritten by its next exit: read them before running on, copy what must last.
 *
 * <p>Where the guest stands at an exit: {@link PortRead}, {@link MmioRead} and {@link MsrRead} leave RIP on the instruction, and the instruction completes with the value given when the vCPU runs
 * again. {@link PortWrite}, {@link MmioWrite}, {@link MsrWrite} and {@link Halt} leave RIP past the instruction (inside a repeated string instruction: on it, with RCX counted down). All others lie
 * between two instructions.
 */
public sealed interface VcpuExit {

  /** IN or one iteration of INS: the machine answers by {@link #complete}. */
  final class PortRead implements VcpuExit {
    private int port;
    private int width;
    private int value;
    private int high;
    private boolean pair;

    /** For engines: sets the view to a new exit. */
    public PortRead set(int port, int width) {
      this.port = port;
      this.width = width;
      this.value = -1;
      this.pair = false;
      return this;
    }

    /** The port, 0..0xffff. */
    public int port() {
      return port;
    }

    /** Bytes: 1, 2 or 4. */
    public int width() {
      return width;
    }

    /** The value the guest reads, in the low {@code 8 * width} bits; all ones until this is called. */
    public void complete(int value) {
      this.value = value;
      this.pair = false;
    }

    /**
     * Completes IN EAX as if it were RDTSC: EAX and EDX are loaded, the upper halves of RAX and RDX become zero. Without meaning for INS and for other widths.
     *
     * @param low the value of EAX
     * @param high the value of EDX
     */
    public void completePair(int low, int high) {
      this.value = low;
      this.high = high;
      this.pair = true;
    }

    /** For engines: the value given. */
    public int value() {
      return value;
    }

    /** For engines: whether EDX is to be loaded with {@link #high}. */
    public boolean pair() {
      return pair;
    }

    /** For engines: the value of EDX. */
    public int high() {
      return high;
    }
  }

  /** OUT or one iteration of OUTS. */
  final class PortWrite implements VcpuExit {
    private int port;
    private int width;
    private int value;

    /** For engines: sets the view to a new exit. */
    public PortWrite set(int port, int width, int value) {
      this.port = port;
      this.width = width;
      this.value = value;
      return this;
    }

    /** The port, 0..0xffff. */
    public int port() {
      return port;
    }

    /** Bytes: 1, 2 or 4. */
    public int width() {
      return width;
    }

    /** The value written, zero-extended from {@code width} bytes. */
    public int value() {
      return value;
    }
  }

  /** A load from a guest-physical address without memory behind it: the machine answers by {@link #complete}. */
  final class MmioRead implements VcpuExit {
    private long address;
    private int width;
    private long value;

    /** For engines: sets the view to a new exit. */
    public MmioRead set(long address, int width) {
      this.address = address;
      this.width = width;
      this.value = -1;
      return this;
    }

    /** Guest-physical address. */
    public long address() {
      return address;
    }

    /** Bytes: 1 to 8. */
    public int width() {
      return width;
    }

    /** The value the guest reads, in the low {@code 8 * width} bits; all ones until this is called. */
    public void complete(long value) {
      this.value = value;
    }

    /** For engines: the value given. */
    public long value() {
      return value;
    }
  }

  /** A store to a guest-physical address without memory behind it. */
  final class MmioWrite implements VcpuExit {
    private long address;
    private int width;
    private long value;

    /** For engines: sets the view to a new exit. */
    public MmioWrite set(long address, int width, long value) {
      this.address = address;
      this.width = width;
      this.value = value;
      return this;
    }

    /** Guest-physical address. */
    public long address() {
      return address;
    }

    /** Bytes: 1 to 8. */
    public int width() {
      return width;
    }

    /** The value written, zero-extended from {@code width} bytes. */
    public long value() {
      return value;
    }
  }

  /** RDMSR of a register that the CPU model does not define. */
  final class MsrRead implements VcpuExit {
    private int index;
    private long value;
    private boolean refused;

    /** For engines: sets the view to a new exit. */
    public MsrRead set(int index) {
      this.index = index;
      this.value = 0;
      this.refused = true;
      return this;
    }

    /** The register's number (ECX). */
    public int index() {
      return index;
    }

    /** The value the guest reads. */
    public void complete(long value) {
      this.value = value;
      this.refused = false;
    }

    /** For engines: the value given. */
    public long value() {
      return value;
    }

    /** For engines: nothing was given, so the guest gets #GP(0). */
    public boolean refused() {
      return refused;
    }
  }

  /** WRMSR of a register that the CPU model does not define; unless {@link #accept()} is called the guest gets #GP(0), with RIP on the instruction. */
  final class MsrWrite implements VcpuExit {
    private int index;
    private long value;
    private boolean refused;

    /** For engines: sets the view to a new exit. */
    public MsrWrite set(int index, long value) {
      this.index = index;
      this.value = value;
      this.refused = true;
      return this;
    }

    /** The register's number (ECX). */
    public int index() {
      return index;
    }

    /** EDX:EAX. */
    public long value() {
      return value;
    }

    /** Lets the write complete without effect in the engine. */
    public void accept() {
      refused = false;
    }

    /** For engines: the guest gets #GP(0). */
    public boolean refused() {
      return refused;
    }
  }

  /** HLT was executed; the vCPU is halted until an interrupt or NMI is injected. Running a halted vCPU exits with this again. */
  enum Halt implements VcpuExit {
    HALT
  }

  /** The window asked for by {@link Vcpu#requestInterruptWindow} is open: IF set, no shadow, nothing injected yet. */
  enum InterruptWindow implements VcpuExit {
    INTERRUPT_WINDOW
  }

  /** The branch count has reached the limit given to {@link Vcpu#run}. */
  enum Deadline implements VcpuExit {
    DEADLINE
  }

  /** The vCPU stands exactly at the point asked for by {@link Vcpu#runTo}. */
  enum PointReached implements VcpuExit {
    POINT_REACHED
  }

  /** {@link Vcpu#runTo} can no longer come to its point: the count is past it, or the instruction there was passed with another RCX. */
  enum PointMissed implements VcpuExit {
    POINT_MISSED
  }

  /** One instruction (or one iteration of a repeated string instruction, or one event delivery) was executed by {@link Vcpu#step}. */
  enum Stepped implements VcpuExit {
    STEPPED
  }

  /** {@link Vcpu#kick} was called; the kick is consumed. */
  enum Kicked implements VcpuExit {
    KICKED
  }

  /** Triple fault: the CPU has shut down. Running on exits with this again. */
  enum Shutdown implements VcpuExit {
    SHUTDOWN
  }

  /** The engine cannot go on, and says by name what it met: an instruction form it does not have, or (KVM) an internal error. RIP is on the instruction; the machine must stop. */
  final class Unsupported implements VcpuExit {
    private long rip;
    private byte[] bytes = {};
    private @Nullable String what;

    /** For engines: sets the view to a new exit. */
    public Unsupported set(long rip, byte[] bytes, String what) {
      this.rip = rip;
      this.bytes = bytes;
      this.what = what;
      return this;
    }

    /** Linear address of the instruction. */
    public long rip() {
      return rip;
    }

    /** The instruction's bytes as far as they were fetched. */
    public byte[] bytes() {
      return bytes.clone();
    }

    /** What was met, in words. */
    public String what() {
      return what == null ? "" : what;
    }
  }
}
