package dev.lockstep.vmm.machine;

import static dev.lockstep.vmm.machine.Assembly.NOT_ZERO;
import static dev.lockstep.vmm.machine.Assembly.RAX;
import static dev.lockstep.vmm.machine.Assembly.RBX;
import static dev.lockstep.vmm.machine.Assembly.RCX;
import static dev.lockstep.vmm.machine.Assembly.RDI;
import static dev.lockstep.vmm.machine.Assembly.RDX;
import static dev.lockstep.vmm.machine.Assembly.RSI;
import static dev.lockstep.vmm.machine.Assembly.ZERO;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;

/**
 * The clockwork guest with a network interface: mixes eight bytes of every frame that it receives into its hash, writes the hash in their place and sends the frame back; sends a frame of its own with the hash
 * now and then; and announces its interface when it is asked to, with an 'N' on its UART. So every frame that it sends depends on when everything happened to it.
 */
public final class NetworkGuest {
  /** Where the hash is in every frame that it sends; what it receives must reach beyond it. */
  public static final int HASH_AT = 14;

  /** The length of the frames that it sends of its own. */
  public static final int OWN_BYTES = 60;

  private static final int SIZE = 16;
  private static final int OWN = SIZE - 1;
  private static final int QUEUES = 0x30_0000;
  private static final int RECEIVE = QUEUES;
  private static final int TRANSMIT = QUEUES + 0x4000;
  private static final int CONTROL = QUEUES + 0x8000;
  private static final int AVAILABLE = 0x1000;
  private static final int USED = 0x2000;
  private static final int COMMAND = QUEUES + 0xc000;
  private static final int BUFFERS = 0x34_0000;
  private static final int HEADER = 12;
  private static final int SEEN = Guests.DATA + 0x100;
  private static final int RECEIVE_COUNT = Guests.DATA + 0x108;
  private static final int TRANSMIT_COUNT = Guests.DATA + 0x110;
  private static final int CONTROL_COUNT = Guests.DATA + 0x118;
  private static final long BAR = MachineLayout.pciMmioBase(MachineLayout.SLOT_NETWORK);
  private static final long ISR = BAR + 0x1000;
  private static final long STATUS = BAR + 0x2000 + 6;
  private static final long NOTIFY = BAR + 0x3000;
  private static final int DESCRIPTOR_NEXT = 1;
  private static final int DESCRIPTOR_WRITE = 2;

  private NetworkGuest() {}

  public static GuestLoader create() {
    return create(300, true);
  }

  /** The same for a CPU without a time-stamp counter. */
  public static GuestLoader createWithoutCounter() {
    return create(20, false);
  }

  private static GuestLoader create(int work, boolean counter) {
    Assembly it = new Assembly(Guests.CODE).label("start");
    // Master: timer, cascade and UART; slave: IRQ 11.
    Guests.programPic(it, 0xea, 0xf7);
    startDriver(it);
    Guests.programTimerAndUart(it);
    it.mov(RBX, 0x9e3779b97f4a7c15L).store(Guests.HASH, RBX).sti();
    Guests.mainLoop(it, work, counter);
    sendOwn(it);
    it.jmp("main");
    Guests.handlers(it, 32);
    interrupt(it);
    GuestLoader code = Guests.load(it);
    return (memory, state) -> {
      code.load(memory, state);
      queues(memory);
    };
  }

  /** virtio 1.2, section 3.1.1, without looking at what the device says; a control queue and announcements are wanted. */
  private static void startDriver(Assembly it) {
    it.mmio(BAR + 0x14, 1, 1).mmio(BAR + 0x14, 1, 3);
    it.mmio(BAR + 0x08, 4, 0).mmio(BAR + 0x0c, 4, 1 << 17 | 1 << 21);
    it.mmio(BAR + 0x08, 4, 1).mmio(BAR + 0x0c, 4, 1).mmio(BAR + 0x14, 1, 11);
    int index = 0;
    for (int queue : new int[] {RECEIVE, TRANSMIT, CONTROL}) {
      it.mmio(BAR + 0x16, 2, index++).mmio(BAR + 0x18, 2, SIZE);
      it.mmio(BAR + 0x20, 4, queue).mmio(BAR + 0x28, 4, queue + AVAILABLE);
      it.mmio(BAR + 0x30, 4, queue + USED).mmio(BAR + 0x1c, 2, 1);
    }
    it.mmio(BAR + 0x14, 1, 15);
  }

