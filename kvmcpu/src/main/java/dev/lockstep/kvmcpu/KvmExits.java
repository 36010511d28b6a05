package dev.lockstep.kvmcpu;

import dev.lockstep.engine.VcpuExit;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_run;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The exits of {@code struct kvm_run} that the machine answers, as the contract's views: ports, device memory, model-specific registers. KVM may hand over several items of a repeated INS or OUTS at once;
 * they become exits one after the other. Nothing here allocates.
 */
final class KvmExits {
  /** What the guest waits for, or what KVM has to complete before the state is whole. */
  enum Open {
    /** Nothing. */
    NONE,
    /** A port or device write that is done; KVM moves RIP with the next KVM_RUN. */
    WRITE,
    /** IN, waiting for its value. */
    PORT_READ,
    /** A device read, waiting for its value. */
    MMIO_READ,
    /** RDMSR, waiting for its value. */
    MSR_READ,
    /** WRMSR, waiting to be accepted or refused. */
    MSR_WRITE
  }

  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final long IO_AT = kvm_run.io$offset();
  private static final long MMIO_AT = kvm_run.mmio$offset();
  private static final long MSR_AT = kvm_run.msr$offset();
  private static final long IO_DIRECTION = IO_AT + kvm_run.io.direction$offset();
  private static final long IO_SIZE = IO_AT + kvm_run.io.size$offset();
  private static final long IO_PORT = IO_AT + kvm_run.io.port$offset();
  private static final long IO_COUNT = IO_AT + kvm_run.io.count$offset();
  private static final long IO_DATA_OFFSET = IO_AT + kvm_run.io.data_offset$offset();
  private static final long MMIO_ADDRESS = MMIO_AT + kvm_run.mmio.phys_addr$offset();
  private static final long MMIO_DATA = MMIO_AT + kvm_run.mmio.data$offset();
  private static final long MMIO_LENGTH = MMIO_AT + kvm_run.mmio.len$offset();
  private static final long MMIO_IS_WRITE = MMIO_AT + kvm_run.mmio.is_write$offset();
  private static final long MSR_ERROR = MSR_AT + kvm_run.msr.error$offset();
  private static final long MSR_INDEX = MSR_AT + kvm_run.msr.index$offset();
  private static final long MSR_DATA = MSR_AT + kvm_run.msr.data$offset();

  /** WRMSR is 0F 30. */
  private static final int WRMSR_BYTES = 2;

  private static final byte OUT = (byte) LinuxKvm.KVM_EXIT_IO_OUT();

  private static final int EXIT_IO = LinuxKvm.KVM_EXIT_IO();
  private static final int EXIT_MMIO = LinuxKvm.KVM_EXIT_MMIO();
  private static final int EXIT_RDMSR = LinuxKvm.KVM_EXIT_X86_RDMSR();
  private static final int EXIT_WRMSR = LinuxKvm.KVM_EXIT_X86_WRMSR();

  private final MemorySegment run;
  private final VcpuExit.PortRead portRead = new VcpuExit.PortRead();
  private final VcpuExit.PortWrite portWrite = new VcpuExit.PortWrite();
  private final VcpuExit.MmioRead mmioRead = new VcpuExit.MmioRead();
  private final VcpuExit.MmioWrite mmioWrite = new VcpuExit.MmioWrite();
  private final VcpuExit.MsrRead msrRead = new VcpuExit.MsrRead();
  private final VcpuExit.MsrWrite msrWrite = new VcpuExit.MsrWrite();
  private Open open = Open.NONE;
  private int item;
  private int items;

  KvmExits(MemorySegment run) {
    this.run = run;
  }

  Open open() {
    return open;
  }

  /** Whether the guest stands on an instruction that waits for an answer. */
  boolean waiting() {
    return open.compareTo(Open.WRITE) > 0;
  }

  /** Whether items of a repeated INS or OUTS have still to exit. */
  boolean hasMoreItems() {
    return item + 1 < items;
  }

  /** How far the contract's RIP is ahead of KVM's: the length of a WRMSR that waits to be accepted. */
  int ripAhead() {
    return open == Open.MSR_WRITE ? WRMSR_BYTES : 0;
  }

  /** How many items of an INS are open; 0 for anything else. */
  int itemsRead() {
    return open == Open.PORT_READ ? items : 0;
  }

  /** Bytes of an item of a port access. */
  int itemBytes() {
    return run.get(ValueLayout.JAVA_BYTE, IO_SIZE);
  }

  /** Answers what is open, all its items, by whatever lies there. */
  void abandon() {
    item = items;
    open = Open.NONE;
  }

