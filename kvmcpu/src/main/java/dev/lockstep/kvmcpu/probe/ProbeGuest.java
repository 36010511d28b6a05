package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.MemorySlot;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_debugregs;
import dev.lockstep.kvm.layout.kvm_dtable;
import dev.lockstep.kvm.layout.kvm_guest_debug;
import dev.lockstep.kvm.layout.kvm_guest_debug_arch;
import dev.lockstep.kvm.layout.kvm_msr_entry;
import dev.lockstep.kvm.layout.kvm_msrs;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_segment;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.memory.Mappings;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;

/**
 * A VM of two megabytes, mapped to themselves, with some bytes of 64-bit code in ring 0 or 3. Every vector has a handler in ring 0 that writes to the port of the vector's number and halts, so an exit on
 * a port below {@link #END} names the exception or interrupt that came. Used by the thread that made it; only a kick comes from others.
 */
final class ProbeGuest implements AutoCloseable {
  /** Where the code begins. */
  static final long CODE = 0x10000;

  /** A page that nothing else uses; its number. */
  static final long DATA = 0x20000, DATA_PAGE = DATA >>> 12;

  /** Where SYSCALL goes: code that writes to port {@link #SYSCALL_PORT}. */
  static final long SYSCALL_ENTRY = 0xa000;

  /** The port that kernel code writes to when it is done, and the one of {@link #SYSCALL_ENTRY}; no vector of a probe is as high. */
  static final int END = 0xe0, SYSCALL_PORT = 0xe1;

  /** The vector that user code raises when it is done: #UD. */
  static final int USER_END = 6;

  /** A linear page that only {@link #showInWindow} maps. */
  static final long WINDOW = 1L << 30;

  private static final long WINDOW_DIRECTORY = 0xd000, WINDOW_TABLE = 0xe000;
  private static final int MEMORY = 2 << 20;
  private static final long PML4 = 0x1000, PDPT = 0x2000, DIRECTORY = 0x3000;
  private static final long GDT = 0x4000, TSS = 0x5000, IDT = 0x6000, HANDLERS = 0x7000;
  private static final long KERNEL_STACK = 0x9000, USER_STACK = 0xc000;
  private static final int VECTORS = 256, HANDLER_BYTES = 8, GATE_BYTES = 16;
  private static final int TASK_SELECTOR = 0x30, TASK_LIMIT = 0x67;

  /** Present, writable, user; and a page of 2 MiB (Intel SDM vol. 3A 4.5). */
  private static final long TABLE = 7, LARGE_PAGE = 0x87;

  /** Descriptors of flat 64-bit code and data (Intel SDM vol. 3A 3.4.5), 32-bit user code in front of SYSRET's. */
  private static final long[] DESCRIPTORS = {
    0,
    0x00af_9b00_0000_ffffL,
    0x00cf_9300_0000_ffffL,
    0x00cf_fb00_0000_ffffL,
    0x00cf_f300_0000_ffffL,
    0x00af_fb00_0000_ffffL
  };

  /** CR0: PE MP ET NE WP PG; CR4: PAE OSFXSR OSXMMEXCPT; EFER: SCE LME LMA. */
  private static final long CR0 = 0x8001_0033L, CR4 = 0x620, EFER = 0x501;

  /** Any write that changes it flushes the TLB (Intel SDM vol. 3A 4.10.4.1). */
  static final long CR4_PGE = 1 << 7;

  private static final int MSR_STAR = 0xc000_0081, MSR_LSTAR = 0xc000_0082;

  final Arena arena = Arena.ofShared();
  final Vm vm;
  final MemorySlot slot;
  final KvmVcpuHandle vcpu;
  final MemorySegment memory;
  private final MemorySegment regs = kvm_regs.allocate(arena);
  private final MemorySegment sregs = kvm_sregs.allocate(arena);
  private final MemorySegment debug = kvm_guest_debug.allocate(arena);
  private final Ring ring;

  ProbeGuest(Kvm kvm, Ring ring, Consumer<Vm> prepare, int... code) {
    this.ring = ring;
    memory = Mappings.anonymous(arena, MEMORY);
    writeTables();
    write(CODE, code);
    vm = kvm.createVm();
    try {
      prepare.accept(vm);
      slot = vm.addMemory(0, 0, memory, true);
      vcpu = vm.createVcpu(0);
    } catch (KvmException e) {
      vm.close();
      arena.close();
      throw e;
    }
    vcpu.setCpuid(kvm.supportedCpuid());
    setMsr(MSR_STAR, 0x001b_0008L << 32);
    setMsr(MSR_LSTAR, SYSCALL_ENTRY);
    restart();
    vcpu.bindToThread();
  }

