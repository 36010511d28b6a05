package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.layout.LinuxKvm;
import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.UnionLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Every size, offset and constant that jextract printed, and every number we wrote beside it, is what the host's C compiler says. The lists come from the classes themselves, so that nothing is left out. */
final class GeneratedBindingsTest {
  /** The headers that the checked-in bindings were printed from: Linux 6.1. */
  private static final long GENERATED_FROM = 6 << 16 | 1 << 8;

  /** What later headers make larger: masks of all that is known and ends of enumerations; the new value has all of the old one's bits, or is larger. */
  private static final Set<String> GROWING =
      Set.of(
          "KVM_SYNC_X86_VALID_FIELDS",
          "KVM_X86_DISABLE_VALID_EXITS",
          "PERF_FORMAT_MAX",
          "PERF_TYPE_MAX",
          "UFFD_API_FEATURES",
          "UFFD_API_IOCTLS",
          "UFFD_API_RANGE_IOCTLS",
          "UFFD_API_RANGE_IOCTLS_BASIC",
          "UFFD_API_REGISTER_MODES",
          "sizeof(struct perf_event_attr)");

  @Test
  void sizesAndOffsetsAreC() throws Exception {
    Map<String, Long> expected = new LinkedHashMap<>();
    Set<Class<?>> nested = new HashSet<>();
    Set<Class<?>> reached = new HashSet<>();
    for (Class<?> type : generated()) {
      GroupLayout layout = layoutOf(type);
      if (layout == null) {
        continue;
      }
      if (type.isMemberClass()) {
        nested.add(type);
      } else {
        String struct = "struct " + type.getSimpleName();
        expected.put("sizeof(" + struct + ")", layout.byteSize());
        members(new Place(type, layout, struct, "", 0), expected, reached);
      }
    }
    nested.removeAll(reached);
    assertThat(nested).as("layouts that no structure holds").isEmpty();
    assertThat(expected).hasSizeGreaterThan(700);
    int compared = compare(expected);
    System.out.println("bindings: " + compared + " sizes and offsets are C's");
  }

  @Test
  void constantsAreC() throws Exception {
    Map<String, Long> expected = new TreeMap<>();
    for (Method method : LinuxKvm.class.getDeclaredMethods()) {
      boolean number = method.getReturnType() == int.class || method.getReturnType() == long.class;
      boolean constant =
          Modifier.isPublic(method.getModifiers())
              && Modifier.isStatic(method.getModifiers())
              && method.getParameterCount() == 0;
      if (number && constant) {
        expected.put(method.getName(), ((Number) method.invoke(null)).longValue());
      }
    }
    assertThat(expected).hasSizeGreaterThan(300);
    int compared = compare(expected);
    System.out.println("bindings: " + compared + " constants are C's");
  }

  @Test
  void capabilitiesAndErrorNumbersAreC() throws Exception {
    Map<String, Long> capabilities = new LinkedHashMap<>();
    for (Capability capability : Capability.values()) {
      capabilities.put(capability.kernelName(), (long) capability.number());
    }
    CProbe.compareMacros("Capability", capabilities);
    CProbe.compareFields(Errno.class);
    for (Map.Entry<String, Long> signal :
        CProbe.evaluate(List.of("SIGRTMIN", "SIGRTMAX"), false).entrySet()) {
      assertThat(Integer.signum(Long.compare(KickSignal.NUMBER, signal.getValue())))
          .as("the kick signal against " + signal)
          .isEqualTo(signal.getKey().equals("SIGRTMIN") ? 1 : -1);
    }
  }

  @Test
  void whatIsWrittenByHandIsC() throws Exception {
    Map<String, Long> expected = new LinkedHashMap<>();
    expected.put("sizeof(struct pollfd)", 8L);
    expected.put("offsetof(struct pollfd, events)", 4L);
    expected.put("POLLIN", 1L);
    // The kernel's set of signals is shorter than the C library's.
    expected.put("sizeof(sigset_t)", 128L);
    expected.put("_NSIG / 8", 8L);
    expected.put("sizeof(struct sigevent)", KickTimer.SIGEVENT_BYTES);
    expected.put("offsetof(struct sigevent, sigev_signo)", KickTimer.SIGNAL_AT);
    expected.put("offsetof(struct sigevent, sigev_notify)", KickTimer.NOTIFY_AT);
    // Its name in kernel headers is sigev_notify_thread_id, which the C library's lack.
    expected.put("offsetof(struct sigevent, _sigev_un._tid)", KickTimer.THREAD_AT);
    expected.put("SYS_setgroups", (long) Unprivileged.SYS_SETGROUPS);
    expected.put("SYS_setresuid", (long) Unprivileged.SYS_SETRESUID);
    expected.put("SYS_setresgid", (long) Unprivileged.SYS_SETRESGID);
    expected.put("SYS_unshare", (long) Unprivileged.SYS_UNSHARE);
    expected.put("CLONE_NEWNET", Unprivileged.CLONE_NEWNET);
    assertThat(CProbe.evaluate(expected.keySet(), false)).containsExactlyEntriesOf(expected);
  }