  /** KVM has completed what was open. */
  void completed() {
    open = Open.NONE;
    items = 0;
  }

  /** The exit of an access to a port, a device's memory or an MSR; null if {@code reason} is another. */
  @org.jspecify.annotations.Nullable
  VcpuExit access(int reason) {
    if (reason == EXIT_IO) {
      return port();
    }
    if (reason == EXIT_MMIO) {
      return mmio();
    }
    if (reason == EXIT_RDMSR) {
      return msrRead();
    }
    return reason == EXIT_WRMSR ? msrWrite() : null;
  }

  /** KVM_EXIT_IO: its first item. */
  private VcpuExit port() {
    item = 0;
    items = run.get(U32, IO_COUNT);
    return portItem();
  }

  private VcpuExit portItem() {
    int port = Short.toUnsignedInt(run.get(U16, IO_PORT));
    int size = run.get(ValueLayout.JAVA_BYTE, IO_SIZE);
    if (run.get(ValueLayout.JAVA_BYTE, IO_DIRECTION) == OUT) {
      open = Open.WRITE;
      return portWrite.set(port, size, (int) load(itemAt(size), size));
    }
    open = Open.PORT_READ;
    return portRead.set(port, size);
  }

  private long itemAt(int size) {
    return run.get(U64, IO_DATA_OFFSET) + (long) item * size;
  }

  /** KVM_EXIT_MMIO. */
  private VcpuExit mmio() {
    items = 1;
    item = 0;
    long address = run.get(U64, MMIO_ADDRESS);
    int size = run.get(U32, MMIO_LENGTH);
    if (run.get(ValueLayout.JAVA_BYTE, MMIO_IS_WRITE) != 0) {
      open = Open.WRITE;
      return mmioWrite.set(address, size, load(MMIO_DATA, size));
    }
    open = Open.MMIO_READ;
    return mmioRead.set(address, size);
  }

  /** KVM_EXIT_X86_RDMSR. */
  private VcpuExit msrRead() {
    open = Open.MSR_READ;
    return msrRead.set(run.get(U32, MSR_INDEX));
  }

  /** KVM_EXIT_X86_WRMSR. */
  private VcpuExit msrWrite() {
    open = Open.MSR_WRITE;
    return msrWrite.set(run.get(U32, MSR_INDEX), run.get(U64, MSR_DATA));
  }

  /** Whether the answer to the port read that is open is for EDX as well: KVM completes EAX alone. */
  boolean answersPair() {
    return open == Open.PORT_READ && portRead.pair();
  }

  /** What EDX gets then. */
  long pairHigh() {
    return Integer.toUnsignedLong(portRead.high());
  }

  /**
   * Hands the machine's answer to KVM, whose next KVM_RUN completes the instruction.
   *
   * @return the next item of a repeated INS or OUTS, which must exit before that; null if there is none
   */
  @org.jspecify.annotations.Nullable
  VcpuExit answer() {
    switch (open) {
      case NONE, WRITE -> {}
      case PORT_READ -> {
        int size = run.get(ValueLayout.JAVA_BYTE, IO_SIZE);
        store(itemAt(size), size, portRead.value());
      }
      case MMIO_READ -> store(MMIO_DATA, run.get(U32, MMIO_LENGTH), mmioRead.value());
      case MSR_READ -> {
        run.set(U64, MSR_DATA, msrRead.value());
        run.set(ValueLayout.JAVA_BYTE, MSR_ERROR, (byte) (msrRead.refused() ? 1 : 0));
      }
      case MSR_WRITE ->
          run.set(ValueLayout.JAVA_BYTE, MSR_ERROR, (byte) (msrWrite.refused() ? 1 : 0));
    }
    if (++item < items) {
      return portItem();
    }
    return null;
  }

  private long load(long at, int size) {
    return switch (size) {
      case 1 -> run.get(ValueLayout.JAVA_BYTE, at) & 0xffL;
      case 2 -> run.get(U16, at) & 0xffffL;
      case 4 -> run.get(U32, at) & 0xffff_ffffL;
      case 8 -> run.get(U64, at);
      default -> {
        long value = 0;
        for (int i = 0; i < size; i++) {
          value |= (run.get(ValueLayout.JAVA_BYTE, at + i) & 0xffL) << (8 * i);
        }
        yield value;
      }
    };
  }

  private void store(long at, int size, long value) {
    for (int i = 0; i < size; i++) {
      run.set(ValueLayout.JAVA_BYTE, at + i, (byte) (value >>> (8 * i)));
    }
  }
}
