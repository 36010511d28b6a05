package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The same on this host's KVM, as far as its kinds of exits are others than the software CPU's. Where ring 0 is emulated a guest that its timer interrupts at work does not get on, so that one halts for it.
 */
class KvmMachineAllocationTest {
  /** The guest that waits makes twenty thousand a second. */
  private static final ExitAllocation ALLOCATION = new ExitAllocation(60_000, 60_000, 0, 0);

  @TempDir Path folder;

  /** A guest that writes nothing to a log. */
  private record Case(String name, GuestLoader guest, Pacing pacing) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        new Case("ports of devices", ExitGuests.ports(), Pacing.FREE),
        new Case("interrupt controllers", ExitGuests.controllers(), Pacing.FREE),
        new Case("registers of a virtio device", ExitGuests.registers(), Pacing.FREE),
        new Case("HLT and timer", ExitGuests.sleeper(), Pacing.FREE),
        new Case("HLT and timer, waiting", ExitGuests.sleeper(), Pacing.HOST));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void anExitAllocatesNothing(Case it) throws Exception {
    KvmMachines kvm = KvmMachines.need("it is not tested that a machine's exits allocate nothing");
    MachineSpec spec = ExitAllocation.withoutDigests(KvmMachines.spec("allocates", it.pacing()));
    try (Machine machine = kvm.create(spec, it.guest())) {
      ALLOCATION.check(machine, new FileLogSink(folder.resolve("log")), it + ", on kvm");
    }
  }
}
