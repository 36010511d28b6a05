package dev.lockstep.cli.console;

/** What the user asks of the console itself, behind the escape key. */
public enum ConsoleAction {
  /** Leave: the machine is stopped. */
  LEAVE,
  /** Press Ctrl-Alt-Del in the guest. */
  CTRL_ALT_DEL,
  /** Show how the machine does. */
  STATUS,
  /** Write a snapshot and go on. */
  SNAPSHOT,
  /** Show what keys there are. */
  HELP
}
