package dev.lockstep.kvmcpu.probe;

/** Where a probe's code runs. */
enum Ring {
  /** Ring 0. */
  KERNEL(0x08, 0x10, 0),
  /** Ring 3. */
  USER(0x2b, 0x23, 3);

  final int codeSelector;
  final int dataSelector;
  final int level;

  Ring(int codeSelector, int dataSelector, int level) {
    this.codeSelector = codeSelector;
    this.dataSelector = dataSelector;
    this.level = level;
  }
}
