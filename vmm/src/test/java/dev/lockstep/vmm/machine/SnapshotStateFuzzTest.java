package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.fuzz.Fuzzing;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import dev.lockstep.vmm.snapshot.CheckpointWriter;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as a machine's state in a snapshot whose form is right: a machine is restored from it, or it is refused as {@link VmmException}. */
class SnapshotStateFuzzTest {
  private static final MachineSpec SPEC = Machines.networked(MachineSpec.Pacing.FREE);

  /** What belongs to one snapshot. */
  private record Parts(LogHeader header, byte[] state, MachineDigest digest) {}

  private static final Parts GOOD = snapshot();

  static Stream<byte[]> seeds() {
    return Stream.of(GOOD.state);
  }

  private static Parts snapshot() {
    Path file = null;
    try (Machine machine = Machines.create(SPEC, Guests.exit(0))) {
      file = Files.createTempFile("lockstep", ".snapshot");
      machine.start(LogSink.NONE, new DirectGate((s, o, b) -> {}), 1);
      Machines.await(machine);
      machine.snapshot(file).get();
      return SnapshotFile.read(file, (reader, memory) -> parts(reader));
    } catch (Exception e) {
      throw new AssertionError(e);
    } finally {
      if (file != null) {
        file.toFile().delete();
      }
    }
  }

  private static Parts parts(CheckpointReader reader) throws IOException {
    byte[][] found = new byte[1][];
    MachineDigest[] digest = new MachineDigest[1];
    CheckpointReader.Target target =
        new CheckpointReader.Target() {
          @Override
          public void page(int page, byte[] bytes, int from) {
            // Memory is not what is damaged here.
          }

          @Override
          public void blocks(int disk, long offset, byte[] bytes, int from, int length) {
            // There is none.
          }

          @Override
          public void state(byte[] state) {
            found[0] = state;
          }

          @Override
          public void end(MachineDigest of) {
            digest[0] = of;
          }
        };
    boolean more = true;
    while (more) {
      more = reader.next(target);
    }
    return new Parts(reader.header(), found[0], digest[0]);
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aMachineOrRefused(byte[] data) throws IOException {
    Path file = Files.createTempFile("lockstep", ".snapshot");
    try {
      try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(file))) {
        CheckpointWriter writer = new CheckpointWriter(out, GOOD.header);
        writer.state(data);
        writer.end(GOOD.digest);
      }
      Machines.FACTORY.restore(SPEC, List.of(), file).close();
    } catch (VmmException e) {
      assertThat(e.getMessage()).isNotBlank();
      assertThat(e.advice()).isNotBlank();
    } finally {
      Files.delete(file);
    }
  }
}
