package dev.lockstep.it.house;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import org.junit.jupiter.api.Test;

/** A module uses only modules below it; native access has one home. */
final class LayeringTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.lockstep");

  @Test
  void modulesUseOnlyWhatIsBelowThem() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("engine")
        .definedBy("dev.lockstep.engine..")
        .layer("softcpu")
        .definedBy("dev.lockstep.softcpu..")
        .layer("vmm")
        .definedBy("dev.lockstep.vmm..")
        .layer("ft")
        .definedBy("dev.lockstep.ft..")
        .layer("cli")
        .definedBy("dev.lockstep.cli..")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("ft")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("vmm")
        .mayOnlyBeAccessedByLayers("ft", "cli")
        .whereLayer("softcpu")
        .mayOnlyBeAccessedByLayers("vmm")
        .check(CLASSES);
  }

  @Test
  void packagesOfAModuleHaveNoCycles() {
    for (String room : new String[] {"softcpu", "vmm", "ft", "cli"}) {
      slices()
          .matching("dev.lockstep." + room + ".(*)..")
          .should()
          .beFreeOfCycles()
          .allowEmptyShould(true)
          .check(CLASSES);
    }
  }

  @Test
  void protocolCoresKnowNeitherNetworkNorClock() {
    ArchRuleDefinition.noClasses()
        .that()
        .resideInAPackage("dev.lockstep.ft.core..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.netty..",
            "io.grpc..",
            "java.net..",
            "java.nio.channels..",
            "java.util.concurrent..")
        .orShould()
        .callMethod(System.class, "nanoTime")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .allowEmptyShould(true)
        .check(CLASSES);
  }

  @Test
  void nativeCodeIsCalledFromItsOwnModuleOnly() {
    ArchRuleDefinition.noClasses()
        .that()
        .resideOutsideOfPackage("dev.lockstep.kvm..")
        .should()
        .dependOnClassesThat(
            DescribedPredicate.describe(
                "call native code",
                type ->
                    type.getName().equals("java.lang.foreign.Linker")
                        || type.getName().startsWith("com.sun.jna")
                        || type.getName().equals("sun.misc.Unsafe")))
        .check(CLASSES);
  }
}
