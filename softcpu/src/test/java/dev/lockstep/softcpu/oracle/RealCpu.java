package dev.lockstep.softcpu.oracle;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** This host's CPU in ring 3, which the software CPU is compared with, and what the way to it does not let through. */
public interface RealCpu extends AutoCloseable {
  /** What leads to the CPU: a word in printed lines. */
  String name();

  /** Why a form cannot be asked in a mode, in a few words; empty where it can. */
  default Optional<String> cannotExecute(Form form, int mode) {
    return Optional.empty();
  }

  /** The case itself, or the nearest to it that can be asked. */
  default OracleCase askable(OracleCase wanted) {
    return wanted;
  }

  /**
   * Why a result is not the CPU's own, in a few words; empty where it is.
   *
   * @param real what {@link #execute} gave
   * @param ours what the software CPU did
   */
  default Optional<String> cannotTell(Form form, OracleResult real, OracleResult ours) {
    return Optional.empty();
  }

  /** Whether a result that differs may have come of a disturbance, so that the case is asked once more before it counts. */
  default boolean mayBeDisturbed(OracleResult real) {
    return false;
  }

  /** Executes all cases, in order. */
  List<OracleResult> execute(List<OracleCase> cases) throws IOException;

  /** Whether the CPU is one of AMD's, whose undefined flags ours follow. */
  default boolean isAmd() {
    try {
      return Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.US_ASCII)
          .contains("AuthenticAMD");
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  void close() throws IOException;
}
