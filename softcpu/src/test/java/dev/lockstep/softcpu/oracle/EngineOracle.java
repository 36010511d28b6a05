package dev.lockstep.softcpu.oracle;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * An engine that is asked by its contract: a case is set as a state in ring 3 and runs until the handler of whatever exception came halts. Behind the instruction, and wherever it may branch, is INT3. What
 * this host's engine does not leave to the CPU is found when it is made ({@link EngineTraits}), and left out by name.
 *
 * @param <V> the engine's vCPU
 */
public final class EngineOracle<V extends Vcpu> implements RealCpu {
  private static final int INVALID_OPCODE = 6;
  private static final int STACK_FAULT = 12;
  private static final int GENERAL_PROTECTION = 13;
  private static final int RSP = 4, RBP = 5;
  private static final int ENTER = 0xc8;

  /** What an ENTER of the deepest level pushes, in 64-bit mode (Intel SDM vol. 2A, ENTER). */
  private static final int LONGEST_FRAME = 32 * Long.BYTES;

  /** From bit 47 up all bits of a canonical address are the same (Intel SDM vol. 1 3.3.7.1). */
  private static final int ABOVE_CANONICAL = 16;

  private final String name;
  private final Ring3World world = new Ring3World();
  private final V vcpu;
  private final ToLongFunction<V> helped;
  private final EngineTraits traits;

  /**
   * Makes the engine and asks what it leaves to the CPU.
   *
   * @param name a word for printed lines
   * @param engine makes the vCPU, over the oracle's memory
   * @param helped how many instructions somebody else has executed for this vCPU
   */
  public EngineOracle(String name, Function<GuestMemory, V> engine, ToLongFunction<V> helped) {
    this.name = name;
    this.vcpu = engine.apply(world.memory());
    this.helped = helped;
    this.traits = EngineTraits.of(this::execute);
  }

  @Override
  public String name() {
    return name;
  }

  /** The software CPU is as one, whatever executes it. */
  @Override
  public boolean isAmd() {
    return name.equals("soft") || RealCpu.super.isAmd();
  }

  /** What it leaves to the CPU. */
  public EngineTraits traits() {
    return traits;
  }

  @Override
  public Optional<String> cannotExecute(Form form, int mode) {
    if (!traits.nativeModes().contains(mode)) {
      return Optional.of("code of mode " + mode + " is emulated by this host's kernel");
    }
    return form.has("selectors") && !traits.selectorsKept()
        ? Optional.of("ring 3 sees other selectors than were set")
        : Optional.empty();
  }

  /**
   * With a canonical RSP where the host's kernel would otherwise emulate the instruction; and an ENTER whose old and new frames overlap with both at one place. A page fault of the kernel's own in the middle (a page that it has
   * not mapped yet) starts it again, and what it has pushed by then it may read then; with RBP and RSP the same it reads what it would have read anyway.
   */
  @Override
  public OracleCase askable(OracleCase wanted) {
    OracleCase canonical = withCanonicalStack(wanted);
    long[] gpr = canonical.gpr();
    if (!isEnter(wanted.code()) || Math.abs(gpr[RBP] - gpr[RSP]) > LONGEST_FRAME) {
      return canonical;
    }
    gpr = gpr.clone();
    gpr[RBP] = gpr[RSP];
    return canonical.withGpr(gpr);
  }

  private static boolean isEnter(byte[] code) {
    int i = 0;
    while (i < code.length - 1 && isPrefix(code[i] & 0xff)) {
      i++;
    }
    return (code[i] & 0xff) == ENTER;
  }

  private static boolean isPrefix(int b) {
    return switch (b) {
      case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> b >> 4 == 4;
    };
  }

  private OracleCase withCanonicalStack(OracleCase wanted) {
    long rsp = wanted.gpr()[RSP];
    long canonical = rsp << ABOVE_CANONICAL >> ABOVE_CANONICAL;
    if (traits.anyStackPointer() || wanted.mode() != OracleCase.MODE_64 || rsp == canonical) {
      return wanted;
    }
    long[] gpr = wanted.gpr().clone();
    gpr[RSP] = canonical;
    return wanted.withGpr(gpr);
  }

  /**
   * Where the host's kernel emulates an instruction that the CPU refused with #GP, its emulator has the last word. It may not know the instruction, which is #UD; not mind what the CPU refused (a misaligned
   * FXSAVE image); or look first at whether a stack address is canonical, which is #SS. Then a #GP of ours can be right. One of the CPU's that ours does not raise shows all the same.
   */
  @Override
  public Optional<String> cannotTell(Form form, OracleResult real, OracleResult ours) {
    boolean refusedByOurs = ours.vector() == GENERAL_PROTECTION;
    boolean emulated =
        real.vector() == INVALID_OPCODE
            || real.vector() == STACK_FAULT
            || form.value("image").equals("fx");
    return !traits.generalProtectionReported() && refusedByOurs && emulated
        ? Optional.of("the host's kernel emulates what raised #GP")
        : Optional.empty();
  }

  /** A host whose kernel emulates now and then emulates what it usually leaves to the CPU (seen once in 3.6 million cases: the INT3 behind a CMOV was #UD); where hardware virtualises, every difference counts. */
  @Override
  public boolean mayBeDisturbed(OracleResult real) {
    return !traits.generalProtectionReported() && real.vector() == INVALID_OPCODE;
  }

  @Override
  public List<OracleResult> execute(List<OracleCase> cases) {
    List<OracleResult> results = new ArrayList<>(cases.size());
    cases.forEach(one -> results.add(execute(one)));
    return results;
  }

  private OracleResult execute(OracleCase asked) {
    CpuState state = world.state();
    world.load(asked);
    long before = helped.applyAsLong(vcpu);
    vcpu.setState(state);
    VcpuExit exit = vcpu.run(Long.MAX_VALUE);
    vcpu.getState(state);
    if (!(exit instanceof VcpuExit.Halt)) {
      String what = exit instanceof VcpuExit.Unsupported refused ? refused.what() : exit.toString();
      throw new IllegalStateException(name + " left with " + what + " on " + asked);
    }
    if (helped.applyAsLong(vcpu) != before) {
      throw new IllegalStateException(name + " needed help from another engine on " + asked);
    }
    return world.result().ofStopped(asked);
  }

  @Override
  public void close() {
    vcpu.close();
    world.close();
  }
}
