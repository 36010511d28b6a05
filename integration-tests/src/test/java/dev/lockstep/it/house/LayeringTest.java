package dev.lockstep.it.house;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.conditions.ArchConditions;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A module uses only modules below it, devices and protocol cores depend on their input alone, native access has one home. */
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
        .layer("kvm-bindings")
        .definedBy("dev.lockstep.kvm..")
        .layer("softcpu")
        .definedBy("dev.lockstep.softcpu..")
        .layer("counting")
        .definedBy("dev.lockstep.counting..")
        .layer("kvmcpu")
        .definedBy("dev.lockstep.kvmcpu..")
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
        .whereLayer("kvm-bindings")
        .mayOnlyBeAccessedByLayers("softcpu", "counting", "kvmcpu", "vmm", "ft", "cli")
        .whereLayer("kvm-bindings")
        .mayNotAccessAnyLayer()
        .whereLayer("counting")
        .mayOnlyBeAccessedByLayers("kvmcpu", "vmm", "ft", "cli")
        .whereLayer("kvmcpu")
        .mayOnlyBeAccessedByLayers("vmm", "ft", "cli")
        // A new module is refused until it has its place in this list.
        .ensureAllClassesAreContainedInArchitectureIgnoring("dev.lockstep.it..")
        .check(CLASSES);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("dev.lockstep.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void devicesOwnNothingOfTheHost() {
    ArchRuleDefinition.noClasses()
        .that()
        .resideInAnyPackage(
            "dev.lockstep.vmm.device..",
            "dev.lockstep.vmm.virtio..",
            "dev.lockstep.vmm.pci..",
            "dev.lockstep.vmm.bus..")
        .should(useThreadsClocksOrSockets())
        .check(CLASSES);
  }

  @Test
  void protocolCoresKnowNeitherNetworkNorClock() {
    ArchRuleDefinition.noClasses()
        .that()
        .resideInAPackage("dev.lockstep.ft.core..")
        .should(useThreadsClocksOrSockets())
        .check(CLASSES);
  }

  @Test
  void nativeCodeIsCalledFromItsOwnModuleOnly() {
    ArchRuleDefinition.noClasses()
        .that()
        .resideOutsideOfPackage("dev.lockstep.kvm..")
        .should()
        .dependOnClassesThat(
            describe(
                "open the way to native code",
                type ->
                    type.getName().equals("java.lang.foreign.Linker")
                        || type.getName().equals("java.lang.foreign.SymbolLookup")
                        || type.getName().startsWith("com.sun.jna")
                        || type.getName().equals("sun.misc.Unsafe")
                        || type.getName().startsWith("jdk.internal.")))
        .orShould()
        .callMethodWhere(
            describe(
                "load native code or make memory of an address",
                call ->
                    call.getTargetOwner().isEquivalentTo(System.class)
                            && call.getName().startsWith("load")
                        || call.getTargetOwner().isEquivalentTo(Runtime.class)
                            && call.getName().startsWith("load")
                        || call.getTargetOwner().isEquivalentTo(MemorySegment.class)
                            && call.getName().equals("reinterpret")))
        .check(CLASSES);
  }

  /** What would make a state machine's behaviour depend on anything but its input. */
  private static ArchCondition<JavaClass> useThreadsClocksOrSockets() {
    return ArchConditions.dependOnClassesThat(
            JavaClass.Predicates.resideInAnyPackage(
                    "io.netty..",
                    "io.grpc..",
                    "java.net..",
                    "java.nio.channels..",
                    "java.util.concurrent..",
                    "java.util.random..")
                .or(JavaClass.Predicates.equivalentTo(Thread.class))
                .or(JavaClass.Predicates.equivalentTo(Random.class))
                .or(JavaClass.Predicates.equivalentTo(SecureRandom.class)))
        .or(
            ArchConditions.callMethodWhere(
                describe(
                    "ask a clock for the time",
                    call ->
                        call.getName().equals("now")
                            && call.getTargetOwner().getPackageName().equals("java.time"))))
        .or(ArchConditions.callMethod(System.class, "nanoTime"))
        .or(ArchConditions.callMethod(System.class, "currentTimeMillis"))
        .or(ArchConditions.callMethod(Math.class, "random"));
  }
}