  private void writeTables() {
    put(PML4, PDPT | TABLE);
    put(PDPT, DIRECTORY | TABLE);
    put(DIRECTORY, LARGE_PAGE);
    for (int i = 0; i < DESCRIPTORS.length; i++) {
      put(GDT + 8L * i, DESCRIPTORS[i]);
    }
    put(GDT + TASK_SELECTOR, 0x0000_8900_0000_0000L | TSS << 16 | TASK_LIMIT);
    // RSP0 stands at offset 4 (Intel SDM vol. 3A 8.7).
    memory.set(ValueLayout.JAVA_INT, TSS + 4, (int) KERNEL_STACK);
    for (int vector = 0; vector < VECTORS; vector++) {
      long handler = HANDLERS + (long) vector * HANDLER_BYTES;
      // out VECTOR, al; hlt; jmp to the hlt
      write(handler, 0xe6, vector, 0xf4, 0xeb, 0xfd);
      // A present interrupt gate that ring 3 may call (Intel SDM vol. 3A 6.14.1).
      put(IDT + (long) vector * GATE_BYTES, 0x0000_ee00_0008_0000L | handler & 0xffff);
    }
    write(SYSCALL_ENTRY, 0xe6, SYSCALL_PORT, 0xf4);
  }

  /** Writes eight bytes into the guest's memory. */
  void put(long address, long value) {
    memory.set(ValueLayout.JAVA_LONG, address, value);
  }

  /** Writes bytes into the guest's memory. */
  void write(long address, int... bytes) {
    for (int i = 0; i < bytes.length; i++) {
      memory.set(ValueLayout.JAVA_BYTE, address + i, (byte) bytes[i]);
    }
  }

  private void setSpecial() {
    vcpu.getSregs(sregs);
    segment(kvm_sregs.cs(sregs), ring.codeSelector, 11);
    kvm_segment.l(kvm_sregs.cs(sregs), (byte) 1);
    for (MemorySegment data :
        new MemorySegment[] {
          kvm_sregs.ds(sregs), kvm_sregs.es(sregs), kvm_sregs.ss(sregs),
        }) {
      segment(data, ring.dataSelector, 3);
      kvm_segment.db(data, (byte) 1);
    }
    MemorySegment task = kvm_sregs.tr(sregs);
    segment(task, TASK_SELECTOR, 11);
    kvm_segment.base(task, TSS);
    kvm_segment.limit(task, TASK_LIMIT);
    kvm_segment.s(task, (byte) 0);
    kvm_segment.g(task, (byte) 0);
    kvm_segment.dpl(task, (byte) 0);
    kvm_dtable.base(kvm_sregs.gdt(sregs), GDT);
    kvm_dtable.limit(kvm_sregs.gdt(sregs), (short) (TASK_SELECTOR + 15));
    kvm_dtable.base(kvm_sregs.idt(sregs), IDT);
    kvm_dtable.limit(kvm_sregs.idt(sregs), (short) (VECTORS * GATE_BYTES - 1));
    kvm_sregs.cr0(sregs, CR0);
    kvm_sregs.cr3(sregs, PML4);
    kvm_sregs.cr4(sregs, CR4);
    kvm_sregs.efer(sregs, EFER);
    vcpu.setSregs(sregs);
  }

  private void segment(MemorySegment segment, int selector, int type) {
    kvm_segment.base(segment, 0);
    kvm_segment.limit(segment, -1);
    kvm_segment.selector(segment, (short) selector);
    kvm_segment.type(segment, (byte) type);
    kvm_segment.present(segment, (byte) 1);
    kvm_segment.dpl(segment, (byte) ring.level);
    kvm_segment.db(segment, (byte) 0);
    kvm_segment.s(segment, (byte) 1);
    kvm_segment.l(segment, (byte) 0);
    kvm_segment.g(segment, (byte) 1);
    kvm_segment.unusable(segment, (byte) 0);
  }

  /** Adds bits to CR4. */
  void addCr4(long bits) {
    vcpu.getSregs(sregs);
    kvm_sregs.cr4(sregs, kvm_sregs.cr4(sregs) | bits);
    vcpu.setSregs(sregs);
  }

