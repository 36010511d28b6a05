package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.preflight.Preflight;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** Asks a host's KVM everything in which hosts differ. Each probe has a thread of its own, which is cut off when it takes too long, so no host can hang the caller. */
public final class HostProbes {
  /** What a kernel must have for the engine. */
  public static final List<Capability> REQUIRED =
      List.of(
          Capability.USER_MEMORY,
          Capability.EXT_CPUID,
          Capability.VCPU_EVENTS,
          Capability.DEBUGREGS,
          Capability.SET_GUEST_DEBUG,
          Capability.SYNC_REGS,
          Capability.XSAVE,
          Capability.USER_NMI,
          Capability.IMMEDIATE_EXIT,
          Capability.X86_USER_SPACE_MSR,
          Capability.X86_MSR_FILTER);

  /** What a probe may take to end after it was kicked out. */
  private static final long GRACE_MILLIS = 1_000;

  private final Path device;
  private final List<HostProbe> probes;

  /** For a KVM device, usually {@link Kvm#DEVICE}. */
  public HostProbes(Path device) {
    this(device, all());
  }

  /** With other probes. */
  HostProbes(Path device, List<HostProbe> probes) {
    this.device = device;
    this.probes = List.copyOf(probes);
  }

  private static List<HostProbe> all() {
    return List.of(
        new CapabilitiesProbe(),
        new SpeedProbe(),
        new RoundTripProbe(),
        new SingleStepProbe(),
        new BreakpointProbe(),
        new WatchpointProbe(),
        new TranslationProbe(),
        new CpuidProbe(),
        new TimeStampProbe(),
        new SyscallProbe(),
        new InterruptProbe(),
        new InstructionsProbe(),
        new MsrFilterProbe(),
        new DirtyLogProbe(),
        new DirtyRingProbe(),
        new HypercallProbe());
  }

  /** The device, and whether RDTSC can be kept from a guest's programs; some milliseconds. */
  public List<Finding> timeStampCounter() {
    return run(List.of(new TimeStampProbe()));
  }

  /** All findings, that of the device first; only that one if there is no KVM to ask. Takes well under a second on a host that does not hang. */
  public List<Finding> findings() {
    return run(probes);
  }

  /** The device, required capabilities and ring 0's speed alone: what a choice of engine needs; some milliseconds. */
  public List<Finding> essentials() {
    return run(List.of(new CapabilitiesProbe(), new SpeedProbe()));
  }

  /** What the engine must know before it makes a vCPU; some milliseconds. A host without KVM has none of it. */
  public HostTraits traits() {
    return HostTraits.of(
        run(
            List.of(
                new SpeedProbe(),
                new SingleStepProbe(),
                new BreakpointProbe(),
                new WatchpointProbe(),
                new TranslationProbe(),
                new CpuidProbe(),
                new InterruptProbe())));
  }

  private List<Finding> run(List<HostProbe> wanted) {
    List<Finding> findings = new ArrayList<>();
    try (Kvm kvm = Kvm.open(device)) {
      findings.add(
          Finding.of(
                  "kvm",
                  "KVM",
                  Verdict.OK,
                  device + " is there and permitted",
                  "Guests can run on this host's processor.")
              .with("device", device.toString()));
      for (HostProbe probe : wanted) {
        findings.add(guarded(probe, kvm));
      }
    } catch (KvmException e) {
      findings.add(
          Finding.of(
                  "kvm",
                  "KVM",
                  Verdict.MISSING,
                  String.valueOf(e.getMessage()),
                  "Guests run on the software CPU, which needs nothing of the host.")
              .advise(adviceFor(e))
              .with("device", device.toString())
              .with("errno", e.errno()));
    }
    return findings;
  }

  /** A refusal has several causes; the file's rights and the user's groups tell which. */
  private String adviceFor(KvmException e) {
    return e.errno() == Errno.EACCES || e.errno() == Errno.EPERM
        ? Preflight.access(device).advice()
        : e.advice();
  }

  /** Runs a probe in a thread that may be left behind: the kernel itself may never let it go. */
  private Finding guarded(HostProbe probe, Kvm kvm) {
    ProbeContext context = new ProbeContext(kvm);
    AtomicReference<Finding> result = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .daemon()
            .name("probe " + probe.id())
            .unstarted(() -> {
              try (context) {
                result.set(probe.run(context));
              } catch (HostProbe.CutOff e) {
                // No result says that.
              } catch (KvmException e) {
                result.set(refused(probe, e));
              }
            });
    thread.start();
    try {
      if (!thread.join(Duration.ofMillis(probe.limitMillis()))) {
        context.cutOff();
        thread.join(GRACE_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      context.cutOff();
    }
    Finding found = result.get();
    return found == null ? probe.cutOff() : found;
  }

  private static Finding refused(HostProbe probe, KvmException e) {
    return Finding.of(
            probe.id(),
            probe.what(),
            Verdict.MISSING,
            String.valueOf(e.getMessage()),
            "This host's KVM refuses what the probe asks for; it is taken as not there.")
        .advise(e.advice())
        .with("errno", e.errno());
  }
}
