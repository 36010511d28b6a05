package dev.lockstep.it.house;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every device is saved and restored at every step of a script by a test: a new one without such a test is found here. */
final class DeviceRuleTest {
  private static final List<String> ROOTS =
      List.of("dev.lockstep.vmm.device.Device", "dev.lockstep.vmm.virtio.VirtioDevice");

  @Test
  void everyDeviceHasItsContinuations() throws IOException {
    TreeSet<String> devices = new TreeSet<>();
    for (JavaClass type :
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.lockstep.vmm")) {
      boolean concrete =
          !type.isInterface() && !type.getModifiers().contains(JavaModifier.ABSTRACT);
      if (concrete && ROOTS.stream().anyMatch(type::isAssignableTo)) {
        devices.add(type.getSimpleName());
      }
    }
    assertThat(devices).as("devices of the board").contains("Uart16550", "VirtioBlock", "PciBus");
    String tests = testsOfContinuations();
    devices.removeIf(device -> tests.contains("new " + device + "("));
    assertThat(devices).as("devices that no test of continuations makes").isEmpty();
  }

  private static String testsOfContinuations() throws IOException {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.walk(Path.of("..", "vmm", "src", "test", "java"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        String source = Files.readString(file);
        // The bench itself makes the interrupt controllers.
        if (source.contains("Continuations.check(") || file.endsWith("Bench.java")) {
          all.append(source);
        }
      }
    }
    return all.toString();
  }
}
