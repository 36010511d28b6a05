package dev.lockstep.ft.core;

/** What an operator may ask of a primary. One at a time; each ends with {@link PrimaryEffect.OrderEnded}. */
public enum OperatorOrder {
  /** Move the VM to the backup, without loss and without a re-boot. */
  FAILOVER,
  /** Go on without a backup until told otherwise. */
  UNPROTECT,
  /** Take a backup again. */
  PROTECT
}
