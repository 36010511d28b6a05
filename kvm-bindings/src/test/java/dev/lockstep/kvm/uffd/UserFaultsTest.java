package dev.lockstep.kvm.uffd;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.CProbe;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.Unprivileged;
import dev.lockstep.kvm.memory.Access;
import dev.lockstep.kvm.memory.Mappings;
import dev.lockstep.kvm.memory.MemoryFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real faults of another thread, which makes them inside the C library: see the package's warning. */
@Timeout(30)
final class UserFaultsTest {
  private static final long PAGE = Mappings.pageSize();

  private static final MemorySegment MEMSET = Libc.find("memset");
  private static final MemorySegment MEMCMP = Libc.find("memcmp");

  @Test
  void numbersAreC() throws Exception {
    CProbe.compareFields(UffdAbi.class);
    Map<String, Long> expected =
        Map.of(
            "sizeof(struct uffdio_zeropage)",
            (long) UserFaults.ZEROPAGE_BYTES,
            "offsetof(struct uffdio_zeropage, mode)",
            16L,
            "offsetof(struct uffdio_zeropage, zeropage)",
            (long) UserFaults.ZEROPAGE_DONE);
    assertThat(CProbe.evaluate(expected.keySet(), false))
        .containsExactlyInAnyOrderEntriesOf(expected);
  }

  @Test
  void missingPagesGetTheirContentWhenTouched() throws Exception {
    try (Arena arena = Arena.ofShared();
        UserFaults faults = open(Set.of(FaultFeature.THREAD))) {
      MemorySegment memory = Mappings.anonymous(arena, 4 * PAGE);
      faults.register(memory, Set.of(FaultMode.MISSING));
      assertThat(faults.next()).isFalse();
      MemorySegment content = Mappings.anonymous(arena, PAGE).fill((byte) 0x5a);

      Touch reader = new Touch(() -> firstByteIs(memory.asSlice(2 * PAGE), content));
      assertThat(faults.await(10_000)).isEqualTo(1);
      assertThat(faults.next()).isTrue();
      assertThat(faults.address()).isEqualTo(memory.address() + 2 * PAGE);
      assertThat(faults.isWrite()).isFalse();
      assertThat(faults.isProtection()).isFalse();
      assertThat(faults.thread()).isEqualTo(reader.number());
      assertThat(faults.copy(memory.address() + 2 * PAGE, content)).isEqualTo(PAGE);
      assertThat(reader.join()).as("memcmp of what was read with the content").isZero();
      assertThat(faults.copy(memory.address() + 2 * PAGE, content)).isEqualTo(-Errno.EEXIST);

      Touch writer = new Touch(() -> fill(memory.asSlice(PAGE, 1), 7));
      assertThat(faults.await(10_000)).isEqualTo(1);
      assertThat(faults.next()).isTrue();
      assertThat(faults.isWrite()).isTrue();
      assertThat(faults.isProtection()).isFalse();
      assertThat(faults.zero(faults.address(), PAGE)).isEqualTo(PAGE);
      writer.join();
      assertThat(memory.get(JAVA_BYTE, PAGE)).isEqualTo((byte) 7);
      assertThat(memory.get(JAVA_BYTE, PAGE + 1)).isZero();

      faults.unregister(memory);
      assertThat(memory.get(JAVA_BYTE, 0)).isZero();
    }
  }

  @Test
  void writesToProtectedPagesAreTold() throws Exception {
    try (Arena arena = Arena.ofShared();
        UserFaults faults = open(EnumSet.of(FaultFeature.WRITE_PROTECT, FaultFeature.THREAD))) {
      MemorySegment memory = Mappings.anonymous(arena, 3 * PAGE).fill((byte) 1);
      faults.register(memory, Set.of(FaultMode.WRITE_PROTECT));
      assertThat(faults.protect(memory.address(), memory.byteSize())).isZero();
      assertThat(memory.get(JAVA_BYTE, PAGE)).as("reads are free").isEqualTo((byte) 1);

      Touch writer = new Touch(() -> fill(memory.asSlice(PAGE, 8), 9));
      assertThat(faults.await(10_000)).isEqualTo(1);
      assertThat(faults.next()).isTrue();
      assertThat(faults.address()).isEqualTo(memory.address() + PAGE);
      assertThat(faults.isProtection()).isTrue();
      assertThat(faults.isWrite()).isTrue();
      assertThat(memory.get(JAVA_BYTE, PAGE)).as("not written while it waits").isEqualTo((byte) 1);
      assertThat(faults.unprotect(memory.address() + PAGE, PAGE)).isZero();
      writer.join();
      assertThat(memory.get(JAVA_BYTE, PAGE)).isEqualTo((byte) 9);
    }
  }

