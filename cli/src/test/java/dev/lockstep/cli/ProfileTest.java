package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A small guest whose every instruction is known, profiled by the real command. */
final class ProfileTest {
  private static final int TURNS = 20_000_000;

  @TempDir Path folder;

  /** A loop of two instructions, and seven around it. */
  private String kernel() throws Exception {
    return new TinyGuest()
        .emit(
            0xb9,
            TURNS & 0xff,
            TURNS >> 8 & 0xff,
            TURNS >> 16 & 0xff,
            TURNS >> 24) // mov ecx, TURNS
        .emit(0xff, 0xc9, 0x75, 0xfc) // dec ecx; jnz
        .print("x")
        .exit(5)
        .write(folder.resolve("kernel"))
        .toString();
  }

  @Test
  void countsAreExactAndSamplesAreOfTheVcpu() throws Exception {
    Command.Result result =
        Command.run(
            folder,
            "run",
            "--kernel",
            kernel(),
            "--engine=soft",
            "--translator=off",
            "--profile",
            "--json");
    assertThat(result.out()).isEqualTo("x");
    assertThat(result.status()).isEqualTo(5);
    assertThat(result.err().lines()).hasSize(1);
    JsonNode whole = new JsonMapper().readTree(result.err());
    JsonNode profile = whole.get("profile");
    // mov; dec and jnz; mov edx, mov al, out; mov al, and the out that ends the machine in its
    // middle or after it.
    long instructions = whole.get("instructions").asLong();
    assertThat(profile.get("instructions").asLong()).isEqualTo(instructions);
    assertThat(instructions).isBetween(2L * TURNS + 1 + 3 + 1, 2L * TURNS + 1 + 3 + 2);
    assertThat(
            profile.get("instructions_in_blocks").asLong()
                + profile.get("instructions_alone").asLong())
        .isEqualTo(instructions);
    assertThat(profile.get("instructions_translated").asLong()).isZero();
    JsonNode hottest = profile.get("hottest_blocks").get(0);
    assertThat(hottest.get("runs").asLong())
        .as("the first turn follows the mov")
        .isEqualTo(TURNS - 1);
    assertThat(hottest.get("length").asInt()).isEqualTo(2);
    assertThat(profile.get("exits").get("port_write").asLong()).isEqualTo(2);
    assertThat(profile.get("cpu_seconds").get("vcpu").asDouble()).isPositive();
    // How many samples there are is the affair of the host.
    assertThat(profile.get("samples").asLong()).isPositive();
    assertThat(profile.get("samples_by_kind").valueStream().mapToLong(JsonNode::asLong).sum())
        .isEqualTo(profile.get("samples").asLong());
  }

  @Test
  void tablesAreForPeople() throws Exception {
    Command.Result result =
        Command.run(
            folder, "run", "--kernel", kernel(), "--engine=soft", "--translator=off", "--profile");
    assertThat(result.status()).isEqualTo(5);
    assertThat(result.err())
        .containsPattern("instructions +40,000,00")
        .contains("CPU time of the process, s", "HotSpot's compilers", "Instructions executed")
        .containsPattern("the hottest so many +100 +100.0 %")
        .containsPattern("port write +2")
        .doesNotContain("\tat ");
  }
}
