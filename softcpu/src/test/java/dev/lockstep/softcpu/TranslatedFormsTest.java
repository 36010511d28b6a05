package dev.lockstep.softcpu;

/** The same with every block translated before it runs. */
final class TranslatedFormsTest extends BlockFormsTest {
  /** Each makes a class of the JVM. */
  @Override
  int rounds() {
    return 1500;
  }

  @Override
  Translation translation() {
    return Translation.ALWAYS;
  }
}
