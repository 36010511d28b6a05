package dev.lockstep.softcpu.fp;

/**
 * The x87 FPU of one vCPU: its registers and everything that executes on them.
 *
 * <p>How the CPU core executes an instruction D8..DF: check CR0.EM/TS (#NM); for a waiting instruction check {@link X87State#pendingException} (#MF); fetch the memory operand, if any, through
 * the MMU; call the operation; unless it is a control instruction write FIP, FCS, FOP and, with a memory operand, FDP, FDS. An operation never throws: what it signals is in the status word.
 * Stores run in two phases, see {@link X87Stores}.
 */
public final class X87Unit {
  public final X87State state = new X87State();
  public final X87Moves moves = new X87Moves(state);
  public final X87Stores stores = new X87Stores(state);
  public final X87Arithmetic arithmetic = new X87Arithmetic(state);
  public final X87Compares compares = new X87Compares(state);
  public final X87Functions functions = new X87Functions(state);
  public final X87Transcendentals transcendentals = new X87Transcendentals(state);
}
