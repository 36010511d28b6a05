package dev.lockstep.vmm.config;

/**
 * Where a setting came from, for messages.
 *
 * @param text {@code --memory}, or {@code vm.json:3:14} (file, line and column from 1)
 */
public record Origin(String text) {
  @Override
  public String toString() {
    return text;
  }
}
