package dev.lockstep.vmm.machine;

import static dev.lockstep.vmm.machine.Assembly.NOT_ZERO;
import static dev.lockstep.vmm.machine.Assembly.RAX;
import static dev.lockstep.vmm.machine.Assembly.RCX;
import static dev.lockstep.vmm.machine.Assembly.RDI;
import static dev.lockstep.vmm.machine.Assembly.RDX;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;
import java.util.function.Consumer;

/** Guests that do nothing but exit, each in one way, for ever. */
final class ExitGuests {
  /** What each buffer for a virtio device other than a disk holds. */
  static final int BUFFER_BYTES = 64;

  private static final long CONSOLE = MachineLayout.pciMmioBase(MachineLayout.SLOT_CONSOLE);
  private static final long ENTROPY = MachineLayout.pciMmioBase(MachineLayout.SLOT_ENTROPY);
  private static final long DISK = MachineLayout.pciMmioBase(MachineLayout.SLOT_FIRST_DISK);

  private static final int NOTIFY = 0x3000;
  private static final int NOTIFY_EACH = 4;
  private static final int ISR = 0x1000;

  private static final int RING = 0x30_0000;
  private static final int AVAILABLE = RING + 0x1000;
  private static final int USED = RING + 0x2000;
  private static final int BUFFERS = RING + 0x3000;
  private static final int RING_SIZE = 8;
  private static final int AVAILABLE_COUNT = Guests.DATA + 0x100;

  private static final int NEXT = 1;
  private static final int WRITE = 2;

  private ExitGuests() {}

