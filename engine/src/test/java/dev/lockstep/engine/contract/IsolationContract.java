package dev.lockstep.engine.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.contract.Computation.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Many machines in one JVM behave as each does alone. */
abstract class IsolationContract extends ContractSubject {
  @BeforeEach
  void needSpeed() {
    need(Capability.SPEED);
  }

  private static final int MANY = 64;

  private Computation start(byte[] program) {
    return new Computation(engine(), BranchSemantics.ALL_TRANSFERS, program);
  }

  private Outcome alone(byte[] program) {
    try (Computation c = start(program)) {
      return c.finish();
    }
  }

  /** The first kicks itself at random, so that they change over in the middle of code too. */
  @Test
  void twoInterleaved() {
    Random random = random();
    for (int i = 0; i < 10; i++) {
      byte[] one = RandomProgram.make(random);
      byte[] two = RandomProgram.make(random);
      try (Computation first = start(one);
          Computation second = start(two)) {
        interleave(List.of(first, second), random);
        assertThat(first.outcome()).isEqualTo(alone(one));
        assertThat(second.outcome()).isEqualTo(alone(two));
      }
    }
  }

  private void interleave(List<Computation> all, Random random) {
    List<Computation> running = new ArrayList<>(all);
    boolean counts = has(Capability.COUNT_ALL_TRANSFERS);
    while (!running.isEmpty()) {
      Computation c = running.get(random.nextInt(running.size()));
      long limit = counts ? c.vcpu.branchCount() + 1 + random.nextInt(30) : Long.MAX_VALUE;
      if (!c.serve(c.vcpu.run(limit))) {
        running.remove(c);
      }
    }
  }

  @Test
  void manyAtOnceOnOneThread() {
    Random random = random();
    List<byte[]> programs = new ArrayList<>();
    List<Computation> all = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      // Pairs of machines run the same program.
      programs.add(i % 2 == 0 ? RandomProgram.make(random) : programs.get(i - 1));
      all.add(start(programs.get(i)));
    }
    interleave(all, random);
    for (int i = 0; i < MANY; i++) {
      assertThat(all.get(i).outcome()).as("machine %d", i).isEqualTo(alone(programs.get(i)));
      all.get(i).close();
    }
  }

  /** Each on its own platform thread, as machines are. */
  @Test
  void manyAtOnceOnThreads() throws Exception {
    Random random = random();
    List<byte[]> programs = new ArrayList<>();
    List<Outcome> expected = new ArrayList<>();
    for (int i = 0; i < MANY / 8; i++) {
      programs.add(RandomProgram.make(random, 300));
      expected.add(alone(programs.get(i)));
    }
    try (ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Callable<Outcome>> tasks = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        byte[] program = programs.get(i % programs.size());
        tasks.add(() -> alone(program));
      }
      List<Future<Outcome>> outcomes = threads.invokeAll(tasks);
      for (int i = 0; i < MANY; i++) {
        assertThat(outcomes.get(i).get())
            .as("machine %d", i)
            .isEqualTo(expected.get(i % programs.size()));
      }
    }
  }

  /** A kick, an event or a state for one machine is not another's. */
  @Test
  void whatIsAskedOfOneIsNotAskedOfAnother() {
    Rig one = rig();
    Rig two = rig();
    one.code("nop\nhlt\nend:", Rig::interruptsOn);
    two.code("nop\nhlt\nend:", Rig::interruptsOn);
    one.vcpu.kick();
    one.vcpu.injectInterrupt(0x30);
    one.vcpu.injectNmi();
    one.vcpu.requestInterruptWindow(true);
    two.runToHaltBefore("end");
    assertThat(two.reg(Rig.RAX)).isZero();
    assertThat(two.state().nmiPending).isFalse();
  }

  /** One after the other in the same place: nothing is left of the predecessor. */
  @Test
  void oneAfterTheOther() {
    Random random = random();
    byte[] program = RandomProgram.make(random);
    Outcome expected = alone(program);
    for (int i = 0; i < 20; i++) {
      alone(RandomProgram.make(random));
      assertThat(alone(program)).isEqualTo(expected);
    }
  }
}
