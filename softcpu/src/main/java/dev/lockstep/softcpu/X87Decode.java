package dev.lockstep.softcpu;

import dev.lockstep.softcpu.X87Ops.CompareToFlags;
import dev.lockstep.softcpu.X87Ops.ConditionalMove;
import dev.lockstep.softcpu.X87Ops.Control;
import dev.lockstep.softcpu.X87Ops.LoadTen;
import dev.lockstep.softcpu.X87Ops.Memory;
import dev.lockstep.softcpu.X87Ops.Register;
import dev.lockstep.softcpu.X87Ops.Store;
import dev.lockstep.softcpu.fp.X87State;
import dev.lockstep.softcpu.fp.X87Stores;

/** Opcodes D8..DF (Intel SDM vol. 2D, tables ). Undocumented aliases do what the documented forms do. */
final class X87Decode {
  private static final int BELOW = 2;
  private static final int EQUAL = 4;
  private static final int BELOW_OR_EQUAL = 6;
  private static final int PARITY = 10;
  private static final int COMPARE = 2;
  private static final int COMPARE_POP = 3;

  private X87Decode() {}

  static Op decode(Insn insn) {
    return insn.isRegister() ? register(insn) : memory(insn);
  }

  private static Op memory(Insn insn) {
    int op = insn.extension;
    return switch (insn.opcode) {
      case 0xd8 ->
          switch (op) {
            case COMPARE -> new Memory(insn, 4, (u, bits) -> u.compares.fcomF32((int) bits));
            case COMPARE_POP -> new Memory(insn, 4, (u, bits) -> u.compares.fcompF32((int) bits));
            default -> new Memory(insn, 4, (u, bits) -> u.arithmetic.withF32(op, (int) bits));
          };
      case 0xd9 -> memoryD9(insn, op);
      case 0xda -> integerArithmetic(insn, 4, op);
      case 0xdb -> memoryDb(insn, op);
      case 0xdc ->
          switch (op) {
            case COMPARE -> new Memory(insn, 8, (u, bits) -> u.compares.fcomF64(bits));
            case COMPARE_POP -> new Memory(insn, 8, (u, bits) -> u.compares.fcompF64(bits));
            default -> new Memory(insn, 8, (u, bits) -> u.arithmetic.withF64(op, bits));
          };
      case 0xdd -> memoryDd(insn, op);
      case 0xde -> integerArithmetic(insn, 2, op);
      default -> memoryDf(insn, op);
    };
  }

  private static Op integerArithmetic(Insn insn, int size, int op) {
    return switch (op) {
      case COMPARE -> new Memory(insn, size, (u, bits) -> u.compares.ficom(bits));
      case COMPARE_POP -> new Memory(insn, size, (u, bits) -> u.compares.ficomp(bits));
      default -> new Memory(insn, size, (u, bits) -> u.arithmetic.withInteger(op, bits));
    };
  }

  private static Op memoryD9(Insn insn, int op) {
    return switch (op) {
      case 0 -> new Memory(insn, 4, (u, bits) -> u.moves.fldF32((int) bits));
      case 2 -> new Store(insn, 4, false, X87Stores::prepareF32);
      case 3 -> new Store(insn, 4, true, X87Stores::prepareF32);
      case 4 -> new X87Ops.Image(insn, false, false);
      case 5 -> new X87Ops.LoadControl(insn);
      case 6 -> new X87Ops.Image(insn, false, true);
      case 7 -> new X87Ops.StoreWord(insn, false);
      default -> UndefinedOp.UD;
    };
  }

  private static Op memoryDb(Insn insn, int op) {
    return switch (op) {
      case 0 -> new Memory(insn, 4, (u, bits) -> u.moves.fild(bits));
      case 2 -> new Store(insn, 4, false, X87Stores::prepareI32);
      case 3 -> new Store(insn, 4, true, X87Stores::prepareI32);
      case 5 -> new LoadTen(insn, false);
      case 7 -> new Store(insn, 10, true, X87Stores::prepareF80);
      default -> UndefinedOp.UD; // 1 is FISTTP of SSE3
    };
  }

