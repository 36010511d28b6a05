package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_segment;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.preflight.Preflight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The handles on the host's own /dev/kvm, with guests of a few bytes in flat 32-bit protected mode. */
@Timeout(60)
final class KvmTest {
  private static final long CODE = 0x1000;
  private static final int MEMORY = 1 << 20;

  @BeforeEach
  void deviceIsThere() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the KVM bindings are not tested");
  }

  @Test
  void anAbsentDeviceIsRefusedWithAdvice() {
    assertThatThrownBy(() -> Kvm.open(Path.of("/dev/no-such-kvm")))
        .isInstanceOfSatisfying(
            KvmException.class,
            e -> {
              assertThat(e).hasMessage("open /dev/no-such-kvm: ENOENT (no such file)");
              assertThat(e.advice()).contains("--engine soft");
            });
  }

  @Test
  void aDeviceThatIsNotKvmIsRefused() {
    assertThatThrownBy(() -> Kvm.open(Path.of("/dev/null")))
        .isInstanceOf(KvmException.class)
        .hasMessageContaining("KVM_GET_API_VERSION")
        .hasMessageContaining("ENOTTY");
  }

  @Test
  void tellsWhatTheHostHas() {
    try (Kvm kvm = Kvm.open()) {
      assertThat(kvm.has(Capability.USER_MEMORY)).isTrue();
      assertThat(kvm.check(Capability.NR_MEMSLOTS)).isGreaterThan(8);
      assertThat(kvm.vcpuMmapSize()).isGreaterThanOrEqualTo((int) kvm_run.sizeof());
      assertThat(kvm.supportedCpuid()).anyMatch(entry -> entry.function() == 1);
      assertThat(kvm.msrIndices()).contains(0xc0000082);
    }
  }

  @Test
  void aGuestWritesToAPortAndHalts() {
    // mov al, 0x5a; out 0x10, al; hlt
    try (Guest guest = new Guest(0xb0, 0x5a, 0xe6, 0x10, 0xf4)) {
      guest.vcpu.bindToThread();
      assertThat(guest.vcpu.run()).isZero();
      MemorySegment run = guest.vcpu.runArea();
      assertThat(kvm_run.exit_reason(run)).isEqualTo(LinuxKvm.KVM_EXIT_IO());
      MemorySegment io = kvm_run.io(run);
      assertThat(kvm_run.io.direction(io)).isEqualTo((byte) LinuxKvm.KVM_EXIT_IO_OUT());
      assertThat(kvm_run.io.port(io)).isEqualTo((short) 0x10);
      assertThat(run.get(ValueLayout.JAVA_BYTE, kvm_run.io.data_offset(io))).isEqualTo((byte) 0x5a);
      assertThat(guest.vcpu.run()).isZero();
      assertThat(kvm_run.exit_reason(run)).isEqualTo(LinuxKvm.KVM_EXIT_HLT());
    }
  }

  @Test
  void theDirtyLogNamesThePageThatWasWritten() {
    // mov byte [0x5123], 1; hlt
    try (Guest guest = new Guest(0xc6, 0x05, 0x23, 0x51, 0, 0, 1, 0xf4)) {
      guest.slot.setLogDirty(true);
      guest.vcpu.bindToThread();
      assertThat(guest.vcpu.run()).isZero();
      MemorySegment bitmap = guest.arena.allocate(guest.slot.bitmapBytes(), 8);
      guest.slot.dirtyLog(bitmap);
      assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0) & 1L << 5).isNotZero();
      guest.slot.dirtyLog(bitmap);
      assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0)).isZero();
    }
  }

  @Test
  void aKickEndsALoop() throws InterruptedException {
    // jmp $
    try (Guest guest = new Guest(0xeb, 0xfe)) {
      guest.vcpu.bindToThread();
      for (int i = 0; i < 100; i++) {
        CountDownLatch started = new CountDownLatch(1);
        Thread kicker =
            Thread.ofPlatform()
                .start(() -> {
                  started.countDown();
                  guest.vcpu.kick();
                  guest.vcpu.kick();
                });
        started.await();
        int echoes = 0;
        while (true) {
          assertThat(guest.vcpu.run()).isEqualTo(-Errno.EINTR);
          if (guest.vcpu.takeKick()) {
            break;
          }
          assertThat(++echoes).isLessThan(10);
        }
        kicker.join();
        // The second kick may have come after the first was taken.
        if (guest.vcpu.isKicked()) {
          assertThat(guest.vcpu.run()).isEqualTo(-Errno.EINTR);
          assertThat(guest.vcpu.takeKick()).isTrue();
        }
      }
    }
  }

  @Test
  void aKickBeforeTheFirstRunEndsIt() {
    try (Guest guest = new Guest(0xeb, 0xfe)) {
      guest.vcpu.kick();
      guest.vcpu.bindToThread();
      assertThat(guest.vcpu.run()).isEqualTo(-Errno.EINTR);
      assertThat(guest.vcpu.takeKick()).isTrue();
      assertThat(guest.vcpu.takeKick()).isFalse();
    }
  }

  @Test
  void aKickOfAClosedVcpuDoesNothing() {
    Guest guest = new Guest(0xf4);
    guest.close();
    guest.vcpu.kick();
    guest.vcpu.close();
  }

  @Test
  void aSlotThatOverlapsIsRefusedByName() {
    try (Guest guest = new Guest(0xf4)) {
      assertThatThrownBy(
              () -> guest.vm.addMemory(1, 0x2000, guest.memory.asSlice(0, 0x1000), false))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("(slot 1, 0x1000 bytes at guest-physical 0x2000)")
          .hasMessageContaining("overlaps slot 0, 0x100000 bytes at guest-physical 0x0")
          .hasMessageContaining("EEXIST");
      guest.slot.remove();
      guest.vm.addMemory(1, 0x2000, guest.memory.asSlice(0, 0x1000), false);
    }
  }

  @Test
  void aSlotBeyondTheHostIsRefusedByName() {
    try (Guest guest = new Guest(0xf4);
        Kvm kvm = Kvm.open()) {
      MemorySegment page = guest.memory.asSlice(0, 0x1000);
      assertThatThrownBy(() -> guest.vm.addMemory(1, 1L << 60, page, false))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("slot 1, 0x1000 bytes at guest-physical 0x1000000000000000")
          .hasMessageContaining("EINVAL");
      int slots = kvm.check(Capability.NR_MEMSLOTS);
      assertThatThrownBy(() -> guest.vm.addMemory(slots, 0x20_0000, page, false))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("slot %d, 0x1000 bytes".formatted(slots))
          .hasMessageContaining("EINVAL");
    }
  }

  @Test
  void aDeviceThatIsNotPermittedIsRefusedWithTheGroup(@TempDir Path folder) throws Exception {
    assumeTrue(Preflight.userId() == 0, "not root: rights of another user are not tested");
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path device = Files.createFile(folder.resolve("kvm"));
    Files.setPosixFilePermissions(device, PosixFilePermissions.fromString("rw-rw----"));
    KvmException[] refused = new KvmException[1];
    assertThatThrownBy(() -> Kvm.open(device)).isInstanceOf(KvmException.class);
    Unprivileged.run(() -> {
      try {
        Kvm.open(device).close();
      } catch (KvmException e) {
        refused[0] = e;
      }
    });
    assertThat(refused[0]).hasMessage("open " + device + ": EACCES (permission denied)");
    assertThat(refused[0].advice()).contains("group kvm");
  }

  @Test
  void registersComeBackAsTheyWereSet() {
    try (Guest guest = new Guest(0xf4)) {
      MemorySegment regs = kvm_regs.allocate(guest.arena);
      kvm_regs.rax(regs, 0x0123_4567_89ab_cdefL);
      kvm_regs.rflags(regs, 2);
      guest.vcpu.setRegs(regs);
      MemorySegment back = kvm_regs.allocate(guest.arena);
      guest.vcpu.getRegs(back);
      assertThat(kvm_regs.rax(back)).isEqualTo(0x0123_4567_89ab_cdefL);
    }
  }

  @Test
  void anMsrOutsideTheFilterLeavesTheGuest() {
    // mov ecx, 0x174; rdmsr; hlt
    try (Guest guest = new Guest(0xb9, 0x74, 1, 0, 0, 0x0f, 0x32, 0xf4)) {
      guest.vm.enable(Capability.X86_USER_SPACE_MSR, LinuxKvm.KVM_MSR_EXIT_REASON_FILTER());
      guest.vm.setMsrFilter(new MsrFilter(List.of(0x175, 0x176, 0xc0000080)));
      guest.vcpu.bindToThread();
      assertThat(guest.vcpu.run()).isZero();
      assertThat(kvm_run.exit_reason(guest.vcpu.runArea()))
          .isEqualTo(LinuxKvm.KVM_EXIT_X86_RDMSR());
    }
  }

  @Test
  void machinesThatAreClosedLeaveNoDescriptor() throws IOException {
    new Guest(0xf4).close();
    long before = openFiles();
    for (int i = 0; i < 50; i++) {
      try (Guest guest = new Guest(0xf4)) {
        guest.vcpu.bindToThread();
        assertThat(guest.vcpu.run()).isZero();
      }
    }
    assertThat(openFiles()).isEqualTo(before);
  }

  private static long openFiles() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      return files.filter(file -> Files.isSymbolicLink(file) && isOfKvm(file)).count();
    }
  }

  private static boolean isOfKvm(Path file) {
    try {
      return Files.readSymbolicLink(file).toString().contains("kvm");
    } catch (IOException e) {
      return false;
    }
  }

  /** One megabyte, one vCPU, code at {@link #CODE}. */
  static final class Guest implements AutoCloseable {
    final Arena arena = Arena.ofShared();
    final MemorySegment memory;
    final Vm vm;
    final MemorySlot slot;
    final KvmVcpuHandle vcpu;

    Guest(int... code) {
      memory =
          Libc.mmap(
              arena,
              MEMORY,
              LinuxKvm.PROT_READ() | LinuxKvm.PROT_WRITE(),
              LinuxKvm.MAP_PRIVATE() | LinuxKvm.MAP_ANONYMOUS(),
              -1,
              0);
      for (int i = 0; i < code.length; i++) {
        memory.set(ValueLayout.JAVA_BYTE, CODE + i, (byte) code[i]);
      }
      try (Kvm kvm = Kvm.open()) {
        vm = kvm.createVm();
      }
      slot = vm.addMemory(0, 0, memory, false);
      vcpu = vm.createVcpu(0);
      MemorySegment sregs = kvm_sregs.allocate(arena);
      vcpu.getSregs(sregs);
      flat(kvm_sregs.cs(sregs), 8, 11);
      flat(kvm_sregs.ds(sregs), 16, 3);
      flat(kvm_sregs.es(sregs), 16, 3);
      flat(kvm_sregs.ss(sregs), 16, 3);
      kvm_sregs.cr0(sregs, kvm_sregs.cr0(sregs) | 1);
      vcpu.setSregs(sregs);
      MemorySegment regs = kvm_regs.allocate(arena);
      kvm_regs.rip(regs, CODE);
      kvm_regs.rflags(regs, 2);
      vcpu.setRegs(regs);
    }

    private static void flat(MemorySegment segment, int selector, int type) {
      kvm_segment.base(segment, 0);
      kvm_segment.limit(segment, -1);
      kvm_segment.selector(segment, (short) selector);
      kvm_segment.type(segment, (byte) type);
      kvm_segment.present(segment, (byte) 1);
      kvm_segment.dpl(segment, (byte) 0);
      kvm_segment.db(segment, (byte) 1);
      kvm_segment.s(segment, (byte) 1);
      kvm_segment.l(segment, (byte) 0);
      kvm_segment.g(segment, (byte) 1);
      kvm_segment.unusable(segment, (byte) 0);
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
}