  @Test
  void memoryFilesFaultToo() throws Exception {
    Set<FaultFeature> wanted =
        EnumSet.of(FaultFeature.MISSING_SHARED, FaultFeature.WRITE_PROTECT_SHARED);
    Set<FaultFeature> has = available();
    assumeTrue(has.containsAll(wanted), "this kernel tells no faults of memory files: " + has);
    try (Arena arena = Arena.ofShared();
        MemoryFile file = MemoryFile.create("lockstep-faults", 2 * PAGE);
        UserFaults faults = UserFaults.open(wanted)) {
      MemorySegment memory = file.mapShared(arena, Access.READ_WRITE, 0, 2 * PAGE);
      faults.register(memory, EnumSet.allOf(FaultMode.class));
      MemorySegment content = Mappings.anonymous(arena, PAGE).fill((byte) 3);
      Touch writer = new Touch(() -> fill(memory.asSlice(PAGE, 1), 4));
      assertThat(faults.await(10_000)).isEqualTo(1);
      assertThat(faults.next()).isTrue();
      assertThat(faults.copyProtected(faults.address() & -PAGE, content)).isEqualTo(PAGE);
      // The page came protected, so the write that waited faults once more.
      assertThat(faults.await(10_000)).isEqualTo(1);
      assertThat(faults.next()).isTrue();
      assertThat(faults.isProtection()).isTrue();
      assertThat(faults.unprotect(memory.address() + PAGE, PAGE)).isZero();
      writer.join();
      assertThat(memory.get(JAVA_BYTE, PAGE)).isEqualTo((byte) 4);
      assertThat(memory.get(JAVA_BYTE, PAGE + 1)).isEqualTo((byte) 3);
    }
  }

  @Test
  void closingEndsTheWaiting() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = Mappings.anonymous(arena, PAGE);
      UserFaults faults = open(Set.of());
      faults.register(memory, Set.of(FaultMode.MISSING));
      Touch writer = new Touch(() -> fill(memory.asSlice(0, 1), 7));
      assertThat(faults.await(10_000)).isEqualTo(1);
      faults.close();
      faults.close();
      assertThatThrownBy(() -> faults.register(memory, Set.of(FaultMode.MISSING)))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("EBADF");
      writer.join();
      assertThat(memory.get(JAVA_BYTE, 0)).isEqualTo((byte) 7);
    }
  }

  @Test
  void nonsenseIsRefused() {
    try (Arena arena = Arena.ofConfined();
        UserFaults faults = open(Set.of())) {
      MemorySegment memory = Mappings.anonymous(arena, 2 * PAGE);
      assertThatThrownBy(() -> faults.register(memory.asSlice(1, PAGE), Set.of(FaultMode.MISSING)))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("UFFDIO_REGISTER [MISSING]")
          .hasMessageContaining("EINVAL");
      assertThatThrownBy(() -> faults.wake(1, 1)).isInstanceOf(KvmException.class);
      assertThatThrownBy(() -> faults.copy(memory.address(), memory.asSlice(0, 5)))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("UFFDIO_COPY");
    }
  }

  @Test
  void aUserWithoutTheRightIsToldHowToGetIt() throws Exception {
    try {
      // Loads every class of the way while they can be read.
      UserFaults.available();
    } catch (KvmException e) {
      assertThat(e.advice()).isNotBlank();
    }
    Unprivileged.run(() -> {
      try {
        UserFaults.available();
      } catch (KvmException e) {
        assertThat(e.errno()).isEqualTo(Errno.EPERM);
        assertThat(e.advice()).contains("vm.unprivileged_userfaultfd", "/dev/userfaultfd");
        return;
      }
      System.out.println("SKIPPED: this host lets every user handle faults");
    });
  }

  @Test
  void nothingIsLeftOpen() throws IOException {
    available();
    Descriptors.assertNoneLeft(
        "userfaultfd",
        () -> {
          try (Arena arena = Arena.ofConfined();
              UserFaults faults = UserFaults.open(Set.of())) {
            faults.register(Mappings.anonymous(arena, PAGE), Set.of(FaultMode.MISSING));
          }
        });
  }

  private static Set<FaultFeature> available() {
    try {
      return UserFaults.available();
    } catch (KvmException e) {
      return abort("user-handled faults are not tested: " + e.getMessage() + ". " + e.advice());
    }
  }

  private static UserFaults open(Set<FaultFeature> features) {
    Set<FaultFeature> has = available();
    assumeTrue(has.containsAll(features), "this kernel's userfaultfd has only " + has);
    return UserFaults.open(features);
  }

  private static int firstByteIs(MemorySegment memory, MemorySegment content) {
    return Libc.callPlain(MEMCMP, Libc.address(memory), Libc.address(content), 1);
  }

  private static int fill(MemorySegment memory, int value) {
    long end = Libc.callLong(MEMSET, Libc.address(memory), value, memory.byteSize());
    return end == memory.address() ? 0 : 1;
  }

  /** A thread that is inside the C library while it waits. */
  private static final class Touch {
    private interface Call {
      int make();
    }

    private final Thread thread;
    private volatile int number;
    private volatile int result = Integer.MIN_VALUE;

    Touch(Call call) {
      thread =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                number = Libc.gettid();
                result = call.make();
              });
    }

    int number() {
      return number;
    }

    int join() throws InterruptedException {
      thread.join(10_000);
      assertThat(List.of(Thread.State.TERMINATED)).contains(thread.getState());
      return result;
    }
  }
}