  private static int compare(Map<String, Long> expected) throws Exception {
    String versionCode = "LINUX_VERSION_CODE";
    long headers = CProbe.evaluate(List.of(versionCode), false).getOrDefault(versionCode, 0L);
    assumeTrue(
        headers >= GENERATED_FROM,
        "the host's headers are older than Linux 6.1, which the bindings were printed from: not compared");
    Map<String, Long> actual = CProbe.evaluate(expected.keySet(), false);
    Map<String, String> wrong = new TreeMap<>();
    for (Map.Entry<String, Long> entry : expected.entrySet()) {
      long ours = entry.getValue();
      long theirs = actual.getOrDefault(entry.getKey(), Long.MIN_VALUE);
      boolean grown =
          headers >> 8 > GENERATED_FROM >> 8
              && GROWING.contains(entry.getKey())
              && ((ours & theirs) == ours || theirs > ours);
      if (ours != theirs && !grown) {
        wrong.put(entry.getKey(), "Java has %d, C has %d".formatted(ours, theirs));
      }
    }
    assertThat(wrong).isEmpty();
    return expected.size();
  }

  /** Where in a structure a group lies: its class, its layout, the structure it is in, the path to it, the offset of its begin. */
  private record Place(
      Class<?> type, GroupLayout layout, String struct, String path, long offset) {}

  /** The members of a group, those of its anonymous members as its own, those of arrays at their first element. */
  private static void members(Place place, Map<String, Long> expected, Set<Class<?>> reached)
      throws ReflectiveOperationException {
    String struct = place.struct();
    long offset = place.offset();
    for (MemoryLayout member : place.layout().memberLayouts()) {
      long at = place.layout() instanceof UnionLayout ? place.offset() : offset;
      offset = at + member.byteSize();
      if (member instanceof PaddingLayout) {
        continue;
      }
      String name = member.name().orElseThrow(() -> new AssertionError("no name: " + place));
      if (name.startsWith("$anon")) {
        Place inside = new Place(place.type(), (GroupLayout) member, struct, place.path(), at);
        members(inside, expected, reached);
        continue;
      }
      String field = place.path() + name;
      expected.put("offsetof(%s, %s)".formatted(struct, field), at);
      // A flexible array has no size in C.
      if (member.byteSize() > 0) {
        expected.put("sizeof(((%s *) 0)->%s)".formatted(struct, field), member.byteSize());
      }
      MemoryLayout inner = member;
      while (inner instanceof SequenceLayout sequence) {
        inner = sequence.elementLayout();
        field += "[0]";
        if (sequence.elementCount() > 0) {
          expected.put("sizeof(((%s *) 0)->%s)".formatted(struct, field), inner.byteSize());
        }
      }
      if (inner instanceof GroupLayout group) {
        Class<?> type = nestedType(place.type(), name);
        // In a packed structure the copy inside the parent has lost its members' names: the
        // member's own class has them.
        GroupLayout own = type == null ? group : Objects.requireNonNull(layoutOf(type));
        assertThat(own.byteSize()).as(field).isEqualTo(group.byteSize());
        Class<?> owner = type == null ? place.type() : type;
        reached.add(owner);
        members(new Place(owner, own, struct, field + ".", at), expected, reached);
      }
    }
  }

  private static @Nullable Class<?> nestedType(Class<?> owner, String field) {
    for (Class<?> type : owner.getDeclaredClasses()) {
      if (type.getSimpleName().equals(field)) {
        return type;
      }
    }
    return null;
  }

  private static @Nullable GroupLayout layoutOf(Class<?> type) throws ReflectiveOperationException {
    try {
      return (GroupLayout) type.getMethod("layout").invoke(null);
    } catch (NoSuchMethodException e) {
      return null;
    }
  }

  private static Set<Class<?>> generated()
      throws IOException, URISyntaxException, ClassNotFoundException {
    Class<?> anchor = LinuxKvm.class;
    Path classes = Path.of(anchor.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path folder = classes.resolve(anchor.getPackageName().replace('.', '/'));
    Set<Class<?>> found = new TreeSet<>((a, b) -> a.getName().compareTo(b.getName()));
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        if (name.endsWith(".class")) {
          found.add(
              Class.forName(anchor.getPackageName() + "." + name.substring(0, name.length() - 6)));
        }
      }
    }
    return found;
  }
}
