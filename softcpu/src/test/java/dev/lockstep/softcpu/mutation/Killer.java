package dev.lockstep.softcpu.mutation;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.softcpu.oracle.OracleRun;
import dev.lockstep.softcpu.system.SystemSuite;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/**
 * Something that fails where the CPU is wrong.
 *
 * @param kind {@code oracle}, {@code system}, {@code test} or {@code contract}
 * @param what the form, the case or the test
 */
record Killer(String kind, String what) {
  private static final String PACKAGE = "dev.lockstep.softcpu.";

  static Killer parse(String text) {
    int space = text.indexOf(' ');
    if (space < 0) {
      throw new IllegalStateException("a killer is a kind and a name, not " + text);
    }
    return new Killer(text.substring(0, space), text.substring(space + 1));
  }

  /**
   * Tries it on the CPU of this JVM.
   *
   * @return what failed, or an empty string where all is well
   */
  String failure(long seed) throws ReflectiveOperationException, IOException, InterruptedException {
    return switch (kind) {
      case "oracle" -> {
        int space = what.indexOf(' ');
        yield OracleRun.firstDifference(what.substring(0, space), what.substring(space + 1), seed);
      }
      case "system" -> SystemSuite.difference(what, seed);
      case "test" -> testFailure();
      case "contract" -> contractFailure();
      default -> throw new IllegalStateException("there are no killers of kind " + kind);
    };
  }

  /** Runs one JUnit test method as JUnit would. */
  private String testFailure() throws ReflectiveOperationException {
    int dot = what.lastIndexOf('.');
    Class<?> type = Class.forName(PACKAGE + what.substring(0, dot));
    Constructor<?> constructor = type.getDeclaredConstructor();
    constructor.setAccessible(true);
    return failure(constructor.newInstance(), what.substring(dot + 1));
  }

  /** The same with one of the engine contract's, which are in its nested classes. */
  private String contractFailure() throws ReflectiveOperationException {
    int dot = what.lastIndexOf('.');
    Class<?> type = Class.forName(EngineContract.class.getName() + '$' + what.substring(0, dot));
    Constructor<?> suite = Class.forName(PACKAGE + "SoftContractTest").getDeclaredConstructor();
    suite.setAccessible(true);
    Constructor<?> constructor = type.getDeclaredConstructor(EngineContract.class);
    constructor.setAccessible(true);
    return failure(constructor.newInstance(suite.newInstance()), what.substring(dot + 1));
  }

  private static String failure(Object instance, String name) throws ReflectiveOperationException {
    Method test = null;
    for (Method method : methods(instance)) {
      boolean isTest =
          method.isAnnotationPresent(Test.class)
              || method.isAnnotationPresent(ParameterizedTest.class);
      test = isTest && method.getName().equals(name) ? method : test;
    }
    if (test == null) {
      throw new IllegalStateException(name + " is no test of " + instance.getClass());
    }
    test.setAccessible(true);
    try {
      around(instance, BeforeEach.class);
      if (test.getParameterCount() == 0) {
        test.invoke(instance);
        return "";
      }
      for (BranchSemantics semantics : BranchSemantics.values()) {
        test.invoke(instance, semantics);
      }
      return "";
    } catch (InvocationTargetException e) {
      return String.valueOf(e.getCause());
    } finally {
      around(instance, AfterEach.class);
    }
  }

  /** Those that need nothing that only JUnit can give. */
  private static void around(Object instance, Class<? extends java.lang.annotation.Annotation> what)
      throws ReflectiveOperationException {
    for (Method method : methods(instance)) {
      if (method.isAnnotationPresent(what) && method.getParameterCount() == 0) {
        method.setAccessible(true);
        method.invoke(instance);
      }
    }
  }

  /** Its own and its superclasses'. */
  private static List<Method> methods(Object instance) {
    List<Method> methods = new ArrayList<>();
    for (Class<?> type = instance.getClass(); type != null; type = type.getSuperclass()) {
      methods.addAll(List.of(type.getDeclaredMethods()));
    }
    return methods;
  }

  @Override
  public String toString() {
    return kind + " " + what;
  }
}
