package dev.lockstep.benchmarks.kvm;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.kvm.layout.kvm_dtable;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_segment;
import dev.lockstep.kvm.layout.kvm_sregs;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** A guest's first state in the kernel's structures, and the file in which C finds it and the memory. */
final class GuestFile {
  private GuestFile() {}

  /** Sets the registers of {@code kvm_regs} that a start needs. */
  static void setRegs(CpuState s, MemorySegment regs) {
    regs.fill((byte) 0);
    kvm_regs.rbx(regs, s.gpr[3]);
    kvm_regs.rsp(regs, s.gpr[4]);
    kvm_regs.rip(regs, s.rip);
    kvm_regs.rflags(regs, s.rflags | 2);
  }

  /** Sets {@code kvm_sregs}; what a {@link CpuState} does not have stays. */
  static void setSregs(CpuState s, MemorySegment sregs) {
    set(s.segments[CpuState.ES], kvm_sregs.es(sregs));
    set(s.segments[CpuState.CS], kvm_sregs.cs(sregs));
    set(s.segments[CpuState.SS], kvm_sregs.ss(sregs));
    set(s.segments[CpuState.DS], kvm_sregs.ds(sregs));
    set(s.segments[CpuState.FS], kvm_sregs.fs(sregs));
    set(s.segments[CpuState.GS], kvm_sregs.gs(sregs));
    set(s.segments[CpuState.LDTR], kvm_sregs.ldt(sregs));
    set(s.segments[CpuState.TR], kvm_sregs.tr(sregs));
    kvm_dtable.base(kvm_sregs.gdt(sregs), s.gdtBase);
    kvm_dtable.limit(kvm_sregs.gdt(sregs), (short) s.gdtLimit);
    kvm_dtable.base(kvm_sregs.idt(sregs), s.idtBase);
    kvm_dtable.limit(kvm_sregs.idt(sregs), (short) s.idtLimit);
    kvm_sregs.cr0(sregs, s.cr0);
    kvm_sregs.cr3(sregs, s.cr3);
    kvm_sregs.cr4(sregs, s.cr4);
    kvm_sregs.efer(sregs, s.efer);
  }

  private static void set(SegmentRegister from, MemorySegment into) {
    kvm_segment.selector(into, (short) from.selector);
    kvm_segment.base(into, from.base);
    kvm_segment.limit(into, (int) from.limit);
    kvm_segment.type(into, (byte) (from.access & 0xf));
    kvm_segment.s(into, (byte) (from.access >> 4 & 1));
    kvm_segment.dpl(into, (byte) (from.access >> 5 & 3));
    kvm_segment.present(into, (byte) (from.access >> 7 & 1));
    kvm_segment.avl(into, (byte) (from.access >> 12 & 1));
    kvm_segment.l(into, (byte) (from.access >> 13 & 1));
    kvm_segment.db(into, (byte) (from.access >> 14 & 1));
    kvm_segment.g(into, (byte) (from.access >> 15 & 1));
    kvm_segment.unusable(into, (byte) (from.usable() ? 0 : 1));
  }

  /**
   * Writes what {@code kvm-loops.c} reads. The image is the memory up to {@code imageBytes}; the rest is zeroes.
   */
  static void write(
      Path file, GuestMemory memory, int imageBytes, MemorySegment regs, MemorySegment sregs)
      throws IOException {
    ByteBuffer head = ByteBuffer.allocate(4 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    head.putLong(memory.size()).putLong(sregs.byteSize()).putLong(regs.byteSize());
    head.putLong(imageBytes);
    byte[] image = new byte[imageBytes];
    memory.read(0, image, 0, imageBytes);
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(head.array());
      out.write(sregs.toArray(ValueLayout.JAVA_BYTE));
      out.write(regs.toArray(ValueLayout.JAVA_BYTE));
      out.write(image);
    }
  }
}
