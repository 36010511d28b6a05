package dev.lockstep.kvm.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.kvm.CProbe;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Files in memory and mappings, on the host's own kernel. */
final class MemoryFileTest {
  private static final long PAGE = Mappings.pageSize();

  @Test
  void numbersAreC() throws Exception {
    CProbe.compareFields(MemoryAbi.class);
    assertThat(CProbe.evaluate(List.of("_SC_PAGESIZE"), false))
        .containsValue((long) MemoryCalls.SC_PAGESIZE);
  }

  @Test
  void twoMappingsShareTheFile() {
    try (Arena arena = Arena.ofConfined();
        MemoryFile file = MemoryFile.create("lockstep-test", 4 * PAGE)) {
      MemorySegment one = file.mapShared(arena, Access.READ_WRITE, 0, 4 * PAGE);
      MemorySegment two = file.mapShared(arena, Access.READ, PAGE, PAGE);
      one.set(JAVA_LONG, PAGE + 8, 0x1122334455667788L);
      assertThat(two.get(JAVA_LONG, 8)).isEqualTo(0x1122334455667788L);
      file.punchHole(PAGE, PAGE);
      assertThat(two.get(JAVA_LONG, 8)).isZero();
    }
  }

  @Test
  void aPrivateMappingKeepsItsWritesToItself() {
    try (Arena arena = Arena.ofConfined();
        MemoryFile file = MemoryFile.create("lockstep-test", 2 * PAGE)) {
      MemorySegment shared = file.mapShared(arena, Access.READ_WRITE, 0, 2 * PAGE);
      shared.fill((byte) 7);
      MemorySegment copy = file.mapPrivate(arena, 0, 2 * PAGE);
      copy.set(JAVA_BYTE, 5, (byte) 9);
      assertThat(shared.get(JAVA_BYTE, 5)).isEqualTo((byte) 7);
      assertThat(copy.get(JAVA_BYTE, 6)).isEqualTo((byte) 7);
      Mappings.advise(copy, Advice.DROP);
      assertThat(copy.get(JAVA_BYTE, 5)).isEqualTo((byte) 7);
    }
  }