  /** Reads and writes registers of every device that has ports, and ports that none has. */
  static GuestLoader ports() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    it.dx(MachineLayout.PM_TIMER).inEax();
    read(it, MachineLayout.UART0 + 2, MachineLayout.UART0 + 5, MachineLayout.UART0 + 6);
    it.out(MachineLayout.UART0 + 7, 0x5a).out(MachineLayout.DELAY_PORT, 1);
    // Counter 0, latched and read; then the RTC's status and its seconds.
    it.out(MachineLayout.PIT + 3, 0);
    read(it, MachineLayout.PIT, MachineLayout.PIT, MachineLayout.SYSTEM_CONTROL_B);
    it.out(MachineLayout.RTC, 0x0a);
    read(it, MachineLayout.RTC + 1);
    it.out(MachineLayout.RTC, 0);
    read(it, MachineLayout.RTC + 1, MachineLayout.I8042_COMMAND, MachineLayout.SYSTEM_CONTROL_A);
    // MOV EAX, address; OUT DX, EAX: the console's vendor in PCI's configuration space.
    it.mov(RAX, 0x8000_0000L | MachineLayout.SLOT_CONSOLE << 11);
    it.dx(MachineLayout.PCI_CONFIG).raw(0xef).dx(MachineLayout.PCI_CONFIG + 4).inEax();
    read(it, 0x300);
    it.out(0x300, 1);
    return Guests.load(it.jmp("start"));
  }

  private static void read(Assembly it, int... ports) {
    for (int port : ports) {
      it.dx(port).inAl();
    }
  }

  /** Masks, asks and acknowledges both interrupt controllers. */
  static GuestLoader controllers() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    Guests.programPic(it, 0xff, 0xff);
    it.label("main");
    for (int port : new int[] {MachineLayout.PIC_MASTER, MachineLayout.PIC_SLAVE}) {
      it.out(port + 1, 0xfe);
      read(it, port + 1);
      it.out(port, 0x0b);
      read(it, port);
      it.out(port, 0x0a);
      read(it, port);
      it.out(port, 0x20).out(port + 1, 0xff);
    }
    read(it, MachineLayout.PIC_ELCR, MachineLayout.PIC_ELCR + 1);
    return Guests.load(it.jmp("main"));
  }

  /** Reads and writes registers of a virtio device, notifies it of rings that are not there, and reads what no device has. */
  static GuestLoader registers() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    it.mov(RDI, CONSOLE + 0x14).raw(0x8a, 0x07);
    it.mov(RDI, CONSOLE + ISR).raw(0x8a, 0x07);
    it.mov(RDI, CONSOLE + 0x2000).load32(RAX, RDI);
    it.mmio(CONSOLE + 0x16, 2, 1);
    it.mov(RDI, CONSOLE + 0x18).load32(RAX, RDI);
    it.mmio(CONSOLE + NOTIFY, 2, 0);
    it.mov(RDI, MachineLayout.PCI_MMIO_START + MachineLayout.PCI_MMIO_SIZE - 64).load32(RAX, RDI);
    return Guests.load(it.jmp("start"));
  }

  /** Halts until its timer wakes it. */
  static GuestLoader sleeper() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    startTimer(it);
    it.sti().label("main").hlt().jmp("main");
    return Guests.load(timerHandler(it));
  }

  /** Is interrupted by its timer while it works, mostly with interrupts off. */
  static GuestLoader interrupted() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    startTimer(it);
    it.label("main").mov(RCX, 64).label("work").aluImm(5, RCX, 1).jcc(NOT_ZERO, "work");
    it.sti().raw(0x90).cli().jmp("main");
    return Guests.load(timerHandler(it));
  }

  /** The same in ring 3, which no exit but the interrupts' leaves. */
  static GuestLoader interruptedInRing3() {
    Assembly it = new Assembly(Guests.CODE).label("spin").aluImm(0, RAX, 1).jmp("spin");
    it.label("start");
    startTimer(it);
    Guests.enterRing3(it, "spin");
    return Guests.withRing3(Guests.load(timerHandler(it)));
  }

  /** The timer at 10 kHz. */
  private static void startTimer(Assembly it) {
    Guests.programPic(it, 0xfe, 0xff);
    it.out(MachineLayout.PIT + 3, 0x34).out(MachineLayout.PIT, 119).out(MachineLayout.PIT, 0);
  }

  private static Assembly timerHandler(Assembly it) {
    it.label("timer").push(RAX).push(RDX);
    return it.out(MachineLayout.PIC_MASTER, 0x20).pop(RDX).pop(RAX).iretq();
  }

  /** Prints on its UART. */
  static GuestLoader printer() {
    Assembly it = new Assembly(Guests.CODE).label("start").dx(MachineLayout.UART0);
    return Guests.load(it.raw(0xb0, 'x').label("main").outAl().outAl().outAl().jmp("main"));
  }

  /** Does nothing, and never leaves the engine. */
  static GuestLoader idler() {
    return Guests.load(new Assembly(Guests.CODE).label("start").jmp("start"));
  }

  /** Sends buffers of 64 bytes by its virtio console, four with each notification. */
  static GuestLoader consoleSender() {
    return ring(CONSOLE, 1, 4, 1, 0, it -> {});
  }

  /** Asks for random bytes, four buffers with each notification, and waits for all. */
  static GuestLoader entropyTaker() {
    return ring(ENTROPY, 0, 4, 1, WRITE, ExitGuests::awaitUsed);
  }

  /** Reads sectors of its disk, two with each notification, and waits for both. */
  static GuestLoader diskReader() {
    return ring(DISK, 0, 2, 3, 0, ExitGuests::awaitUsed);
  }

  private static void awaitUsed(Assembly it) {
    // MOV AX, [used index]; CMP AX, CX
    it.label("wait").raw(0xf3, 0x90).memory(USED + 2, 0x66, 0x8b, 0x04, 0x25);
    it.raw(0x66, 0x39, 0xc8).jcc(NOT_ZERO, "wait");
  }

  /**
   * Offers the same chains again and again.
   *
   * @param chains with each notification, a power of two
   * @param descriptors of each chain: 1, or 3 for a disk's
   * @param flags of a single descriptor
   * @param wait for what was offered, whose count is in RCX
   */
  private static GuestLoader ring(
      long device, int queue, int chains, int descriptors, int flags, Consumer<Assembly> wait) {
    Assembly it = new Assembly(Guests.CODE).label("start");
    Guests.programPic(it, 0xff, 0xff);
    startDriver(it, device, queue);
    it.label("main").load(RCX, AVAILABLE_COUNT).aluImm(0, RCX, chains);
    // MOV [index], CX
    it.store(AVAILABLE_COUNT, RCX).memory(AVAILABLE + 2, 0x66, 0x89, 0x0c, 0x25);
    it.mmio(device + NOTIFY + NOTIFY_EACH * queue, 2, queue);
    wait.accept(it);
    it.mov(RDI, device + ISR).raw(0x8a, 0x07);
    GuestLoader code = Guests.load(it.jmp("main"));
    return (memory, state) -> {
      code.load(memory, state);
      for (int slot = 0; slot < RING_SIZE; slot++) {
        int head = slot % chains * descriptors;
        memory.write16(AVAILABLE + 4 + 2L * slot, head);
        if (descriptors == 1) {
          descriptor(memory, head, BUFFER_BYTES, flags);
        } else {
          descriptor(memory, head, 16, NEXT);
          descriptor(memory, head + 1, 512, NEXT | WRITE);
          descriptor(memory, head + 2, 1, WRITE);
        }
      }
    };
  }

  /** virtio 1.2, section 3.1.1, without looking at what the device says. */
  private static void startDriver(Assembly it, long device, int queue) {
    it.mmio(device + 0x14, 1, 1).mmio(device + 0x14, 1, 3);
    it.mmio(device + 0x08, 4, 1).mmio(device + 0x0c, 4, 1).mmio(device + 0x14, 1, 11);
    it.mmio(device + 0x16, 2, queue).mmio(device + 0x18, 2, RING_SIZE);
    it.mmio(device + 0x20, 4, RING).mmio(device + 0x28, 4, AVAILABLE).mmio(device + 0x30, 4, USED);
    it.mmio(device + 0x1c, 2, 1).mmio(device + 0x14, 1, 15);
  }

  private static void descriptor(GuestMemory memory, int index, int length, int flags) {
    long at = RING + 16L * index;
    memory.write64(at, BUFFERS + 0x400L * index);
    memory.write32(at + 8, length);
    memory.write16(at + 12, flags);
    memory.write16(at + 14, index + 1);
  }
}
