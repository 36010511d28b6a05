package dev.lockstep.vmm.machine;

import static dev.lockstep.vmm.machine.Assembly.NOT_ZERO;
import static dev.lockstep.vmm.machine.Assembly.RAX;
import static dev.lockstep.vmm.machine.Assembly.RBX;
import static dev.lockstep.vmm.machine.Assembly.RCX;
import static dev.lockstep.vmm.machine.Assembly.RDI;
import static dev.lockstep.vmm.machine.Assembly.RDX;
import static dev.lockstep.vmm.machine.Assembly.ZERO;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;

/**
 * The clockwork guest with a disk: keeps two reads and two writes in flight, at places that its hash says, and mixes status and
 * data of what completes into the hash. So what it prints depends on when each request completed and on what the disk held.
 */
public final class DiskGuest {
  public static final int DISK_BYTES = 1 << 20;

  private static final int SLOTS = 4;
  private static final int REQUEST_BYTES = 2048;
  private static final int QUEUE = 0x30_0000;
  private static final int AVAILABLE = QUEUE + 0x1000;
  private static final int USED = QUEUE + 0x2000;
  private static final int QUEUE_SIZE = 16;
  private static final int HEADERS = QUEUE + 0x4000;
  private static final int STATUS = QUEUE + 0x5000;
  private static final int BUFFERS = QUEUE + 0x10000;
  private static final int AVAILABLE_COUNT = Guests.DATA + 0x100;
  private static final int SEEN = Guests.DATA + 0x108;
  private static final int BUSY = Guests.DATA + 0x200;
  private static final long BAR = MachineLayout.pciMmioBase(MachineLayout.SLOT_FIRST_DISK);
  private static final long NOTIFY = BAR + 0x3000;
  private static final long ISR = BAR + 0x1000;

  private static final int DESCRIPTOR_NEXT = 1;
  private static final int DESCRIPTOR_WRITE = 2;

  private DiskGuest() {}

  public static GuestLoader create() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    // Master: timer, cascade and UART; slave: IRQ 10.
    Guests.programPic(it, 0xea, 0xfb);
    startDriver(it);
    Guests.programTimerAndUart(it);
    it.mov(RBX, 0x9e3779b97f4a7c15L).store(Guests.HASH, RBX).sti();
    Guests.mainLoop(it, 300);
    for (int slot = 0; slot < SLOTS; slot++) {
      submit(it, slot);
    }
    it.jmp("main");
    Guests.handlers(it, 32);
    completed(it);
    GuestLoader code = Guests.load(it);
    return (memory, state) -> {
      code.load(memory, state);
      descriptors(memory);
    };
  }

  /** virtio 1.2, section 3.1.1, without looking at what the device says. */
  private static void startDriver(Assembly it) {
    it.mmio(BAR + 0x14, 1, 1).mmio(BAR + 0x14, 1, 3);
    it.mmio(BAR + 0x08, 4, 0).mmio(BAR + 0x0c, 4, 1 << 9);
    it.mmio(BAR + 0x08, 4, 1).mmio(BAR + 0x0c, 4, 1).mmio(BAR + 0x14, 1, 11);
    it.mmio(BAR + 0x16, 2, 0).mmio(BAR + 0x18, 2, QUEUE_SIZE);
    it.mmio(BAR + 0x20, 4, QUEUE).mmio(BAR + 0x28, 4, AVAILABLE).mmio(BAR + 0x30, 4, USED);
    it.mmio(BAR + 0x1c, 2, 1).mmio(BAR + 0x14, 1, 15);
  }

  /** Each slot has its own three descriptors, header, buffer and status; even slots read, odd ones write. */
  private static void descriptors(GuestMemory memory) {
    for (int slot = 0; slot < SLOTS; slot++) {
      int id = 3 * slot;
      boolean write = slot % 2 == 1;
      memory.write32(HEADERS + 16L * slot, write ? 1 : 0);
      descriptor(memory, id, HEADERS + 16L * slot, 16, DESCRIPTOR_NEXT);
      int data = DESCRIPTOR_NEXT | (write ? 0 : DESCRIPTOR_WRITE);
      descriptor(memory, id + 1, BUFFERS + 4096L * id, REQUEST_BYTES, data);
      descriptor(memory, id + 2, STATUS + id, 1, DESCRIPTOR_WRITE);
    }
  }

  private static void descriptor(GuestMemory memory, int id, long address, int length, int flags) {
    memory.write64(QUEUE + 16L * id, address);
    memory.write32(QUEUE + 16L * id + 8, length);
    memory.write16(QUEUE + 16L * id + 12, flags);
    memory.write16(QUEUE + 16L * id + 14, id + 1);
  }

  private static void submit(Assembly it, int slot) {
    int id = 3 * slot;
    String skip = "skip" + slot;
    it.load(RAX, BUSY + 8 * id).alu(0x85, RAX, RAX).jcc(NOT_ZERO, skip);
    it.load(RAX, Guests.HASH).shr(RAX, 3 + 5 * slot).aluImm(4, RAX, 0x3ff);
    it.store(HEADERS + 16 * slot + 8, RAX);
    if (slot % 2 == 1) {
      it.load(RAX, Guests.HASH).store(BUFFERS + 4096 * id, RAX);
    }
    it.mov(RAX, 1).store(BUSY + 8 * id, RAX);
    it.load(RCX, AVAILABLE_COUNT).movReg(RDX, RCX).aluImm(4, RDX, QUEUE_SIZE - 1);
    // MOV word [RDX * 2 + ring], id
    it.memory(AVAILABLE + 4, 0x66, 0xc7, 0x04, 0x55).word(id);
    it.aluImm(0, RCX, 1).store(AVAILABLE_COUNT, RCX);
    // MOV [index], CX
    it.memory(AVAILABLE + 2, 0x66, 0x89, 0x0c, 0x25);
    it.mmio(NOTIFY, 2, 0).label(skip);
  }

  private static void completed(Assembly it) {
    it.label("disk").push(RAX).push(RCX).push(RDX).push(RDI);
    // Reading the interrupt status releases the line. MOVZX EAX, byte [RDI]
    it.mov(RDI, ISR).raw(0x0f, 0xb6, 0x07);
    // MOVZX EAX, word [used index]; CMP AX, CX
    it.label("next").memory(USED + 2, 0x0f, 0xb7, 0x04, 0x25).load(RCX, SEEN);
    it.raw(0x66, 0x39, 0xc8).jcc(ZERO, "done");
    it.movReg(RDX, RCX).aluImm(4, RDX, QUEUE_SIZE - 1).aluImm(0, RCX, 1).store(SEEN, RCX);
    // MOV EAX, [RDX * 8 + ring]
    it.memory(USED + 4, 0x8b, 0x04, 0xd5);
    // MOV qword [RAX * 8 + busy], 0
    it.memory(BUSY, 0x48, 0xc7, 0x04, 0xc5).dword(0);
    // MOVZX ECX, byte [RAX + status]; SHL RAX, 12; MOV RAX, [RAX + buffers]
    it.memory(STATUS, 0x0f, 0xb6, 0x88).raw(0x48, 0xc1, 0xe0, 12);
    it.memory(BUFFERS, 0x48, 0x8b, 0x80);
    it.call("mix").movReg(RAX, RCX).call("mix").jmp("next");
    it.label("done");
    it.out(MachineLayout.PIC_SLAVE, 0x20).out(MachineLayout.PIC_MASTER, 0x20);
    it.pop(RDI).pop(RDX).pop(RCX).pop(RAX).iretq();
  }
}
