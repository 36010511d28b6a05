package dev.lockstep.vmm.trace;

import dev.lockstep.softcpu.ExecutionObserver;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One thing that happened, as it is read back from a trace. In program order; what an instruction does comes after it. */
public sealed interface TraceRecord {
  /** Where. */
  TracePosition at();

  /**
   * An instruction completed, or an iteration of a repeated string instruction.
   *
   * @param bits 64, 32 or 16
   * @param code its bytes
   */
  record Instruction(TracePosition at, int bits, byte[] code) implements TraceRecord {
    public Instruction {
      code = code.clone();
    }

    @Override
    public byte[] code() {
      return code.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Instruction that
          && at.equals(that.at)
          && bits == that.bits
          && Arrays.equals(code, that.code);
    }

    @Override
    public int hashCode() {
      return 31 * at.hashCode() + Arrays.hashCode(code);
    }
  }

  /**
   * The instruction was a control transfer.
   *
   * @param taken false only for a conditional one
   * @param target where control went
   */
  record Branch(TracePosition at, BranchKind kind, boolean taken, long target)
      implements TraceRecord {}

  /**
   * A load or a store.
   *
   * @param linear its address
   * @param physical its guest-physical address
   * @param size bytes, 1..8
   * @param value zero-extended
   * @param write whether it is a store
   * @param system whether the CPU itself made it: a descriptor, a TSS, the stack of a gate
   */
  record Access(
      TracePosition at,
      long linear,
      long physical,
      int size,
      long value,
      boolean write,
      boolean system)
      implements TraceRecord {}

  /** Something that is recorded one by one. */
  sealed interface Event extends TraceRecord {}

  /** Recording goes on here: at its beginning, after {@link Left}, or where the count is not what follows from the instructions. */
  record Resumed(TracePosition at, long cr3) implements Event {}

  /** What is executed from here on was not wanted. */
  record Left(TracePosition at) implements Event {}

  /**
   * An exception or interrupt was delivered.
   *
   * @param errorCode 0 where the vector has none
   * @param address for a page fault, the linear address; else 0
   * @param handler where control went
   * @param accesses what the delivery loaded and stored, if memory accesses are recorded
   */
  record Delivered(
      TracePosition at,
      ExecutionObserver.Delivered kind,
      int vector,
      int errorCode,
      long address,
      long handler,
      List<Access> accesses)
      implements Event {
    public Delivered {
      accesses = List.copyOf(accesses);
    }
  }

  /**
   * The guest called its system, or came back.
   *
   * @param vector of a software interrupt, else 0
   * @param registers RAX, RDI, RSI, RDX, R10, R8, R9: number and arguments of a Linux system call, or RAX its result
   */
  record Call(TracePosition at, ExecutionObserver.Call kind, int vector, List<Long> registers)
      implements Event {
    public Call {
      registers = List.copyOf(registers);
    }
  }

  /**
   * A port was accessed.
   *
   * @param width 1, 2 or 4 bytes
   * @param value zero-extended
   */
  record Port(TracePosition at, int port, int width, int value, boolean write) implements Event {}

  /** CR3 changed. */
  record PageTable(TracePosition at, long from, long to) implements Event {}

  /**
   * An entry of the event log took effect.
   *
   * @param number in the log, from 0
   * @param name what kind it is
   */
  record Entry(TracePosition at, long number, String name) implements Event {}
}
