package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import org.jspecify.annotations.Nullable;

/**
 * The machine's side of exact reads of the time-stamp counter: what happens where patched code calls it by {@link StopPort}. Holds CR4.TSD, answers programs' RDTSC at the kernel's #GP entry, and patches
 * modules before they run.
 *
 * <p>It is saved and compared as a device is, but has no registers. The vCPU's thread.
 */
public final class ExactTsc implements Device {
  private static final int VERSION = 1;
  private static final int MAX_ORIGINAL = 32;
  private static final byte[] NOTHING = {};

  private final CpuState scratch = new CpuState();
  private long faultEntry = -1;
  private long moduleEntry = -1;
  private byte[] moduleOriginal = NOTHING;
  private boolean guestDisables;
  private Counts counts = new Counts(0, 0, 0, 0, 0);

  /**
   * What was done so far; the same on every replica.
   *
   * @param userReads reads of the counter by programs that were answered
   * @param userRefusals reads that became #UD
   * @param controlWrites of CR4
   * @param modules that were looked through
   * @param moduleSites that were patched in them
   */
  public record Counts(
      long userReads, long userRefusals, long controlWrites, long modules, long moduleSites) {
    private Counts more(Done what, long times) {
      return new Counts(
          userReads + (what == Done.READ ? times : 0),
          userRefusals + (what == Done.REFUSED ? times : 0),
          controlWrites + (what == Done.CONTROL ? times : 0),
          modules + (what == Done.MODULE ? times : 0),
          moduleSites + (what == Done.SITE ? times : 0));
    }
  }

  private enum Done {
    READ,
    REFUSED,
    CONTROL,
    MODULE,
    SITE
  }

  /** Learns where the kernel was patched. */
  void stopAt(EntryPatch fault, @Nullable EntryPatch module) {
    faultEntry = fault.physical();
    if (module != null) {
      moduleEntry = module.physical();
      moduleOriginal = module.original().clone();
    }
  }

  /** Sets CR4.TSD in the state that the guest begins with. */
  public void begin(CpuState state) {
    guestDisables = (state.cr4 & UserCounter.TIME_STAMP_DISABLE) != 0;
    UserCounter.hold(state);
  }

  /** What was done so far. */
  public Counts counts() {
    return counts;
  }

  /**
   * The guest has executed OUT. If it is that of a patch, does what is due there.
   *
   * @param vcpu stands behind the OUT
   * @param timeStamp what a read of the counter gives now
   * @return what the vCPU has exited with since, {@link VcpuExit.Stepped} for nothing; null if the OUT is the guest's own
   * @throws dev.lockstep.engine.VmmException if a module cannot be patched
   */
  public @Nullable VcpuExit stopped(
      VcpuExit.PortWrite exit, Vcpu vcpu, GuestMemory memory, long timeStamp) {
    StopPort port = StopPort.of(exit.port());
    if (port == null || exit.width() != 1) {
      return null;
    }
    vcpu.getState(scratch);
    LinearView view = new LinearView(scratch, memory);
    long at = scratch.rip - StopPort.LENGTH;
    // A program that was given these ports can write to them as well.
    if ((scratch.segments[CpuState.CS].selector & 3) != 0 || view.physical(scratch.rip) < 0) {
      return null;
    }
    CodeBytes code = CodeBytes.linear(view, memory);
    return switch (port) {
      case FAULT -> view.physical(at) == faultEntry ? fault(vcpu, memory, timeStamp) : null;
      case MODULE -> view.physical(at) == moduleEntry ? module(vcpu, memory, code) : null;
      case WRITE_CR4 -> {
        ControlPatch.@Nullable Operand operand = ControlPatch.Operand.at(code, scratch.rip);
        yield operand == null ? null : writeControl(vcpu, code, operand);
      }
      case READ_CR4 -> {
        ControlPatch.@Nullable Operand operand = ControlPatch.Operand.at(code, scratch.rip);
        if (operand == null) {
          yield null;
        }
        ControlPatch.read(scratch, operand, guestDisables);
        vcpu.setState(scratch);
        yield VcpuExit.Stepped.STEPPED;
      }
    };
  }

  private VcpuExit fault(Vcpu vcpu, GuestMemory memory, long timeStamp) {
    if (guestDisables) {
      // The guest forbids it itself (PR_SET_TSC): its handler is to know.
      return VcpuExit.Stepped.STEPPED;
    }
    UserCounter.Outcome outcome =
        UserCounter.emulate(scratch, memory, vcpu.model().hasTsc(), timeStamp);
    switch (outcome) {
      case READ -> counts = counts.more(Done.READ, 1);
      case REFUSED -> counts = counts.more(Done.REFUSED, 1);
      case NOT_OURS -> {
        return VcpuExit.Stepped.STEPPED;
      }
    }
    vcpu.setState(scratch);
    return VcpuExit.Stepped.STEPPED;
  }

  private VcpuExit module(Vcpu vcpu, GuestMemory memory, CodeBytes code) {
    int sites = ModuleText.patch(scratch, memory);
    counts = counts.more(Done.MODULE, 1).more(Done.SITE, sites);
    return DisplacedStep.run(vcpu, scratch, code, scratch.rip - StopPort.LENGTH, moduleOriginal);
  }

  private VcpuExit writeControl(Vcpu vcpu, CodeBytes code, ControlPatch.Operand operand) {
    boolean wanted = (scratch.gpr[operand.register()] & UserCounter.TIME_STAMP_DISABLE) != 0;
    long behind = scratch.rip + operand.bytes().length;
    VcpuExit exit = ControlPatch.write(vcpu, scratch, code, operand);
    if (scratch.rip == behind) {
      guestDisables = wanted;
    }
    counts = counts.more(Done.CONTROL, 1);
    return exit;
  }

  @Override
  public String kind() {
    return "exact-tsc";
  }

  /** Has no registers. */
  @Override
  public long read(int offset, int width) {
    return -1;
  }

  /** Has no registers. */
  @Override
  public void write(int offset, int width, long value) {}

  @Override
  public DeviceState save() {
    return new StateWriter(kind(), VERSION)
        .number("fault_entry", faultEntry)
        .number("module_entry", moduleEntry)
        .bytes("module_original", moduleOriginal)
        .flag("guest_disables", guestDisables)
        .numbers(
            "counts",
            counts.userReads,
            counts.userRefusals,
            counts.controlWrites,
            counts.modules,
            counts.moduleSites)
        .state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    long fault = in.number("fault_entry");
    long module = in.number("module_entry");
    byte[] original = in.bytes("module_original");
    if (original.length > MAX_ORIGINAL) {
      throw in.unfit("module_original", "has %d bytes".formatted(original.length));
    }
    boolean disables = in.flag("guest_disables");
    long[] numbers = in.numbers("counts");
    if (numbers.length != 5) {
      throw in.unfit("counts", "has %d numbers".formatted(numbers.length));
    }
    in.end();
    faultEntry = fault;
    moduleEntry = module;
    moduleOriginal = original;
    guestDisables = disables;
    counts = new Counts(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
  }
}
