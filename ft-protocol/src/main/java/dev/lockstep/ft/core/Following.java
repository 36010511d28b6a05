package dev.lockstep.ft.core;

/** How a backup follows its primary. */
public enum Following {
  /** It meets every recorded moment to the instruction, and has put out what the log says when it has replayed it. */
  EXACT,

  /** It meets moments as nearly as it can without a branch counter. Outputs are matched apart from their points, so one that goes live has perhaps not put out all that its primary had: nothing of that has left. */
  FREE_RUNNING
}
