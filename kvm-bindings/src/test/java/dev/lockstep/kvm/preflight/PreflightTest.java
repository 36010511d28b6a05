package dev.lockstep.kvm.preflight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.Descriptors;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Unprivileged;
import dev.lockstep.kvm.preflight.DeviceAccess.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the host says, held against what it says elsewhere. */
final class PreflightTest {
  @TempDir Path folder;

  @Test
  void kernelIsTheOneThatRuns() throws IOException {
    assertThat(Preflight.kernelRelease())
        .isEqualTo(Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
    assertThat(Preflight.architecture()).isEqualTo("amd64");
  }

  @Test
  void limitsAreTheProcesss() throws IOException {
    assertLimit(ResourceLimit.OPEN_FILES, "Max open files");
    assertLimit(ResourceLimit.LOCKED_MEMORY, "Max locked memory");
    assertLimit(ResourceLimit.ADDRESS_SPACE, "Max address space");
    assertLimit(ResourceLimit.PENDING_SIGNALS, "Max pending signals");
    assertLimit(ResourceLimit.PROCESSES, "Max processes");
    assertThat(new Preflight.Limit(10, 20).allows(11)).isFalse();
    assertThat(new Preflight.Limit(Preflight.UNLIMITED, Preflight.UNLIMITED).allows(11)).isTrue();
  }

  private static void assertLimit(ResourceLimit limit, String label) throws IOException {
    String line =
        Files.readAllLines(Path.of("/proc/self/limits")).stream()
            .filter(candidate -> candidate.startsWith(label))
            .findFirst()
            .orElseThrow();
    String[] words = line.substring(label.length()).strip().split("\\s+");
    Preflight.Limit asked = Preflight.limit(limit);
    assertThat(asked).as(label).isEqualTo(new Preflight.Limit(number(words[0]), number(words[1])));
    assertThat(limit.command()).startsWith("ulimit -");
  }

  private static long number(String word) {
    return word.equals("unlimited") ? Preflight.UNLIMITED : Long.parseLong(word);
  }

  @Test
  void memoryIsTheHosts() throws IOException {
    Preflight.Memory memory = Preflight.memory();
    String total = Files.readAllLines(Path.of("/proc/meminfo")).getFirst().replaceAll("\\D", "");
    assertThat(memory.total()).isEqualTo(Long.parseLong(total) << 10);
    assertThat(memory.free()).isPositive().isLessThan(memory.total());
    assertThat(memory.available()).isPositive().isLessThan(memory.total());
  }

  @Test
  void diskIsTheFoldersFileSystem() throws IOException {
    Preflight.Disk disk = Preflight.disk(folder);
    assertThat(disk.total()).isEqualTo(Files.getFileStore(folder).getTotalSpace());
    assertThat(disk.available()).isPositive().isLessThanOrEqualTo(disk.total());
    assertThatThrownBy(() -> Preflight.disk(folder.resolve("absent")))
        .isInstanceOf(KvmException.class)
        .hasMessageStartingWith("statvfs ")
        .hasMessageEndingWith("ENOENT (no such file)");
  }

  @Test
  void anAbsentDeviceIsSaidToBeAbsent() {
    DeviceAccess access = Preflight.access(Path.of("/dev/no-such-device"));
    assertThat(access.verdict()).isEqualTo(Verdict.ABSENT);
    assertThat(access.errno()).isEqualTo(Errno.ENOENT);
    assertThat(access.permitted()).isFalse();
    assertThat(access.advice()).contains("/dev/no-such-device");
  }

  @Test
  void aDeviceOfThisUserIsPermitted() throws IOException {
    Path device = Files.createFile(folder.resolve("device"));
    DeviceAccess access = Preflight.access(device);
    assertThat(access.permitted()).isTrue();
    assertThat(access.advice()).isEmpty();
    assertThat(access.group()).isNotEmpty();
    Descriptors.assertNoneLeft(device.toString(), () -> Preflight.access(device));
    if (Files.exists(Kvm.DEVICE)) {
      assertThat(Preflight.access(Kvm.DEVICE).permitted())
          .isEqualTo(Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE));
    }
  }

  @Test
  void anotherUserIsToldTheGroup() throws Exception {
    assumeTrue(Preflight.userId() == 0, "not root: rights of another user are not tested");
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path ofGroup = Files.createFile(folder.resolve("of-group"));
    Files.setPosixFilePermissions(ofGroup, PosixFilePermissions.fromString("rw-rw----"));
    Path ofOwner = Files.createFile(folder.resolve("of-owner"));
    Files.setPosixFilePermissions(ofOwner, PosixFilePermissions.fromString("rw-------"));
    // Loads the classes of a refusal while they can be read.
    Preflight.access(Path.of("/dev/no-such-device"));
    assertThat(Verdict.valueOf("REFUSED").compareTo(Verdict.PERMITTED)).isPositive();
    DeviceAccess[] found = new DeviceAccess[2];
    int[] user = new int[1];
    Unprivileged.run(() -> {
      user[0] = Preflight.userId();
      found[0] = Preflight.access(ofGroup);
      found[1] = Preflight.access(ofOwner);
    });
    assertThat(user[0]).isNotZero();
    String group = found[0].group();
    // This test's own user is root, who may be named in the group's list.
    assertThat(found[0].verdict()).isIn(Verdict.NOT_IN_GROUP, Verdict.LOG_IN_AGAIN);
    assertThat(found[0].errno()).isEqualTo(Errno.EACCES);
    assertThat(found[0].advice()).contains(group);
    assertThat(found[1].verdict()).isEqualTo(Verdict.OWNER_ONLY);
    assertThat(found[1].advice()).contains("chmod 660");
  }
}
