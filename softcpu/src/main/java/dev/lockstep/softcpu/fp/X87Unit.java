package dev.lockstep.softcpu.fp;

/**
 * The x87 FPU of one vCPU: its registers and everything that executes on them.
 *
 * <p>How the CPU core executes an instruction D8..DF: check CR0.EM/TS (#NM); for a waiting instruction check {@link X87State#pendingException} (#MF); fetch the memory operand, if any, through
 * the MMU; call the operation; unless it is a control instruction write FIP, FCS, FOP and, with a memory operand, FDP, FDS. An operation never throws: what it signals is in the status word.
 * Stores run in two phases, see {@link X87Stores}.
 */
public final class X87Unit {
  /** The registers; control instructions (FNINIT, FLDCW, FNCLEX, FINCSTP, FFREE ...) are its methods. */
  public final X87State state = new X87State();

  private final X87Stack stack = new X87Stack(state, new F80());

  /** Loads and register moves. */
  public final X87Moves moves = new X87Moves(stack);

  /** Stores to memory. */
  public final X87Stores stores = new X87Stores(stack);

  /** The four basic operations. */
  public final X87Arithmetic arithmetic = new X87Arithmetic(stack);

  /** Comparisons and classification. */
  public final X87Compares compares = new X87Compares(stack);

  /** FSQRT, FPREM, FSCALE and the like. */
  public final X87Functions functions = new X87Functions(stack);

  /** FSIN, FYL2X and the like. */
  public final X87Transcendentals transcendentals = new X87Transcendentals(stack);
}
