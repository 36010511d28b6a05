package dev.lockstep.vmm.machine;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.config.KvmEngine;
import java.nio.file.Files;
import java.util.List;
import java.util.TreeMap;

/** Machines for tests, on this host's KVM. */
final class KvmMachines {
  private final MachineFactory factory = new MachineFactory("kvm", KvmEngine.ofThisHost());

  private KvmMachines() {}

  /** Skips the test, by name, where there is no KVM. */
  static KvmMachines need(String what) {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: " + what);
    return new KvmMachines();
  }

  Machine create(String name, GuestLoader guest) {
    return create(spec(name, MachineSpec.Pacing.FREE), guest);
  }

  Machine create(MachineSpec spec, GuestLoader guest) {
    return factory.create(spec, List.of(), guest);
  }

  static MachineSpec spec(String name, MachineSpec.Pacing pacing) {
    return new MachineSpec(
        name,
        CpuModel.LOCKSTEP_V1,
        BranchSemantics.ALL_TRANSFERS,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        pacing,
        // Outputs leave at boundaries, and there is one at each digest at the latest.
        1 << 12,
        new TreeMap<>());
  }

  /** Prints a byte, counts in memory until one comes in by the console, and ends with that as exit code. */
  static GuestLoader countsUntilTyped() {
    Assembly it = new Assembly(Guests.CODE).label("start").out(MachineLayout.UART0, 'R');
    it.label("wait").mov(Assembly.RCX, 20);
    it.label("count").load(Assembly.RBX, Guests.DATA).aluImm(0, Assembly.RBX, 1);
    it.store(Guests.DATA, Assembly.RBX).aluImm(5, Assembly.RCX, 1);
    it.jcc(Assembly.NOT_ZERO, "count");
    it.dx(MachineLayout.UART0 + 5).inAl().testAl(1).jcc(Assembly.ZERO, "wait");
    it.dx(MachineLayout.UART0).inAl().dx(MachineLayout.DEBUG_EXIT).outAl();
    return Guests.load(it);
  }

  /** Prints a byte and never leaves the CPU again. */
  static GuestLoader spins() {
    Assembly it = new Assembly(Guests.CODE).label("start").out(MachineLayout.UART0, 'S');
    return Guests.load(it.label("spin").jmp("spin"));
  }

  /** Writes to a port for ever. */
  static GuestLoader writes() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    return Guests.load(it.label("again").out(MachineLayout.UART0, 'W').jmp("again"));
  }

  /** Stores to memory and waits for its timer's interrupts, for ever. */
  static GuestLoader sleeps() {
    Assembly it = new Assembly(Guests.CODE).label("start");
    Guests.programPic(it, 0xfe, 0xff);
    Guests.programTimerAndUart(it);
    it.sti().label("sleep").store(Guests.BUFFER, Assembly.RAX).hlt().jmp("sleep");
    it.label("timer").push(Assembly.RAX).out(MachineLayout.PIC_MASTER, 0x20).pop(Assembly.RAX);
    return Guests.load(it.iretq());
  }
}
