package dev.lockstep.engine.contract;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.TestInstance;

/**
 * The whole suite: an engine's tests extend this class and name the engine, and every subject runs on it. A new subject is added here, so no engine can miss it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class EngineContract {
  /** The engine that the suite asks; the same at every call. */
  protected abstract EngineUnderTest engineUnderTest();

  @AfterAll
  void reportSkips() {
    Skips.report(engineUnderTest().name());
  }

  @Nested
  class Ports extends PortContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class StringPorts extends StringPortContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class DeviceMemory extends MmioContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Msrs extends MsrContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class HaltAndShutdown extends HaltContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Interrupts extends InterruptContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Translations extends TranslationContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Exceptions extends ExceptionContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Nmis extends NmiContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Steps extends StepContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class GuestDebug extends GuestDebugContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Seeks extends SeekContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Deadlines extends DeadlineContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Kicks extends KickContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class State extends StateContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class DirtyPages extends DirtyContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Equivalence extends EquivalenceContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }

  @Nested
  class Isolation extends IsolationContract {
    @Override
    EngineUnderTest engine() {
      return engineUnderTest();
    }
  }
}