  /** A buffer is received into and sent from; the last is for frames of the guest's own. */
  private static void queues(GuestMemory memory) {
    for (int id = 0; id < SIZE; id++) {
      descriptor(memory, RECEIVE, id, BUFFERS + 2048L * id, 2048, DESCRIPTOR_WRITE);
      descriptor(memory, TRANSMIT, id, BUFFERS + 2048L * id, HEADER + OWN_BYTES, 0);
      memory.write16(RECEIVE + AVAILABLE + 4 + 2L * id, id);
    }
    memory.write16(RECEIVE + AVAILABLE + 2, OWN);
    memory.write64(RECEIVE_COUNT, OWN);
    // Neither for what was sent nor for commands is an interrupt wanted.
    memory.write16(TRANSMIT + AVAILABLE, 1);
    memory.write16(CONTROL + AVAILABLE, 1);
    memory.write16(COMMAND, 3);
    descriptor(memory, CONTROL, 0, COMMAND, 2, DESCRIPTOR_NEXT);
    descriptor(memory, CONTROL, 1, COMMAND + 8, 1, DESCRIPTOR_WRITE);
  }

  private static void descriptor(
      GuestMemory memory, int queue, int id, long address, int length, int flags) {
    memory.write64(queue + 16L * id, address);
    memory.write32(queue + 16L * id + 8, length);
    memory.write16(queue + 16L * id + 12, flags);
    memory.write16(queue + 16L * id + 14, id + 1);
  }

  private static void sendOwn(Assembly it) {
    it.cli().load(RAX, Guests.HASH).testAl(0x70).jcc(NOT_ZERO, "nothing");
    it.store(BUFFERS + 2048 * OWN + HEADER + HASH_AT, RAX).mov(RSI, OWN).call("send");
    it.label("nothing").sti();
  }

  /** Sends the buffer whose number is in RSI; clobbers RAX, RCX, RDX and RDI. */
  private static void sendRoutine(Assembly it) {
    it.label("send");
    offer(it, TRANSMIT, TRANSMIT_COUNT);
    it.mmio(NOTIFY + 4, 2, 1).ret();
  }

  /** Makes the buffer whose number is in RSI available; clobbers RCX and RDX. */
  private static void offer(Assembly it, int queue, int count) {
    it.load(RCX, count).movReg(RDX, RCX).aluImm(4, RDX, SIZE - 1);
    // MOV [RDX * 2 + ring], SI
    it.memory(queue + AVAILABLE + 4, 0x66, 0x89, 0x34, 0x55);
    it.aluImm(0, RCX, 1).store(count, RCX);
    // MOV [index], CX
    it.memory(queue + AVAILABLE + 2, 0x66, 0x89, 0x0c, 0x25);
  }

  private static void interrupt(Assembly it) {
    sendRoutine(it);
    it.label("network").push(RAX).push(RCX).push(RDX).push(RSI).push(RDI);
    // Reading the interrupt status releases the line. MOVZX EAX, byte [RDI]
    it.mov(RDI, ISR).raw(0x0f, 0xb6, 0x07).testAl(2).jcc(ZERO, "received");
    announce(it);
    // MOVZX EAX, word [used index]; CMP AX, CX
    it.label("received").memory(RECEIVE + USED + 2, 0x0f, 0xb7, 0x04, 0x25).load(RCX, SEEN);
    it.raw(0x66, 0x39, 0xc8).jcc(ZERO, "none");
    it.movReg(RDX, RCX).aluImm(4, RDX, SIZE - 1).aluImm(0, RCX, 1).store(SEEN, RCX);
    // MOV RAX, [RDX * 8 + ring]: the number, and above it the length; MOV ESI, EAX; SHR RAX, 32
    it.memory(RECEIVE + USED + 4, 0x48, 0x8b, 0x04, 0xd5).raw(0x89, 0xc6).shr(RAX, 32);
    // SHL RCX, 4; MOV [RCX + length], EAX
    it.movReg(RCX, RSI).raw(0x48, 0xc1, 0xe1, 4).memory(TRANSMIT + 8, 0x89, 0x81);
    // SHL RCX, 11; MOV RAX, [RCX + frame]; …; MOV [RCX + frame], RAX
    it.movReg(RCX, RSI).raw(0x48, 0xc1, 0xe1, 11);
    it.memory(BUFFERS + HEADER + HASH_AT, 0x48, 0x8b, 0x81).call("mix");
    it.memory(BUFFERS + HEADER + HASH_AT, 0x48, 0x89, 0x81).call("send");
    offer(it, RECEIVE, RECEIVE_COUNT);
    it.jmp("received").label("none");
    it.out(MachineLayout.PIC_SLAVE, 0x20).out(MachineLayout.PIC_MASTER, 0x20);
    it.pop(RDI).pop(RSI).pop(RDX).pop(RCX).pop(RAX).iretq();
  }

  private static void announce(Assembly it) {
    it.mov(RDI, STATUS).raw(0x0f, 0xb6, 0x07).testAl(2).jcc(ZERO, "received");
    it.call("mix").out(MachineLayout.UART0, 'N');
    it.load(RCX, CONTROL_COUNT).aluImm(0, RCX, 1).store(CONTROL_COUNT, RCX);
    it.memory(CONTROL + AVAILABLE + 2, 0x66, 0x89, 0x0c, 0x25).mmio(NOTIFY + 8, 2, 2);
  }
}