  private static Op memoryDd(Insn insn, int op) {
    return switch (op) {
      case 0 -> new Memory(insn, 8, (u, bits) -> u.moves.fldF64(bits));
      case 2 -> new Store(insn, 8, false, X87Stores::prepareF64);
      case 3 -> new Store(insn, 8, true, X87Stores::prepareF64);
      case 4 -> new X87Ops.Image(insn, true, false);
      case 6 -> new X87Ops.Image(insn, true, true);
      case 7 -> new X87Ops.StoreWord(insn, true);
      default -> UndefinedOp.UD;
    };
  }

  private static Op memoryDf(Insn insn, int op) {
    return switch (op) {
      case 0 -> new Memory(insn, 2, (u, bits) -> u.moves.fild(bits));
      case 2 -> new Store(insn, 2, false, X87Stores::prepareI16);
      case 3 -> new Store(insn, 2, true, X87Stores::prepareI16);
      case 4 -> new LoadTen(insn, true);
      case 5 -> new Memory(insn, 8, (u, bits) -> u.moves.fild(bits));
      case 6 -> new Store(insn, 10, true, X87Stores::prepareBcd);
      case 7 -> new Store(insn, 8, true, X87Stores::prepareI64);
      default -> UndefinedOp.UD;
    };
  }

  private static Op register(Insn insn) {
    int op = insn.extension;
    int i = insn.modrm & 7;
    return switch (insn.opcode) {
      case 0xd8 ->
          switch (op) {
            case COMPARE -> new Register(insn, u -> u.compares.fcom(i));
            case COMPARE_POP -> new Register(insn, u -> u.compares.fcomp(i));
            default -> new Register(insn, u -> u.arithmetic.withRegister(op, i));
          };
      case 0xd9 -> registerD9(insn, op, i);
      case 0xda -> registerDa(insn, op, i);
      case 0xdb -> registerDb(insn, op, i);
      case 0xdc ->
          switch (op) {
            case COMPARE -> new Register(insn, u -> u.compares.fcom(i));
            case COMPARE_POP -> new Register(insn, u -> u.compares.fcomp(i));
            default -> new Register(insn, u -> u.arithmetic.toRegister(op, i));
          };
      case 0xdd -> registerDd(insn, op, i);
      case 0xde -> registerDe(insn, op, i);
      default -> registerDf(insn, op, i);
    };
  }

  private static Op registerD9(Insn insn, int op, int i) {
    return switch (op) {
      case 0 -> new Register(insn, u -> u.moves.fldRegister(i));
      case 1 -> new Register(insn, u -> u.moves.fxch(i));
      case 2 -> i == 0 ? new Register(insn, u -> {}) : UndefinedOp.UD;
      case 3 -> new Register(insn, u -> u.moves.fstpNoUnderflow(i));
      case 4 ->
          switch (i) {
            case 0 -> new Register(insn, u -> u.functions.fchs());
            case 1 -> new Register(insn, u -> u.functions.fabs());
            case 4 -> new Register(insn, u -> u.compares.ftst());
            case 5 -> new Register(insn, u -> u.compares.fxam());
            default -> UndefinedOp.UD;
          };
      case 5 -> i == 7 ? UndefinedOp.UD : new Register(insn, u -> u.moves.fldConstant(i));
      case 6 -> lowFunctions(insn, i);
      default -> highFunctions(insn, i);
    };
  }

  private static Op lowFunctions(Insn insn, int i) {
    return switch (i) {
      case 0 -> new Register(insn, u -> u.transcendentals.f2xm1());
      case 1 -> new Register(insn, u -> u.transcendentals.fyl2x());
      case 2 -> new Register(insn, u -> u.transcendentals.fptan());
      case 3 -> new Register(insn, u -> u.transcendentals.fpatan());
      case 4 -> new Register(insn, u -> u.functions.fxtract());
      case 5 -> new Register(insn, u -> u.functions.fprem1());
      case 6 -> new Register(insn, u -> u.state.decrementTop());
      default -> new Register(insn, u -> u.state.incrementTop());
    };
  }

