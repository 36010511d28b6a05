package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.Kvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The doctor tells of any host, in lines and in JSON, and never shows a stack trace. */
final class DoctorTest {
  /** The probes of KVM; absent where there is no KVM to ask. */
  private static final List<String> KVM =
      List.of(
          "capabilities",
          "ring0",
          "exit",
          "single_step",
          "breakpoints",
          "watchpoints",
          "translations",
          "cpuid",
          "rdtsc",
          "syscall",
          "interrupts",
          "instructions",
          "msr_filter",
          "dirty_log",
          "dirty_ring",
          "hypercall",
          "self_test");

  private static final List<String> HOST =
      List.of(
          "pmu",
          "tap",
          "passt",
          "memory",
          "disk",
          "open_files",
          "priority",
          "jdk",
          "translator",
          "start_cache",
          "guest_image");

  @TempDir Path folder;

  @Test
  void tellsOfThisHost() throws Exception {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the doctor is not tried on kvm");
    JsonNode whole = json("doctor", "--json");
    assertThat(whole.propertyNames()).containsExactly("version", "findings", "auto");
    assertThat(whole.get("version").asInt()).isEqualTo(1);
    List<String> ids = ids(whole);
    assertThat(ids).startsWith("kvm").containsAll(KVM).endsWith(HOST.toArray(String[]::new));
    assertThat(ids).hasSize(1 + KVM.size() + HOST.size());
    for (JsonNode finding : whole.get("findings")) {
      assertThat(finding.propertyNames())
          .containsExactly("id", "what", "verdict", "found", "meaning", "advice", "values");
      assertThat(finding.get("verdict").asString()).isIn("ok", "limited", "missing");
      assertThat(finding.get("meaning").asString()).endsWith(".");
    }
    JsonNode speed = values(whole, "ring0");
    assertThat(speed.get("ring0_million_instructions_per_second").asDouble()).isPositive();
    boolean isNative = speed.get("ring0_native").asBoolean();
    JsonNode run = whole.get("auto").get(0);
    assertThat(run.propertyNames()).containsExactly("purpose", "engine", "counter", "reason");
    assertThat(run.get("purpose").asString()).isEqualTo("free_running");
    boolean passed = values(whole, "self_test").get("passed").asBoolean();
    assertThat(run.get("engine").asString()).isEqualTo(isNative && passed ? "kvm" : "soft");
    assertThat(whole.get("auto").get(1).get("engine").asString()).isEqualTo("soft");
    assertThat(whole.get("auto").get(2).get("engine").asString()).isEqualTo("soft");
  }

  @Test
  void tellsInLines() throws Exception {
    Command.Result result = Command.run(folder, "doctor");
    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(result.out())
        .contains("KVM ", "JDK ", "guest image ", "--engine auto takes", "counter: exact")
        .doesNotContain("Exception", "\tat ");
    assertThat(result.out().lines())
        .filteredOn(line -> line.startsWith("memory "))
        .singleElement()
        .asString()
        .contains("MiB available of");
  }

  @Test
  void calibratesOrSaysThatThereIsNoCounter() throws Exception {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: no counter is calibrated");
    Path profile = folder.resolve("state/counter");
    Command.Result lines =
        Command.run(folder, "doctor", "--calibrate", "--profile", profile.toString());
    assertThat(lines.status()).isZero();
    assertThat(lines.err()).isEmpty();
    assertThat(lines.out())
        .contains("counter ", "task clock ", "kicked a guest in ring 3 out of KVM_RUN", "####")
        .doesNotContain("Exception", "\tat ");
    JsonNode whole = json("doctor", "--calibrate", "--json", "--profile", profile.toString());
    String verdict = whole.get("verdict").asString();
    assertThat(verdict).isIn("exact", "refused", "missing");
    assertThat(Files.exists(profile)).isEqualTo(verdict.equals("exact"));
    if (verdict.equals("missing")) {
      assertThat(whole.get("reasons").get(0).asString()).isNotBlank();
      System.out.println("SKIPPED: calibration of a counter: " + whole.get("reasons").get(0));
    }
  }

  @Test
  void tellsOfAHostWithoutKvm() throws Exception {
    JsonNode whole = json("doctor", "--json", "--kvm-device", "/dev/no-such-kvm");
    assertThat(ids(whole)).hasSize(1 + HOST.size()).startsWith("kvm").containsAll(HOST);
    JsonNode kvm = whole.get("findings").get(0);
    assertThat(kvm.get("verdict").asString()).isEqualTo("missing");
    assertThat(kvm.get("found").asString()).contains("ENOENT");
    assertThat(kvm.get("advice").asString()).contains("--engine soft");
    assertThat(whole.get("auto").get(0).get("engine").asString()).isEqualTo("soft");
    assertThat(whole.get("auto").get(0).get("reason").asString()).contains("ENOENT");
  }

  @Test
  void tellsOfAHostThatPermitsNothing() throws Exception {
    // Not even root may write there.
    JsonNode whole = json("doctor", "--json", "--kvm-device=/sys/devices/system/cpu/online");
    JsonNode kvm = whole.get("findings").get(0);
    assertThat(kvm.get("verdict").asString()).isEqualTo("missing");
    assertThat(kvm.get("found").asString()).containsAnyOf("EACCES", "EROFS");
    assertThat(kvm.get("advice").asString()).isNotBlank();
  }

  @Test
  void refusesWhatItDoesNotKnow() throws Exception {
    Command.Result result = Command.run(folder, "doctor", "--jason");
    assertThat(result.status()).isEqualTo(64);
    assertThat(result.err()).contains("Unknown option: '--jason'").doesNotContain("\tat ");
  }

  private JsonNode json(String... arguments) throws Exception {
    Command.Result result = Command.run(folder, arguments);
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    assertThat(result.out().lines()).hasSize(1);
    return new JsonMapper().readTree(result.out());
  }

  private static List<String> ids(JsonNode whole) {
    return whole.get("findings").valueStream().map(it -> it.get("id").asString()).toList();
  }

  private static JsonNode values(JsonNode whole, String id) {
    return whole
        .get("findings")
        .valueStream()
        .filter(it -> it.get("id").asString().equals(id))
        .findFirst()
        .orElseThrow()
        .get("values");
  }
}
