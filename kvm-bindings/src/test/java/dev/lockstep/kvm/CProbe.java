package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Asks the host's C compiler, over the host's headers, what C expressions are worth. */
public final class CProbe {
  /** What the generated bindings are made of. */
  private static final Path HEADERS = Path.of("src/generated/jextract").toAbsolutePath();

  private static final String PROLOGUE =
      """
      #include "linux_kvm.h"
      #include <errno.h>
      #include <stddef.h>
      #include <stdio.h>
      #include <string.h>
      #include <unistd.h>
      #include <poll.h>
      #include <sched.h>
      #include <sys/socket.h>
      #include <sys/syscall.h>
      #include <linux/falloc.h>
      #include <linux/if_link.h>
      #include <linux/netlink.h>
      #include <linux/rtnetlink.h>
      #include <linux/sockios.h>
      #include <linux/version.h>
      """;

  private CProbe() {}

  /**
   * The value of each expression, in order; those that the headers do not know are left out if {@code optional}, which only macros can be.
   *
   * @throws org.opentest4j.TestAbortedException without a compiler, which says what is not checked
   */
  public static Map<String, Long> evaluate(Collection<String> expressions, boolean optional)
      throws IOException, InterruptedException {
    List<String> all = List.copyOf(expressions);
    StringBuilder program = new StringBuilder(PROLOGUE).append("int main(void) {\n");
    for (int i = 0; i < all.size(); i++) {
      String line = "printf(\"%d %%lld\\n\", (long long)(%s));\n".formatted(i, all.get(i));
      program.append(optional ? "#ifdef %s\n%s#endif\n".formatted(all.get(i), line) : line);
    }
    program.append("return 0;\n}\n");
    Map<String, Long> values = new LinkedHashMap<>();
    for (String line : compileAndRun(program.toString())) {
      String[] words = line.split(" ");
      values.put(all.get(Integer.parseInt(words[0])), Long.parseLong(words[1]));
    }
    if (!optional) {
      assertThat(values).as("values that the probe printed").hasSameSizeAs(all);
    }
    return values;
  }

  /** Every {@code static final} number of a class that names its fields as C does, against C; those whose macro the headers lack are told on the console. */
  public static void compareFields(Class<?> numbers) throws IOException, InterruptedException {
    Map<String, Long> ours = new LinkedHashMap<>();
    for (Field field : numbers.getDeclaredFields()) {
      boolean number = field.getType() == int.class || field.getType() == long.class;
      if (Modifier.isStatic(field.getModifiers()) && number) {
        field.setAccessible(true);
        try {
          ours.put(field.getName(), field.getLong(null));
        } catch (IllegalAccessException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    compareMacros(numbers.getSimpleName(), ours);
  }

  /** Numbers by the name of their macro, against C. */
  public static void compareMacros(String what, Map<String, Long> ours)
      throws IOException, InterruptedException {
    Map<String, Long> theirs = evaluate(ours.keySet(), true);
    List<String> unknown = new ArrayList<>(ours.keySet());
    unknown.removeAll(theirs.keySet());
    if (!unknown.isEmpty()) {
      System.out.println("SKIPPED: these headers are older than " + what + "'s " + unknown);
    }
    assertThat(theirs).as("%s that the host's headers know", what).isNotEmpty();
    Map<String, Long> compared = new LinkedHashMap<>(ours);
    compared.keySet().retainAll(theirs.keySet());
    assertThat(compared).as(what).containsExactlyEntriesOf(theirs);
  }

  private static List<String> compileAndRun(String program)
      throws IOException, InterruptedException {
    String compiler = compiler();
    Path folder = Files.createTempDirectory("lockstep-probe");
    try {
      Path source = Files.writeString(folder.resolve("probe.c"), program);
      Path binary = folder.resolve("probe");
      String options = "-w -O0 -std=gnu11 -I " + HEADERS + " -o " + binary + " " + source;
      List<String> command = new ArrayList<>(List.of(compiler));
      command.addAll(List.of(options.split(" ")));
      List<String> messages = run(command);
      assertThat(binary).as("what %s made; it said %s", compiler, messages).exists();
      return run(List.of(binary.toString()));
    } finally {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  private static List<String> run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    List<String> lines = process.inputReader().readAllLines();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return lines;
  }

  private static String compiler() {
    for (String folder : System.getenv().getOrDefault("PATH", "").split(":")) {
      for (String name : List.of("cc", "gcc", "clang")) {
        Path candidate = Path.of(folder, name);
        if (Files.isExecutable(candidate) && Files.exists(Path.of("/usr/include/linux/kvm.h"))) {
          return candidate.toString();
        }
      }
    }
    return abort(
        "no C compiler with headers: the bindings are not held against this host's headers;"
            + " install the packages gcc, libc6-dev and linux-libc-dev");
  }
}
