package dev.lockstep.engine.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.contract.Computation.Outcome;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** However a program is cut into runs, it does the same: random programs run whole, stepped, kicked, by deadlines, stopped at points, and moved to other vCPUs in between. */
abstract class EquivalenceContract extends ContractSubject {
  @BeforeEach
  void needSpeed() {
    need(Capability.SPEED);
  }

  private static final int PROGRAMS = 10;

  /** Six rounds of the loop's own two instructions: forward jumps may skip all the others. */
  private static final int FEWEST_STEPS = 12;

  /** One boundary of a stepped execution. */
  private record Moment(ExecutionPoint point, Outcome outcome) {}

  private Computation start(byte[] program, BranchSemantics semantics) {
    return new Computation(engine(), semantics, program);
  }

  private Outcome whole(byte[] program) {
    try (Computation c = start(program, BranchSemantics.ALL_TRANSFERS)) {
      return c.finish();
    }
  }

  @Test
  void runTwiceIsTheSame() {
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random);
      assertThat(whole(program)).isEqualTo(whole(program));
    }
  }

  @Test
  void steppedIsTheSame() {
    need(Capability.STEP);
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random);
      int steps = 0;
      try (Computation c = start(program, BranchSemantics.ALL_TRANSFERS)) {
        while (c.serve(c.vcpu.step())) {
          steps++;
        }
        assertThat(steps).isGreaterThan(FEWEST_STEPS);
        assertThat(c.outcome()).isEqualTo(whole(program));
      }
    }
  }

  @Test
  void stepsAndRunsMixedAreTheSame() {
    need(Capability.STEP);
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random);
      try (Computation c = start(program, BranchSemantics.ALL_TRANSFERS)) {
        boolean running = true;
        while (running) {
          running = c.serve(random.nextInt(20) == 0 ? c.vcpu.run(Long.MAX_VALUE) : c.vcpu.step());
        }
        assertThat(c.outcome()).isEqualTo(whole(program));
      }
    }
  }

  @Test
  void kicksDoNotShow() {
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random, 2000);
      Outcome expected = whole(program);
      try (Computation c = start(program, BranchSemantics.ALL_TRANSFERS);
          Kicker kicker = new Kicker(c.vcpu)) {
        assertThat(c.finish()).isEqualTo(expected);
        assertThat(kicker.sent()).isPositive();
      }
    }
  }

  /** State carried to a fresh vCPU through its written form, at kicks and at exits. */
  @Test
  void movedInBetweenIsTheSame() throws IOException {
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random);
      int moves = 0;
      try (Computation c = start(program, BranchSemantics.ALL_TRANSFERS)) {
        VcpuExit exit;
        do {
          if (random.nextInt(3) == 0) {
            c.vcpu.kick();
          }
          exit = c.vcpu.run(Long.MAX_VALUE);
          boolean waits = exit instanceof VcpuExit.PortRead;
          if (!waits && random.nextInt(2) == 0) {
            c.serve(exit);
            c.move(written(c), false);
            moves++;
            exit = VcpuExit.Kicked.KICKED;
          }
        } while (c.serve(exit) && moves < 1000);
        assertThat(c.finish()).as("after %d moves", moves).isEqualTo(whole(program));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void movedAtDeadlinesIsTheSame(BranchSemantics semantics) throws IOException {
    needCount(semantics);
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random);
      ExecutionPoint end = end(program, semantics);
      try (Computation c = start(program, semantics)) {
        VcpuExit exit;
        do {
          exit = c.vcpu.run(c.vcpu.branchCount() + 1 + random.nextInt(50));
          if (exit == VcpuExit.Deadline.DEADLINE && random.nextInt(3) == 0) {
            c.move(written(c), true);
          }
        } while (c.serve(exit));
        assertThat(c.outcome()).isEqualTo(whole(program));
        assertThat(c.vcpu.point()).isEqualTo(end);
      }
    }
  }

  private ExecutionPoint end(byte[] program, BranchSemantics semantics) {
    try (Computation c = start(program, semantics)) {
      c.finish();
      return c.vcpu.point();
    }
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void everyBoundaryCanBeReached(BranchSemantics semantics) {
    needCount(semantics);
    need(Capability.STEP, Capability.STEP_ITERATIONS, Capability.SEEK, Capability.SEEK_IN_REPEAT);
    Random random = random();
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = RandomProgram.make(random);
      List<Moment> moments = moments(program, semantics);
      for (int j = 0; j < 20; j++) {
        Moment chosen = moments.get(random.nextInt(moments.size()));
        // Counting conditional branches only, a loop that changes nothing but memory repeats a
        // name,
        // which belongs to the first boundary that bears it.
        Moment wanted =
            moments.stream()
                .filter(it -> it.point().equals(chosen.point()))
                .findFirst()
                .orElseThrow();
        assertThat(reached(program, semantics, wanted.point()))
            .as("program %d at %s", i, wanted.point())
            .isEqualTo(wanted);
      }
    }
  }

  private List<Moment> moments(byte[] program, BranchSemantics semantics) {
    List<Moment> moments = new ArrayList<>();
    try (Computation c = start(program, semantics)) {
      boolean running = true;
      while (running) {
        VcpuExit exit = c.vcpu.step();
        running = c.serve(exit);
        if (running && !(exit instanceof VcpuExit.PortRead)) {
          moments.add(new Moment(c.vcpu.point(), c.outcome()));
        }
      }
    }
    return moments;
  }

  private Moment reached(byte[] program, BranchSemantics semantics, ExecutionPoint point) {
    try (Computation c = start(program, semantics)) {
      VcpuExit exit = c.vcpu.runTo(point);
      while (exit != VcpuExit.PointReached.POINT_REACHED) {
        assertThat(c.serve(exit)).as("%s before %s", exit, point).isTrue();
        exit = c.vcpu.runTo(point);
      }
      Moment there = new Moment(c.vcpu.point(), c.outcome());
      assertThat(c.finish()).as("the end after %s", point).isEqualTo(whole(program));
      return there;
    }
  }

  private static CpuState written(Computation c) throws IOException {
    CpuState state = new CpuState();
    c.vcpu.getState(state);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    state.writeTo(new DataOutputStream(bytes));
    CpuState read = new CpuState();
    read.readFrom(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
    return read;
  }
}
