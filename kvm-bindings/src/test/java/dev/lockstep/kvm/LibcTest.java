package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The one handle for all calls: what FFM checked and converted by each function's signature is ours to do. */
final class LibcTest {
  private static final int CLOSED_FD = -1;

  @Test
  void errorsAreNegatedNumbersWhateverTheResultsWidth() {
    assertThat(Libc.close(CLOSED_FD)).isEqualTo(-Errno.EBADF);
    assertThat(Libc.ioctl(CLOSED_FD, 0xae00, 0)).isEqualTo(-Errno.EBADF);
    try (Arena arena = Arena.ofConfined()) {
      assertThat(DescriptorCalls.read(CLOSED_FD, arena.allocate(8), 8)).isEqualTo(-Errno.EBADF);
    }
    // No error of the kernel's, and errno stays as it was.
    assertThat(Libc.close(CLOSED_FD)).isEqualTo(-Errno.EBADF);
    assertThat(Libc.getpid()).isEqualTo((int) ProcessHandle.current().pid());
  }

  @Test
  void anIntIsTheLowerHalfOfItsRegister() {
    MemorySegment abs = Libc.find("abs");
    assertThat(Libc.callPlain(abs, 0x1234_5678_0000_0007L, -1, -1)).isEqualTo(7);
    assertThat(Libc.callPlain(abs, 0x1234_5678_ffff_fff9L, -1, -1)).isEqualTo(7);
    assertThat(Libc.callPlain(Libc.find("toupper"), -1, 0, 0)).as("EOF").isEqualTo(-1);
    assertThat(Libc.callLong(Libc.find("labs"), Long.MIN_VALUE + 1, 0, 0))
        .isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void aFunctionThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> Libc.find("no_such_function"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the C library has no no_such_function");
  }

  @Test
  void onlyLivingNativeSegmentsOfThisThreadHaveAnAddress() throws Exception {
    assertThatThrownBy(() -> DescriptorCalls.read(CLOSED_FD, MemorySegment.ofArray(new byte[8]), 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("heap");
    MemorySegment gone;
    try (Arena arena = Arena.ofShared()) {
      gone = arena.allocate(ValueLayout.JAVA_LONG);
      assertThat(DescriptorCalls.write(CLOSED_FD, gone, 8)).isEqualTo(-Errno.EBADF);
    }
    assertThatThrownBy(() -> DescriptorCalls.write(CLOSED_FD, gone, 8))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mine = arena.allocate(ValueLayout.JAVA_LONG);
      Thread other =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  Libc.ioctl(CLOSED_FD, 0, mine);
                } catch (Throwable e) {
                  thrown.set(e);
                }
              });
      other.join();
    }
    assertThat(thrown.get()).isInstanceOf(WrongThreadException.class);
  }
}
