package dev.lockstep.softcpu.system;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.softcpu.Translation;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * Runs a case on the software CPU, with as much of a PC around it as the cases touch: QEMU's debug console and exit ports, its firmware configuration's DMA, a HPET's identification, and a local APIC
 * that sends interrupts and NMIs to itself.
 */
final class SoftPlatform {
  /** How the vCPU is driven. */
  enum Drive {
    /** From exit to exit. */
    RUN,
    /** One instruction at a time. */
    STEP,
    /** In short runs, the whole state moved to a new vCPU at random boundaries. */
    MOVE
  }

  private static final int DEBUG_CONSOLE = 0xe9;
  private static final int DEBUG_EXIT = 0xf4;
  private static final int DMA_LOW = 0x518;
  private static final long HPET = 0xfed0_0000L;
  private static final long HPET_IDENTIFICATION = 0x0098_9680_8086_a201L;
  private static final long APIC_COMMAND = 0xfee0_0300L;
  private static final int MAX_EXITS = 500_000;
  private static final long MAX_BRANCHES = 5_000_000;

  private final Image image;
  private final Drive drive;
  private final Random random;
  private final Arena arena = Arena.ofConfined();
  private final GuestMemory memory;
  private SoftVcpu cpu;
  private final Deque<Integer> interrupts = new ArrayDeque<>();
  private boolean ended;
  private boolean shutdown;

  private final Translation translation;

  private SoftPlatform(Image image, Drive drive, long seed, Translation translation) {
    this.translation = translation;
    this.image = image;
    this.drive = drive;
    this.random = new Random(seed);
    this.memory =
        new GuestMemory(
            arena.allocate(Layout.MEMORY), List.of(new GuestMemory.Region(0, Layout.MEMORY, 0)));
    memory.write(Layout.IMAGE, image.bytes, 0, image.bytes.length);
    this.cpu = newCpu();
    cpu.setState(multibootState());
  }

  /**
   * @param seed of the boundaries at which {@link Drive#MOVE} moves
   * @return the log, and a last line "shutdown" where that is how it ended
   */
  static List<String> run(Image image, Drive drive, long seed, Translation translation) {
    SoftPlatform platform = new SoftPlatform(image, drive, seed, translation);
    try {
      return platform.run();
    } finally {
      platform.cpu.close();
      platform.arena.close();
    }
  }

  private SoftVcpu newCpu() {
    return SoftVcpu.create(
        CpuModel.LOCKSTEP_V1_TSC,
        memory,
        count -> count,
        BranchSemantics.ALL_TRANSFERS,
        translation);
  }

  /** 32-bit protected mode, flat segments, paging off: as multiboot loaders leave it. */
  private CpuState multibootState() {
    CpuState s = new CpuState();
    s.rip = image.entry;
    s.cr0 = 0x11;
    s.segments[CpuState.CS].set(0x10, 0, 0xffff_ffffL, 0xc09b);
    for (int i : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      s.segments[i].set(0x18, 0, 0xffff_ffffL, 0xc093);
    }
    return s;
  }

  private List<String> run() {
    for (int exits = 0; !ended; exits++) {
      if (exits == MAX_EXITS || cpu.branchCount() >= MAX_BRANCHES) {
        throw new IllegalStateException("the case does not end; it is at " + cpu.point());
      }
      if (!interrupts.isEmpty() && cpu.interruptible()) {
        cpu.injectInterrupt(interrupts.remove());
      }
      cpu.requestInterruptWindow(!interrupts.isEmpty());
      handle(advance());
    }
    byte[] log = new byte[64 + 64 * Layout.LOG_ENTRIES];
    memory.read(Layout.LOG, log, 0, log.length);
    List<String> lines = new ArrayList<>(image.lines(log));
    if (shutdown) {
      lines.add("shutdown");
    }
    return lines;
  }

  private VcpuExit advance() {
    return switch (drive) {
      case RUN -> cpu.run(MAX_BRANCHES);
      case STEP -> cpu.step();
      case MOVE -> {
        VcpuExit exit = cpu.run(cpu.branchCount() + random.nextInt(40));
        if (exit == VcpuExit.Deadline.DEADLINE) {
          move();
        }
        yield exit;
      }
    };
  }

  private void move() {
    CpuState state = new CpuState();
    cpu.getState(state);
    long count = cpu.branchCount();
    cpu.close();
    cpu = newCpu();
    cpu.setBranchCount(count);
    cpu.setState(state);
  }

  private void handle(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortWrite out -> portWrite(out.port(), out.value());
      case VcpuExit.PortRead in -> in.complete(-1);
      case VcpuExit.MmioRead read -> read.complete(device(read.address(), read.width()));
      case VcpuExit.MmioWrite write -> deviceWrite(write.address(), write.value());
      case VcpuExit.MsrRead refused -> {}
      case VcpuExit.MsrWrite refused -> {}
      case VcpuExit.Halt halted -> {
        if (interrupts.isEmpty()) {
          throw new IllegalStateException("the case halted for ever at " + cpu.point());
        }
      }
      case VcpuExit.Shutdown down -> {
        shutdown = true;
        ended = true;
      }
      case VcpuExit.Unsupported u ->
          throw new IllegalStateException("%s at %#x".formatted(u.what(), u.rip()));
      case VcpuExit.InterruptWindow open -> {}
      case VcpuExit.Deadline limit -> {}
      case VcpuExit.Stepped stepped -> {}
      case VcpuExit.Kicked kicked -> {}
      case VcpuExit.PointReached reached -> {}
      case VcpuExit.PointMissed missed -> {}
    }
  }

  private void portWrite(int port, int value) {
    switch (port) {
      case DEBUG_EXIT -> ended = true;
      case DMA_LOW -> transfer(Integer.reverseBytes(value) & 0xffff_ffffL);
      default -> {
        // The debug console's bytes are read from memory; nothing else is there.
        if (port != DEBUG_CONSOLE) {
          return;
        }
      }
    }
  }

  /** QEMU's fw_cfg DMA (docs/specs/fw_cfg.rst): reads item 0, the signature, into guest memory. */
  private void transfer(long command) {
    int length = Integer.reverseBytes(memory.read32(command + 4));
    long target = Long.reverseBytes(memory.read64(command + 8));
    byte[] signature = {'Q', 'E', 'M', 'U'};
    memory.write(target, signature, 0, length);
    memory.write32(command, 0);
  }

  private static long device(long address, int width) {
    long within = address - HPET;
    if (within >= 0 && within < 8) {
      return HPET_IDENTIFICATION >>> 8 * within;
    }
    return -1;
  }

  /** The APIC's interrupt command: to itself, fixed or NMI (SDM vol. 3A 11.6.1). */
  private void deviceWrite(long address, long value) {
    if (address != APIC_COMMAND) {
      return;
    }
    int mode = (int) value >>> 8 & 7;
    if (mode == 4) {
      cpu.injectNmi();
    } else {
      interrupts.add((int) value & 0xff);
    }
  }
}
