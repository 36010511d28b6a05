package dev.lockstep.benchmarks.kvm;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_debugregs;
import dev.lockstep.kvm.layout.kvm_guest_debug;
import dev.lockstep.kvm.layout.kvm_msr_entry;
import dev.lockstep.kvm.layout.kvm_msrs;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.layout.kvm_vcpu_events;
import dev.lockstep.kvm.layout.kvm_xsave;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** The bindings alone: {@link KvmVcpuHandle} and {@code kvm_run}, as C uses them. */
final class BindingsSide extends JavaSide {
  private static final long REASON = kvm_run.exit_reason$offset();
  private static final long IO = kvm_run.io$offset(), MMIO = kvm_run.mmio$offset();
  private static final long DIRECTION = IO + kvm_run.io.direction$offset();
  private static final long SIZE = IO + kvm_run.io.size$offset();
  private static final long PORT = IO + kvm_run.io.port$offset();
  private static final long DATA_OFFSET = IO + kvm_run.io.data_offset$offset();
  private static final long MMIO_DATA = MMIO + kvm_run.mmio.data$offset();
  private static final long MMIO_LENGTH = MMIO + kvm_run.mmio.len$offset();
  private static final long MMIO_IS_WRITE = MMIO + kvm_run.mmio.is_write$offset();
  private static final int OUT = LinuxKvm.KVM_EXIT_IO_OUT();
  private static final int EXIT_IO = LinuxKvm.KVM_EXIT_IO();
  private static final int EXIT_MMIO = LinuxKvm.KVM_EXIT_MMIO();
  private static final int EXIT_DEBUG = LinuxKvm.KVM_EXIT_DEBUG();

  /** As the engine's state has them. */
  private static final int[] MSRS = {
    0x174, 0x175, 0x176, 0x277, 0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102
  };

  private static final byte ANSWER = 0x5a;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment regs = kvm_regs.allocate(arena);
  private final MemorySegment sregs = kvm_sregs.allocate(arena);
  private final MemorySegment xsave = arena.allocate(kvm_xsave.layout().byteSize(), 64);
  private final MemorySegment debug = kvm_debugregs.allocate(arena);
  private final MemorySegment events = kvm_vcpu_events.allocate(arena);
  private final MemorySegment msrs =
      arena.allocate(kvm_msrs.sizeof() + MSRS.length * kvm_msr_entry.sizeof(), 8);
  private final Quantity quantity;
  private final BareGuest guest;
  private final Vm vm;
  private final KvmVcpuHandle vcpu;
  private final MemorySegment run;
  private final Work work;

  BindingsSide(Kvm kvm, Quantity quantity) {
    this.quantity = quantity;
    this.guest = quantity.guest();
    this.vm = kvm.createVm();
    vm.addMemory(0, 0, guest.memory().segment(), true);
    this.vcpu = vm.createVcpu(0);
    this.run = vcpu.runArea();
    vcpu.setCpuid(kvm.supportedCpuid());
    CpuState start = quantity.start(guest);
    vcpu.getSregs(sregs);
    GuestFile.setSregs(start, sregs);
    GuestFile.setRegs(start, regs);
    vcpu.setSregs(sregs);
    vcpu.setRegs(regs);
    vcpu.bindToThread();
    kvm_msrs.nmsrs(msrs, MSRS.length);
    for (int i = 0; i < MSRS.length; i++) {
      long at = kvm_msrs.sizeof() + i * kvm_msr_entry.sizeof();
      kvm_msr_entry.index(msrs.asSlice(at, kvm_msr_entry.sizeof()), MSRS[i]);
    }
    if (quantity == Quantity.STEP) {
      MemorySegment steps = kvm_guest_debug.allocate(arena);
      kvm_guest_debug.control(
          steps, LinuxKvm.KVM_GUESTDBG_ENABLE() | LinuxKvm.KVM_GUESTDBG_SINGLESTEP());
      vcpu.guestDebug(steps);
    }
    stateRead();
    this.work = new Work(once());
    if (quantity.isKick()) {
      compileKicks();
    }
  }

