package dev.lockstep.kvm.preflight;

import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What this user may do with a device file, found by opening it for reading and writing, which no device of ours minds.
 *
 * @param device the file
 * @param verdict what came of it
 * @param errno the error number of the refusal, 0 if it was opened
 * @param group the group that owns the file, empty if there is none to see
 * @param advice what to do, one sentence; empty if nothing
 */
public record DeviceAccess(Path device, Verdict verdict, int errno, String group, String advice) {
  /** What may come of it. */
  public enum Verdict {
    /** It can be used. */
    PERMITTED,

    /** There is no such file, or no driver behind it. */
    ABSENT,

    /** Its group may use it, and this user is not a member. */
    NOT_IN_GROUP,

    /** This user was made a member of its group after logging in. */
    LOG_IN_AGAIN,

    /** Only its owner may use it. */
    OWNER_ONLY,

    /** The file's rights would allow it, and something else refuses: a container's device rules, or a security module. */
    REFUSED
  }

  private static final Path GROUPS = Path.of("/etc/group");

  /** Whether it can be used. */
  public boolean permitted() {
    return verdict == Verdict.PERMITTED;
  }

  static DeviceAccess of(Path device) {
    int fd = Libc.open(device.toString(), LinuxKvm.O_RDWR() | LinuxKvm.O_CLOEXEC());
    if (fd >= 0) {
      Libc.close(fd);
      return new DeviceAccess(device, Verdict.PERMITTED, 0, groupOf(device), "");
    }
    String group = groupOf(device);
    Verdict verdict = verdict(device, group, -fd);
    return new DeviceAccess(device, verdict, -fd, group, advice(device, group, verdict, -fd));
  }

  private static Verdict verdict(Path device, String group, int errno) {
    switch (errno) {
      case Errno.ENOENT, Errno.ENXIO, Errno.ENODEV -> {
        return Verdict.ABSENT;
      }
      case Errno.EACCES -> {
        if (!groupMayUse(device)) {
          return Verdict.OWNER_ONLY;
        }
        if (actsForGroup(device)) {
          return Verdict.REFUSED;
        }
        return isListed(group) ? Verdict.LOG_IN_AGAIN : Verdict.NOT_IN_GROUP;
      }
      default -> {
        return Verdict.REFUSED;
      }
    }
  }

  private static String advice(Path device, String group, Verdict verdict, int errno) {
    return switch (verdict) {
      case PERMITTED -> "";
      case ABSENT ->
          "There is no " + device + ": load its kernel module, or give it to this container.";
      case NOT_IN_GROUP ->
          "Join the group " + group + ": sudo usermod -aG " + group + " $USER, then log in again.";
      case LOG_IN_AGAIN -> "Log in again, or run newgrp " + group + ": this login is older.";
      case OWNER_ONLY ->
          "Let the group use it as well, as root: chmod 660 " + device + ", or run as its owner.";
      case REFUSED ->
          device
              + " is refused ("
              + Errno.describe(errno)
              + ") by more than the file's rights: look at the container's device rules or the security module's log.";
    };
  }

  private static String groupOf(Path device) {
    try {
      return Files.readAttributes(device, PosixFileAttributes.class).group().getName();
    } catch (IOException | UnsupportedOperationException e) {
      return "";
    }
  }

  private static boolean groupMayUse(Path device) {
    try {
      Set<PosixFilePermission> rights = Files.getPosixFilePermissions(device);
      return rights.contains(PosixFilePermission.GROUP_READ)
          && rights.contains(PosixFilePermission.GROUP_WRITE);
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean actsForGroup(Path device) {
    try {
      Object group = Files.getAttribute(device, "unix:gid", LinkOption.NOFOLLOW_LINKS);
      return groupsOfThisThread().contains(group.toString());
    } catch (IOException e) {
      return false;
    }
  }

  /** Real, effective and supplementary groups (proc_pid_status(5)), as numbers. */
  private static List<String> groupsOfThisThread() throws IOException {
    List<String> groups = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("/proc/thread-self/status"))) {
      if (line.startsWith("Gid:") || line.startsWith("Groups:")) {
        groups.addAll(List.of(line.substring(line.indexOf(':') + 1).strip().split("\\s+")));
      }
    }
    return groups;
  }

  /** Whether the group file already names this user as a member (group(5)). */
  private static boolean isListed(String group) {
    String user = System.getProperty("user.name", "");
    try {
      for (String line : Files.readAllLines(GROUPS)) {
        String[] fields = line.split(":", -1);
        if (fields.length == 4 && fields[0].equals(group)) {
          return List.of(fields[3].split(",")).contains(user);
        }
      }
    } catch (IOException e) {
      return false;
    }
    return false;
  }
}