  private static Op highFunctions(Insn insn, int i) {
    return switch (i) {
      case 0 -> new Register(insn, u -> u.functions.fprem());
      case 1 -> new Register(insn, u -> u.transcendentals.fyl2xp1());
      case 2 -> new Register(insn, u -> u.functions.fsqrt());
      case 3 -> new Register(insn, u -> u.transcendentals.fsincos());
      case 4 -> new Register(insn, u -> u.functions.frndint());
      case 5 -> new Register(insn, u -> u.functions.fscale());
      case 6 -> new Register(insn, u -> u.transcendentals.fsin());
      default -> new Register(insn, u -> u.transcendentals.fcos());
    };
  }

  private static Op registerDa(Insn insn, int op, int i) {
    return switch (op) {
      case 0 -> new ConditionalMove(insn, BELOW);
      case 1 -> new ConditionalMove(insn, EQUAL);
      case 2 -> new ConditionalMove(insn, BELOW_OR_EQUAL);
      case 3 -> new ConditionalMove(insn, PARITY);
      case 5 -> i == 1 ? new Register(insn, u -> u.compares.fucompp()) : UndefinedOp.UD;
      default -> UndefinedOp.UD;
    };
  }

  private static Op registerDb(Insn insn, int op, int i) {
    return switch (op) {
      case 0 -> new ConditionalMove(insn, BELOW + 1);
      case 1 -> new ConditionalMove(insn, EQUAL + 1);
      case 2 -> new ConditionalMove(insn, BELOW_OR_EQUAL + 1);
      case 3 -> new ConditionalMove(insn, PARITY + 1);
      case 4 ->
          switch (i) {
            case 2 -> new Control(false, u -> u.state.clearExceptions());
            case 3 -> new Control(false, u -> u.state.init());
            case 0, 1, 4 ->
                new Control(false, u -> {}); // FNENI, FNDISI, FNSETPM: 8087 and 287 only
            default -> UndefinedOp.UD;
          };
      case 5 -> new CompareToFlags(insn, compares -> compares.fucomi(i));
      case 6 -> new CompareToFlags(insn, compares -> compares.fcomi(i));
      default -> UndefinedOp.UD;
    };
  }

  private static Op registerDd(Insn insn, int op, int i) {
    return switch (op) {
      case 0 -> new Register(insn, u -> u.state.free(i));
      case 1 -> new Register(insn, u -> u.moves.fxch(i));
      case 2 -> new Register(insn, u -> u.moves.fstRegister(i));
      case 3 -> new Register(insn, u -> u.moves.fstpRegister(i));
      case 4 -> new Register(insn, u -> u.compares.fucom(i));
      case 5 -> new Register(insn, u -> u.compares.fucomp(i));
      default -> UndefinedOp.UD;
    };
  }

  private static Op registerDe(Insn insn, int op, int i) {
    return switch (op) {
      case COMPARE -> new Register(insn, u -> u.compares.fcomp(i));
      case COMPARE_POP -> i == 1 ? new Register(insn, u -> u.compares.fcompp()) : UndefinedOp.UD;
      default -> new Register(insn, u -> u.arithmetic.toRegisterPop(op, i));
    };
  }

  private static Op registerDf(Insn insn, int op, int i) {
    return switch (op) {
      case 0 -> new Register(insn, u -> freeAndPop(u.state, i));
      case 1 -> new Register(insn, u -> u.moves.fxch(i));
      case 2, 3 -> new Register(insn, u -> u.moves.fstpRegister(i));
      case 4 -> i == 0 ? new X87Ops.StatusToAx() : UndefinedOp.UD;
      case 5 -> new CompareToFlags(insn, compares -> compares.fucomip(i));
      case 6 -> new CompareToFlags(insn, compares -> compares.fcomip(i));
      default -> UndefinedOp.UD;
    };
  }

  /** FFREEP. */
  private static void freeAndPop(X87State state, int i) {
    state.free(i);
    state.free(0);
    int c1 = state.status & X87State.C1;
    state.incrementTop();
    state.status |= c1;
  }
}