  @Test
  void aMappingOutlivesTheFileAndEndsWithItsArena() throws IOException {
    MemorySegment mapping;
    try (Arena arena = Arena.ofShared()) {
      try (MemoryFile file = MemoryFile.create("lockstep-outlives", PAGE)) {
        mapping = file.mapShared(arena, Access.READ_WRITE, 0, PAGE);
      }
      mapping.set(JAVA_BYTE, 0, (byte) 1);
      assertThat(Descriptors.open("lockstep-outlives")).isNotEmpty();
    }
    assertThat(Descriptors.open("lockstep-outlives")).isEmpty();
    assertThatThrownBy(() -> mapping.get(JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aClosedFileIsNoOtherFile() {
    MemoryFile closed = MemoryFile.create("lockstep-test", PAGE);
    closed.close();
    try (MemoryFile other = MemoryFile.create("lockstep-other", PAGE)) {
      closed.close();
      assertThatThrownBy(() -> closed.resize(5))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("EBADF");
      assertThat(other.seals()).isEmpty();
    }
  }

  @Test
  void sealsHold() {
    try (Arena arena = Arena.ofConfined();
        MemoryFile file = MemoryFile.create("lockstep-test", PAGE)) {
      file.seal(EnumSet.of(Seal.SHRINK, Seal.GROW));
      assertThat(file.seals()).containsExactlyInAnyOrder(Seal.SHRINK, Seal.GROW);
      assertThatThrownBy(() -> file.resize(2 * PAGE))
          .isInstanceOfSatisfying(
              KvmException.class,
              e -> {
                assertThat(e.errno()).isEqualTo(Errno.EPERM);
                assertThat(e.advice()).contains("SHRINK", "GROW");
              });
      MemorySegment writable = file.mapShared(arena, Access.READ_WRITE, 0, PAGE);
      assertThatThrownBy(() -> file.seal(Set.of(Seal.WRITE)))
          .isInstanceOfSatisfying(
              KvmException.class,
              e -> {
                assertThat(e.errno()).isEqualTo(Errno.EBUSY);
                assertThat(e.advice()).contains("FUTURE_WRITE");
              });
      file.seal(Set.of(Seal.FUTURE_WRITE, Seal.SEAL));
      writable.set(JAVA_BYTE, 0, (byte) 1);
      assertThatThrownBy(() -> file.mapShared(arena, Access.READ_WRITE, 0, PAGE))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("mmap")
          .hasMessageContaining("EPERM");
      assertThatThrownBy(() -> file.seal(Set.of(Seal.WRITE)))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("F_ADD_SEALS");
    }
  }

  @Test
  void anonymousMemoryIsZerosAndTakesAdvice() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = Mappings.anonymous(arena, 8L << 20);
      memory.set(JAVA_BYTE, 0, (byte) 1);
      Mappings.advise(memory, Advice.NO_HUGE_PAGES);
      Mappings.advise(memory, Advice.NO_DUMP);
      Mappings.advise(memory.asSlice(0, PAGE), Advice.DROP);
      assertThat(memory.get(JAVA_BYTE, 0)).isZero();
      Mappings.advise(memory.asSlice(PAGE, 3 * PAGE), Advice.POPULATE_WRITE);
      if (Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage"))) {
        Mappings.advise(memory, Advice.HUGE_PAGES);
      } else {
        assertThatThrownBy(() -> Mappings.advise(memory, Advice.HUGE_PAGES))
            .isInstanceOf(KvmException.class)
            .hasMessageContaining("madvise HUGE_PAGES");
      }
      Mappings.protect(memory.asSlice(0, PAGE), Access.READ);
      assertThat(memory.get(JAVA_BYTE, 1)).isZero();
    }
  }

  @Test
  void nonsenseIsRefused() {
    try (Arena arena = Arena.ofConfined();
        MemoryFile file = MemoryFile.create("lockstep-test", PAGE)) {
      assertThatThrownBy(() -> MemoryFile.create("lockstep-test", -1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> MemoryFile.create("x".repeat(300), 1))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("memfd_create")
          .hasMessageContaining("EINVAL");
      assertThatThrownBy(() -> file.mapShared(arena, Access.READ, 5, PAGE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("multiples of");
      assertThatThrownBy(() -> Mappings.anonymous(arena, 1L << 60))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("ENOMEM");
      MemorySegment memory = Mappings.anonymous(arena, 2 * PAGE);
      assertThatThrownBy(() -> Mappings.advise(memory.asSlice(1, PAGE), Advice.DROP))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> Mappings.advise(MemorySegment.ofArray(new byte[16]), Advice.DROP))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void hugePagesAreGivenOrRefusedWithAReason() {
    try (Arena arena = Arena.ofConfined();
        MemoryFile file = MemoryFile.createOfHugePages("lockstep-huge", 2L << 20)) {
      MemorySegment memory = file.mapShared(arena, Access.READ_WRITE, 0, 2L << 20);
      assertThat(memory.byteSize()).isEqualTo(2L << 20);
    } catch (KvmException e) {
      assertThat(e.errno()).isIn(Errno.ENOMEM, Errno.ENOSYS, Errno.EINVAL, Errno.ENOENT);
    }
  }

  @Test
  void nothingIsLeftOpen() throws IOException {
    Descriptors.assertNoneLeft(
        "lockstep-leak",
        () -> {
          try (Arena arena = Arena.ofConfined();
              MemoryFile file = MemoryFile.create("lockstep-leak", PAGE)) {
            file.mapShared(arena, Access.READ_WRITE, 0, PAGE).set(JAVA_BYTE, 0, (byte) 1);
            assertThatThrownBy(() -> file.mapShared(arena, Access.READ, 0, 1L << 60))
                .isInstanceOf(KvmException.class);
          }
        });
  }
}
