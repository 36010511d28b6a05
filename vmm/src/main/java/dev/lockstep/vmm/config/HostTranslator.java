package dev.lockstep.vmm.config;

import dev.lockstep.softcpu.Translation;

/** When {@code soft} translates on this host where no configuration says it. */
public final class HostTranslator {
  /** The system property that says it. */
  public static final String PROPERTY = Translation.PROPERTY;

  private HostTranslator() {}

  /**
   * The word for it: {@code on} where the property is not set.
   *
   * @throws dev.lockstep.engine.VmmException if the property says what there is not
   */
  public static String word() {
    return Translation.configured().word();
  }

  /** Whether {@code on} means code of this host's processor; else it means bytecode. */
  public static boolean makesHostCode() {
    return Translation.Target.HOST.isPossible();
  }
}
