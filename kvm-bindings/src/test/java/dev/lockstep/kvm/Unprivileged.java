package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.lockstep.kvm.layout.LinuxKvm;
import java.lang.foreign.MemorySegment;

/** Runs code on a thread of its own that has another user's rights or another network: the kernel keeps both for each thread (credentials(7), unshare(2)), the C library's wrappers hide it. */
public final class Unprivileged {
  private static final MemorySegment SYSCALL = Libc.find("syscall");

  static final int SYS_SETGROUPS = 116;
  static final int SYS_SETRESUID = 117;
  static final int SYS_SETRESGID = 119;
  static final int SYS_UNSHARE = 272;
  static final long CLONE_NEWNET = 0x40000000;
  private static final long NOBODY = 65534;

  private Unprivileged() {}

  /** Runs it as nobody; as the user that runs the tests if that is not root. What classes the code needs must have been loaded before: nobody may not be able to read them. */
  public static void run(Runnable code) throws InterruptedException {
    onThread(() -> {
      if (call(SYS_SETGROUPS, 0, 0, 0) == 0) {
        assertThat(call(SYS_SETRESGID, NOBODY, NOBODY, NOBODY)).isZero();
        assertThat(call(SYS_SETRESUID, NOBODY, NOBODY, NOBODY)).isZero();
      }
      code.run();
    });
  }

  /** Runs it in a network of its own, which ends with it; false, and not run, where this user may not make one. */
  public static boolean runInOwnNetwork(Runnable code) throws InterruptedException {
    boolean[] ran = new boolean[1];
    onThread(() -> {
      if (call(SYS_UNSHARE, CLONE_NEWNET, 0, 0) == 0) {
        ran[0] = true;
        code.run();
      }
    });
    return ran[0];
  }

  private static void onThread(Runnable code) throws InterruptedException {
    // Loads the classes of a refusal while that is still possible.
    assertThat(new KvmException("none", -1, Errno.EPERM).advice()).isNotBlank();
    assertThat(Libc.open("/no/such/file", LinuxKvm.O_RDWR())).isEqualTo(-Errno.ENOENT);
    assertThatCode(() -> {}).doesNotThrowAnyException();
    Throwable[] thrown = new Throwable[1];
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                code.run();
              } catch (Throwable e) {
                thrown[0] = e;
              }
            });
    thread.join();
    if (thrown[0] != null) {
      throw new AssertionError(thrown[0]);
    }
  }

  private static long call(int number, long first, long second, long third) {
    return Libc.callLong(SYSCALL, number, first, second, third, 0, 0);
  }
}
