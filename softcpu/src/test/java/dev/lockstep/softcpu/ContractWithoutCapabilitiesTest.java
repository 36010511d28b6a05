package dev.lockstep.softcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Tag;

/** A test of the contract suite itself: an engine that lacks every capability is not asked for stepping, seeking, counts or deadlines, and passes what is left. */
@Tag("long")
final class ContractWithoutCapabilitiesTest extends EngineContract {
  private static final Set<String> LACKING =
      Set.of("step", "runTo", "branchCount", "setBranchCount", "point");

  private static final EngineUnderTest BARE =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "soft without capabilities";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return Optional.of("taken away to test the suite");
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          Vcpu whole = SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> 0, semantics);
          return (Vcpu)
              Proxy.newProxyInstance(
                  Vcpu.class.getClassLoader(),
                  new Class<?>[] {Vcpu.class},
                  (proxy, method, arguments) -> call(whole, method, arguments));
        }
      };

  private static Object call(Vcpu whole, Method method, Object[] arguments) throws Throwable {
    boolean deadline = method.getName().equals("run") && !arguments[0].equals(Long.MAX_VALUE);
    if (deadline || LACKING.contains(method.getName())) {
      throw new UnsupportedOperationException(method.getName() + " was said to be lacking");
    }
    try {
      return method.invoke(whole, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  @Override
  protected EngineUnderTest engineUnderTest() {
    return BARE;
  }
}
