package dev.lockstep.vmm;

import dev.lockstep.engine.GuestMemory;
import java.util.List;

/**
 * The small PC's map, stated here alone: guest-physical memory, where boot data lies, ports,
 * interrupt lines, and PCI slots. All addresses are guest-physical, sizes are bytes.
 */
public final class MachineLayout {
  private MachineLayout() {}

  // Memory. RAM fills everything from 0 up to the hole, and goes on above 4 GiB. The legacy hole
  // (0xa0000..0xfffff) is memory as well: it reads zero to the kernel's searches for tables of a
  // firmware that is not there, without an exit for each byte. E820 does not offer it for use.

  /** Least memory a machine can have. */
  public static final long MIN_MEMORY = 64L << 20;

  /** End of memory below 4 GiB, and begin of the hole for devices. */
  public static final long HOLE_START = 0xc000_0000L;

  /** End of the hole, and begin of the rest of memory. */
  public static final long HOLE_END = 0x1_0000_0000L;

  /** First address of PCI memory BARs. */
  public static final long PCI_MMIO_START = 0xe000_0000L;

  /** Bytes for PCI memory BARs. */
  public static final long PCI_MMIO_SIZE = 0x1000_0000L;

  /** Bytes of address space set aside for each PCI slot's BARs, ascending from the start. */
  public static final long PCI_MMIO_PER_SLOT = 0x10_0000L;

  /** End of usable conventional memory; above it lies what would be the extended BIOS data area. */
  public static final long LOW_MEMORY_END = 0x9_fc00L;

  /** Begin of memory above the legacy hole; 64-bit kernels are loaded from here on. */
  public static final long HIGH_MEMORY_START = 0x10_0000L;

  // Boot data, all in conventional memory.

  /** Global descriptor table for the 64-bit boot protocol. */
  public static final long BOOT_GDT = 0x500;

  /** An empty interrupt descriptor table. */
  public static final long BOOT_IDT = 0x520;

  /** {@code struct boot_params}, one page. */
  public static final long BOOT_PARAMS = 0x7000;

  /** Top of the first stack. */
  public static final long BOOT_STACK_TOP = 0x8ff0;

  /** First of the boot page tables; PML4, one PDPT, then PDs. */
  public static final long BOOT_PAGE_TABLES = 0x9000;

  /** First byte after the room for boot page tables. */
  public static final long BOOT_PAGE_TABLES_END = 0x2_0000;

  /** The kernel's command line. */
  public static final long BOOT_COMMAND_LINE = 0x2_0000;

  /** Room for the command line with its final zero. */
  public static final int BOOT_COMMAND_LINE_SIZE = 0x1000;

  /** First {@code struct setup_data} (boot seed). */
  public static final long BOOT_SETUP_DATA = 0x2_1000;

  /** First byte after the room for setup data. */
  public static final long BOOT_SETUP_DATA_END = 0x2_2000;

  // Ports. Each names the first port; windows follow the devices' own offsets.

  /** 8259A pair: command and data of the first. */
  public static final int PIC_MASTER = 0x20;

  /** 8259A pair: command and data of the second. */
  public static final int PIC_SLAVE = 0xa0;

  /** Edge/level control registers of both. */
  public static final int PIC_ELCR = 0x4d0;

  /** 8254: three counters and the control word. */
  public static final int PIT = 0x40;

  /** System control port B: gate and output of PIT channel 2. */
  public static final int SYSTEM_CONTROL_B = 0x61;

  /** i8042 data. */
  public static final int I8042_DATA = 0x60;

  /** i8042 status and command. */
  public static final int I8042_COMMAND = 0x64;

  /** System control port A: A20 and fast reset. */
  public static final int SYSTEM_CONTROL_A = 0x92;

  /** MC146818: index and data. */
  public static final int RTC = 0x70;

  /** The port to which firmware and Linux write to pass time; writes go nowhere. */
  public static final int DELAY_PORT = 0x80;

  /**
   * The virtual time-stamp counter, for RDTSC that was patched into IN EAX, imm8: EAX is its low half, and EDX becomes its
   * high half. Nothing of a PC is there that Linux would look for.
   */
  public static final int TSC = 0xe0;

  /**
   * The first of the ports by which patched code calls the machine with OUT imm8, AL, in kernels whose reads of the time-stamp
   * counter are made exact: the entry of the #GP handler, a module whose text is in place, MOV to CR4, MOV from CR4. No device
   * answers there.
   */
  public static final int TSC_STOPS = 0xe4;

  /** 16550A, COM1. */
  public static final int UART0 = 0x3f8;

  /** Debug exit: the value written is the VM's exit code. */
  public static final int DEBUG_EXIT = 0xf4;

  /** ACPI PM timer, 32 bits of which 24 count; Linux is told by {@code pmtmr=0x608}. */
  public static final int PM_TIMER = 0x608;

  /** PCI configuration mechanism 1: address, then data. */
  public static final int PCI_CONFIG = 0xcf8;

  // Interrupt lines of the 8259A pair.

  /** PIT channel 0. */
  public static final int IRQ_PIT = 0;

  /** i8042, keyboard. */
  public static final int IRQ_KEYBOARD = 1;

  /** COM1. */
  public static final int IRQ_UART0 = 4;

  /** MC146818. */
  public static final int IRQ_RTC = 8;

  /** i8042, auxiliary port. */
  public static final int IRQ_AUX = 12;

  private static final int[] PCI_IRQS = {10, 11};

  // PCI slots on bus 0, function 0.

  /** Host bridge. */
  public static final int SLOT_HOST_BRIDGE = 0;

  /** virtio entropy. */
  public static final int SLOT_ENTROPY = 1;

  /** virtio console. */
  public static final int SLOT_CONSOLE = 2;

  /** virtio network. */
  public static final int SLOT_NETWORK = 3;

  /** First of the slots for disks, in order of the configuration. */
  public static final int SLOT_FIRST_DISK = 4;

  /** How many disks a machine can have. */
  public static final int MAX_DISKS = 16;

  /**
   * The interrupt line of a PCI slot's pin INTA#; neighbours take turns, so disks 0 and 2 share.
   */
  public static int pciIrq(int slot) {
    return PCI_IRQS[slot % PCI_IRQS.length];
  }

  /**
   * The lines that PCI devices use, as ELCR bits (bit n is IRQ n): preset to level, since Linux
   * does not set them without a routing table.
   */
  public static int levelTriggeredIrqs() {
    int bits = 0;
    for (int irq : PCI_IRQS) {
      bits |= 1 << irq;
    }
    return bits;
  }

  /** Where a PCI slot's BARs begin. */
  public static long pciMmioBase(int slot) {
    return PCI_MMIO_START + slot * PCI_MMIO_PER_SLOT;
  }

  /**
   * The regions of a machine's memory over a mapping of {@code memory} bytes.
   *
   * @param memory bytes; at least {@link #MIN_MEMORY}, a multiple of the page size
   */
  public static List<GuestMemory.Region> memoryRegions(long memory) {
    if (memory < MIN_MEMORY) {
      throw new IllegalArgumentException("memory of %d bytes".formatted(memory));
    }
    if (memory <= HOLE_START) {
      return List.of(new GuestMemory.Region(0, memory, 0));
    }
    return List.of(
        new GuestMemory.Region(0, HOLE_START, 0),
        new GuestMemory.Region(HOLE_END, memory - HOLE_START, HOLE_START));
  }
}
