package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Reads a trace as ChampSim does, by its {@code inc/trace_instruction.h} and {@code inc/instruction.h}. */
final class ChampSimReader {
  private static final int STACK_POINTER = 6;
  private static final int FLAGS = 25;
  private static final int INSTRUCTION_POINTER = 26;

  /** What ChampSim takes an instruction for. */
  enum Type {
    DIRECT_JUMP,
    INDIRECT,
    CONDITIONAL,
    DIRECT_CALL,
    INDIRECT_CALL,
    RETURN,
    OTHER,
    NOT_BRANCH
  }

  /** One record; zeroes are no registers and no addresses. */
  record Input(
      long ip,
      boolean isBranch,
      boolean taken,
      List<Integer> written,
      List<Integer> read,
      List<Long> stores,
      List<Long> loads) {
    /** The rules of ooo_model_instr's constructor, in its order. */
    Type type() {
      boolean writesSp = written.contains(STACK_POINTER);
      boolean writesIp = written.contains(INSTRUCTION_POINTER);
      boolean readsSp = read.contains(STACK_POINTER);
      boolean readsFlags = read.contains(FLAGS);
      boolean readsIp = read.contains(INSTRUCTION_POINTER);
      boolean readsOther =
          read.stream().anyMatch(r -> r != STACK_POINTER && r != FLAGS && r != INSTRUCTION_POINTER);
      if (!readsSp && !readsFlags && writesIp && !readsOther) {
        return Type.DIRECT_JUMP;
      }
      if (!readsSp && !readsIp && !readsFlags && writesIp && readsOther) {
        return Type.INDIRECT;
      }
      if (!readsSp && readsIp && !writesSp && writesIp && (readsFlags || readsOther)) {
        return Type.CONDITIONAL;
      }
      if (readsSp && readsIp && writesSp && writesIp && !readsFlags) {
        return readsOther ? Type.INDIRECT_CALL : Type.DIRECT_CALL;
      }
      if (readsSp && !readsIp && writesSp && writesIp) {
        return Type.RETURN;
      }
      return writesIp ? Type.OTHER : Type.NOT_BRANCH;
    }
  }

  private ChampSimReader() {}

  static List<Input> read(byte[] trace) {
    assertThat(trace.length % 64).isZero();
    ByteBuffer in = ByteBuffer.wrap(trace).order(ByteOrder.LITTLE_ENDIAN);
    List<Input> inputs = new ArrayList<>();
    while (in.hasRemaining()) {
      long ip = in.getLong();
      int isBranch = in.get();
      int taken = in.get();
      assertThat(isBranch).isBetween(0, 1);
      assertThat(taken).isBetween(0, isBranch);
      inputs.add(
          new Input(
              ip,
              isBranch == 1,
              taken == 1,
              registers(in, 2),
              registers(in, 4),
              addresses(in, 2),
              addresses(in, 4)));
    }
    return inputs;
  }

  private static List<Integer> registers(ByteBuffer in, int count) {
    List<Integer> registers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int register = in.get() & 0xff;
      if (register != 0) {
        registers.add(register);
      }
    }
    assertThat(registers).doesNotHaveDuplicates();
    return registers;
  }

  private static List<Long> addresses(ByteBuffer in, int count) {
    List<Long> addresses = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      long address = in.getLong();
      if (address != 0) {
        addresses.add(address);
      }
    }
    return addresses;
  }
}