  private void setMsr(int index, long value) {
    MemorySegment one =
        arena.allocate(kvm_msrs.layout().byteSize() + kvm_msr_entry.layout().byteSize(), 8);
    kvm_msrs.nmsrs(one, 1);
    MemorySegment entry =
        one.asSlice(kvm_msrs.layout().byteSize(), kvm_msr_entry.layout().byteSize());
    kvm_msr_entry.index(entry, index);
    kvm_msr_entry.data(entry, value);
    vcpu.setMsrs(one);
  }

  /** The code from its beginning again, in its ring, with zeroed registers and interrupts off. */
  void restart() {
    setSpecial();
    regs.fill((byte) 0);
    kvm_regs.rip(regs, CODE);
    kvm_regs.rsp(regs, ring == Ring.KERNEL ? KERNEL_STACK : USER_STACK);
    kvm_regs.rflags(regs, 2);
    vcpu.setRegs(regs);
  }

  /**
   * Runs to an exit.
   *
   * @return its KVM_EXIT_* number
   * @throws HostProbe.CutOff if the guest had to be kicked out
   */
  int run() {
    while (true) {
      int result = vcpu.run();
      if (result == 0) {
        return kvm_run.exit_reason(vcpu.runArea());
      }
      if (result == -Errno.EINTR && vcpu.takeKick()) {
        throw new HostProbe.CutOff();
      }
    }
  }

  /** Runs to a write to a port: the port's number, or -1 for any other exit. */
  int runToPort() {
    return run() == LinuxKvm.KVM_EXIT_IO() ? port() : -1;
  }

  /** The port of the last exit, if that was one. */
  int port() {
    return kvm_run.io.port(kvm_run.io(vcpu.runArea())) & 0xffff;
  }

  /** The general registers as they are now; overwritten by the next call. */
  MemorySegment regs() {
    vcpu.getRegs(regs);
    return regs;
  }

  long rip() {
    return kvm_regs.rip(regs());
  }

  /** Adds bits to RFLAGS. */
  void addFlags(long bits) {
    vcpu.getRegs(regs);
    kvm_regs.rflags(regs, kvm_regs.rflags(regs) | bits);
    vcpu.setRegs(regs);
  }

  /** The ring that CS says. */
  int currentRing() {
    vcpu.getSregs(sregs);
    return kvm_segment.selector(kvm_sregs.cs(sregs)) & 3;
  }

  /** RIP as the kernel left it in {@code kvm_run} with the last exit of {@link #singleStep} (api.rst, KVM_CAP_SYNC_REGS). */
  long syncedRip() {
    return kvm_regs.rip(vcpu.runArea().asSlice(kvm_run.s$offset(), kvm_regs.sizeof()));
  }

  /** KVM_SET_GUEST_DEBUG to stop after each instruction, with the general registers in {@code kvm_run}. */
  void singleStep() {
    kvm_run.kvm_valid_regs(vcpu.runArea(), LinuxKvm.KVM_SYNC_X86_REGS());
    debug.fill((byte) 0);
    kvm_guest_debug.control(
        debug, LinuxKvm.KVM_GUESTDBG_ENABLE() | LinuxKvm.KVM_GUESTDBG_SINGLESTEP());
    vcpu.guestDebug(debug);
  }

  /** KVM_SET_GUEST_DEBUG with one hardware breakpoint; {@code kind} is DR7's R/W0 and LEN0, in place (Intel SDM vol. 3B 18.2.4). */
  void breakAt(long address, long kind) {
    debug.fill((byte) 0);
    kvm_guest_debug.control(
        debug, LinuxKvm.KVM_GUESTDBG_ENABLE() | LinuxKvm.KVM_GUESTDBG_USE_HW_BP());
    MemorySegment registers = kvm_guest_debug.arch(debug);
    kvm_guest_debug_arch.debugreg(registers, 0, address);
    kvm_guest_debug_arch.debugreg(registers, 7, 0x402 | kind);
    vcpu.guestDebug(debug);
  }

  /** The guest's own debug registers: DR0 and DR7. */
  void watchOwn(long address, long control) {
    MemorySegment own = kvm_debugregs.allocate(arena);
    vcpu.getDebugRegs(own);
    kvm_debugregs.db(own, 0, address);
    kvm_debugregs.dr7(own, control);
    vcpu.setDebugRegs(own);
  }

  /** Has {@link #WINDOW} show a page of {@link #MEMORY}, by a table entry that the vCPU is not told of. */
  void showInWindow(long page) {
    put(PDPT + 8, WINDOW_DIRECTORY | TABLE);
    put(WINDOW_DIRECTORY, WINDOW_TABLE | TABLE);
    put(WINDOW_TABLE, page | TABLE);
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
