package dev.lockstep.benchmarks;

import static dev.lockstep.engine.testkit.Asm.*;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.softcpu.Translation;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Random;
import java.util.function.Consumer;

/**
 * Instructions per second of the software CPU, by the CPU time of its thread, by the interpreter and translated. Guards the translator, the hot loop of the interpreter (dispatch, links between blocks, the fast path of memory) and, with code that is
 * executed a few times only, the cost of decoding.
 *
 * <p>Prints one line a kernel; the best of {@link #ROUNDS} rounds, since neighbours on the host only ever make it slower.
 */
public final class InterpreterSpeed {
  private static final int ROUNDS = 6;
  private static final long ROUND_NANOS = 400_000_000L;
  private static final long SLICE_BRANCHES = 200_000;
  private static final long DATA = 0x10_0000;
  private static final int COLD_INSTRUCTIONS = 150_000;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private InterpreterSpeed() {}

  public static void main(String[] arguments) {
    hot("hot", Translation.OFF);
    hot("translated", Translation.ON);
    for (int times : new int[] {1, 4, 16, 64}) {
      cold(times);
    }
  }

  private static void hot(String how, Translation translation) {
    hot(how + ", registers", InterpreterSpeed::registers, translation);
    hot(how + ", memory", InterpreterSpeed::memory, translation);
    hot(how + ", big numbers", InterpreterSpeed::bigNumbers, translation);
    hot(how + ", branches", InterpreterSpeed::branches, translation);
    hot(how + ", calls", InterpreterSpeed::calls, translation);
  }

  private static void registers(Asm asm) {
    for (int i = 0; i < 4; i++) {
      asm.alu(ADD, RAX, RDX).alu(XOR, RCX, RAX).shift(4, RDX, 3);
      asm.alu(SUB, R8, RCX).alui(AND, R9, 0xff).mov(R10, R9);
    }
  }

  private static void memory(Asm asm) {
    for (int i = 0; i < 6; i++) {
      asm.load(RAX, RBX, 8 * i).alu(ADD, RAX, RCX).store(RBX, 8 * i + 64, RAX).mov(RCX, RAX);
    }
  }

  private static void bigNumbers(Asm asm) {
    for (int i = 0; i < 4; i++) {
      asm.load(RAX, RBX, 8 * i).hex("49 f7 e0"); // MUL R8
      asm.alu(ADD, R9, RAX).alu(ADC, R10, RDX).alui(ADC, R11, 0);
    }
  }

  private static void branches(Asm asm) {
    for (int i = 0; i < 6; i++) {
      String skip = "skip" + i;
      asm.alui(CMP, RAX, i).jcc(E, skip).inc(RAX).alui(AND, RAX, 7).label(skip);
    }
  }

  private static void calls(Asm asm) {
    asm.call("sub").call("sub").jmp("over");
    asm.label("sub").push(RBP).mov(RBP, RSP).load(RAX, RBX, 0).pop(RBP).ret();
    asm.label("over");
  }

  /** An endless loop around a body. */
  private static void hot(String name, Consumer<Asm> body, Translation translation) {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, DATA).movi(R15, Long.MAX_VALUE).label("loop");
    body.accept(asm);
    asm.dec(R15).jcc(NE, "loop").hlt();
    try (BareGuest guest = new BareGuest();
        SoftVcpu cpu = vcpu(guest, asm, translation)) {
      double best = 0;
      for (int round = 0; round < ROUNDS; round++) {
        long instructions = cpu.instructionsExecuted();
        long start = THREADS.getCurrentThreadCpuTime();
        while (THREADS.getCurrentThreadCpuTime() - start < ROUND_NANOS) {
          cpu.run(cpu.branchCount() + SLICE_BRANCHES);
        }
        long nanos = THREADS.getCurrentThreadCpuTime() - start;
        best = Math.max(best, (cpu.instructionsExecuted() - instructions) * 1e3 / nanos);
      }
      print(name, best);
    }
  }

  /** Much code, each instruction executed {@code times} times, decoded anew in every round. */
  private static void cold(int times) {
    Random random = new Random(1);
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, DATA).movi(R15, times).label("loop");
    for (int i = 0; i < COLD_INSTRUCTIONS; i++) {
      int register = new int[] {RAX, RCX, RDX, RSI, RDI, R8, R9}[random.nextInt(7)];
      switch (random.nextInt(6)) {
        case 0 -> asm.load(register, RBX, random.nextInt(0x1000));
        case 1 -> asm.store(RBX, random.nextInt(0x1000), register);
        case 2 -> asm.alu(random.nextInt(8), register, RAX);
        case 3 -> asm.mov(register, RCX);
        case 4 -> asm.shift(4, register, 3);
        default -> asm.jcc(random.nextInt(16), "next" + i).label("next" + i);
      }
    }
    asm.dec(R15).jcc(NE, "loop").hlt();
    try (BareGuest guest = new BareGuest()) {
      double best = 0;
      for (int round = 0; round < ROUNDS; round++) {
        try (SoftVcpu cpu = vcpu(guest, asm, Translation.OFF)) {
          long start = THREADS.getCurrentThreadCpuTime();
          if (cpu.run(Long.MAX_VALUE) != VcpuExit.Halt.HALT) {
            throw new IllegalStateException("the program did not end at its HLT");
          }
          long nanos = THREADS.getCurrentThreadCpuTime() - start;
          best = Math.max(best, cpu.instructionsExecuted() * 1e3 / nanos);
        }
      }
      print("cold, executed %d times".formatted(times), best);
    }
  }

  private static SoftVcpu vcpu(BareGuest guest, Asm asm, Translation translation) {
    guest.load(BareGuest.CODE, asm.bytes());
    SoftVcpu cpu =
        SoftVcpu.create(
            CpuModel.LOCKSTEP_V1_TSC,
            guest.memory(),
            count -> count,
            BranchSemantics.ALL_TRANSFERS,
            translation);
    cpu.setState(guest.kernel64(BareGuest.CODE));
    return cpu;
  }

  private static void print(String name, double millions) {
    System.out.printf("%-28s %6.0f million instructions/s%n", name, millions);
  }
}