  /** Writes the guest for C: as it was before its first instruction. */
  void write(Path file) throws IOException {
    GuestFile.write(file, guest.memory(), (int) Quantity.CODE + 0x1000, regs, sregs);
  }

  private Runnable once() {
    return switch (quantity) {
      case PORT_WRITE -> this::portWrite;
      case PORT_READ -> this::portRead;
      case MMIO_WRITE -> this::mmioWrite;
      case MMIO_READ -> this::mmioRead;
      case STEP -> () -> enter(EXIT_DEBUG);
      case REGISTERS_READ -> this::registersRead;
      case REGISTERS_WRITE -> () -> vcpu.setRegs(regs);
      case STATE_READ -> this::stateRead;
      case STATE_WRITE -> this::stateWrite;
      case KICK_RING_0, KICK_RING_3, KICK_TAKEN_RING_3 -> this::runToKick;
      case HARVEST_CLEAN, HARVEST_1_PERCENT, HARVEST_ALL -> () -> {};
    };
  }

  private void enter(int reason) {
    if (vcpu.run() != 0 || run.get(ValueLayout.JAVA_INT, REASON) != reason) {
      throw wrong(kvm_run.exit_reason(run));
    }
  }

  private void port(boolean out) {
    enter(EXIT_IO);
    if (run.get(ValueLayout.JAVA_BYTE, DIRECTION) == OUT != out
        || run.get(ValueLayout.JAVA_BYTE, SIZE) != 1
        || run.get(ValueLayout.JAVA_SHORT, PORT) != Quantity.PORT) {
      throw wrong("port");
    }
  }

  private void portWrite() {
    port(true);
    sink += run.get(ValueLayout.JAVA_BYTE, run.get(ValueLayout.JAVA_LONG, DATA_OFFSET));
  }

  private void portRead() {
    port(false);
    run.set(ValueLayout.JAVA_BYTE, run.get(ValueLayout.JAVA_LONG, DATA_OFFSET), ANSWER);
  }

  private void mmio(boolean write) {
    enter(EXIT_MMIO);
    if (run.get(ValueLayout.JAVA_BYTE, MMIO_IS_WRITE) != 0 != write
        || run.get(ValueLayout.JAVA_INT, MMIO_LENGTH) != 4) {
      throw wrong("MMIO");
    }
  }

  private void mmioWrite() {
    mmio(true);
    sink += run.get(ValueLayout.JAVA_INT_UNALIGNED, MMIO_DATA);
  }

  private void mmioRead() {
    mmio(false);
    run.set(ValueLayout.JAVA_INT_UNALIGNED, MMIO_DATA, ANSWER);
  }

  private void registersRead() {
    vcpu.getRegs(regs);
    sink += kvm_regs.rip(regs);
  }

  private void stateRead() {
    vcpu.getRegs(regs);
    vcpu.getSregs(sregs);
    vcpu.getXsave(xsave);
    vcpu.getDebugRegs(debug);
    vcpu.getEvents(events);
    if (vcpu.getMsrs(msrs) != MSRS.length) {
      throw wrong("MSRs");
    }
    sink += kvm_regs.rip(regs);
  }

  private void stateWrite() {
    vcpu.setSregs(sregs);
    vcpu.setRegs(regs);
    vcpu.setXsave(xsave);
    vcpu.setDebugRegs(debug);
    if (vcpu.setMsrs(msrs) != MSRS.length) {
      throw wrong("MSRs");
    }
    vcpu.setEvents(events);
  }

  @Override
  long runToKick() {
    while (true) {
      int result = vcpu.run();
      long returned = System.nanoTime();
      if (result != -Errno.EINTR) {
        throw wrong(kvm_run.exit_reason(run));
      }
      if (vcpu.takeKick()) {
        return quantity == Quantity.KICK_TAKEN_RING_3 ? System.nanoTime() : returned;
      }
    }
  }

  @Override
  void kick() {
    vcpu.kick();
  }

  @Override
  public void turn(long[] nanos) {
    if (quantity.isKick()) {
      timeKicks(nanos);
    } else {
      time(work, nanos);
    }
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    guest.close();
    arena.close();
  }
}
