package dev.lockstep.softcpu.mutation;

import dev.lockstep.softcpu.oracle.OracleRun;
import dev.lockstep.softcpu.system.SystemSuite;
import java.io.IOException;
import java.lang.annotation.Annotation;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Something that fails where the CPU is wrong.
 *
 * @param kind {@code oracle}, {@code system} or {@code test}
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
      default -> throw new IllegalStateException("there are no killers of kind " + kind);
    };
  }

  /** Runs one JUnit test method as JUnit would. */
  private String testFailure() throws ReflectiveOperationException {
    int dot = what.lastIndexOf('.');
    Class<?> type = Class.forName(PACKAGE + what.substring(0, dot));
    Method test = type.getDeclaredMethod(what.substring(dot + 1));
    if (!test.isAnnotationPresent(Test.class)) {
      throw new IllegalStateException(what + " is no test");
    }
    Constructor<?> constructor = type.getDeclaredConstructor();
    constructor.setAccessible(true);
    Object instance = constructor.newInstance();
    try {
      around(type, instance, BeforeEach.class);
      test.setAccessible(true);
      test.invoke(instance);
      return "";
    } catch (InvocationTargetException e) {
      return String.valueOf(e.getCause());
    } finally {
      around(type, instance, AfterEach.class);
    }
  }

  private static void around(Class<?> type, Object instance, Class<? extends Annotation> what)
      throws ReflectiveOperationException {
    for (Method method : type.getDeclaredMethods()) {
      if (method.isAnnotationPresent(what)) {
        method.setAccessible(true);
        method.invoke(instance);
      }
    }
  }

  @Override
  public String toString() {
    return kind + " " + what;
  }
}
