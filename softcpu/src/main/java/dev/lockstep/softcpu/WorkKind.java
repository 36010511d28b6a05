package dev.lockstep.softcpu;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the software CPU is at when a profiler looks at its thread's stack. Every class of the package belongs to one kind; a test holds that. */
public enum WorkKind {
  /** Executing blocks one after the other. The processor's way into each operation is mostly seen in the operation. */
  DISPATCH(
      "dispatch",
      "Interpreter ProfiledInterpreter SoftVcpu Events Terminator Op Cpu HostBreakpoints Observation ObservedAccesses ObservedCode ObservedState ExecutionObserver"),
  /** What the profile itself does in each block. */
  COUNTING("counting for this profile", "BlockTally ExecutionTally"),
  /** Finding the block at an address. */
  LOOKUP("finding blocks", "Block BlockCache"),
  /** Operations that end a block, those fused with a comparison included. */
  BRANCHES("branches", "BranchOps FusedOps FusedOps32 FusedOps64"),
  /** Making blocks of bytes. */
  DECODING(
      "decoding",
      "BlockBuilder CodeMode Decoder FlagLiveness Forms FpDecode Insn OpDecode OpDecode0F OpcodeTable PackedTable SystemDecode X87Decode"),
  /** Loads and stores: their fast and slow paths, addresses, what watches for changed code. */
  MEMORY("memory", "CodePages Ea FastPaths MemOp Mmu Operand Place PlaceOp RegionMemory Stack"),
  /** Filling the TLB. */
  PAGE_WALKS("TLB and page walks", "AddressTranslation PageWalker Tlb"),
  /** Making flags of the two words that stand for them, and conditions of flags. */
  FLAGS("flags", "ConditionOps FlagOps Flags"),
  /** Moves, arithmetic, the stack. */
  OPERATIONS(
      "other operations",
      "Alu AluOps AluOps32 AluOps64 BcdOps BitOps ExtendOps MoveOps MulDivOps QuietOps ShiftOps Shifts StackOps UnaryOps Wide"),
  /** String operations, once or repeated. */
  STRINGS("string operations", "StringOps"),
  /** x87, MMX and SSE. */
  FLOATING_POINT(
      "x87 and SSE",
      "FpGate FxStateOps MmxOps SseArithmeticOps SseConvertOps SseIntegerOps SseMoveOps VectorOp X87Ops"),
  /** Delivery of exceptions and interrupts, system calls, system registers, what leaves the CPU. */
  SYSTEM(
      "exceptions and system",
      "ControlRegisters DebugRegisters Delivery Descriptors ExitSignal Exits FarTransfers GuestFault InnerStack Interrupts LegacyInterrupts Msrs PortOps SegmentOps StateCopy SystemCalls SystemOp SystemStack TaskImage TaskSwitch UndefinedOp UnsupportedOp"),
  /** Translated code, and the way into it and back. What it calls is counted as that. */
  TRANSLATED("translated code", "NativeCode NativeFlags Region RegionMath Translated"),
  /** Translating; bytecode's compilation is another thread's. */
  TRANSLATING(
      "translating",
      "FpUse HotCode IntegerUse IntegerUse0F NativeAlu NativeForm NativeBlock NativeCompiler NativeFrame NativeMoves NativeSelfTest NativeVector NativeWriter RegionAlu RegionCode RegionCompiler RegionConditions RegionFlags RegionForm RegionInsn RegionMoves RegionPlan RegionPlanner Regions RegisterUse Translation TranslationCounts Translator UseBuilder");

  private static final String PACKAGE = WorkKind.class.getPackageName() + ".";
  private static final String NUMERIC = PACKAGE + "fp.";

  private static final Map<String, WorkKind> BY_CLASS = new HashMap<>();

  static {
    for (WorkKind kind : values()) {
      for (String name : kind.classes) {
        BY_CLASS.put(name, kind);
      }
    }
  }

  private final String label;
  private final List<String> classes;

  WorkKind(String label, String classes) {
    this.label = label;
    this.classes = List.of(classes.split(" "));
  }

  /** For people. */
  public String label() {
    return label;
  }

  /**
   * What a thread is at.
   *
   * @param stack its frames, the innermost first
   * @return empty if no method of the software CPU is on it
   */
  public static Optional<WorkKind> of(List<StackTraceElement> stack) {
    Optional<WorkKind> innermost = Optional.empty();
    for (StackTraceElement frame : stack) {
      Optional<WorkKind> kind = ofClass(frame.getClassName());
      if (kind.isEmpty()) {
        continue;
      }
      if (isWhole(frame, kind.get())) {
        return kind;
      }
      if (innermost.isEmpty()) {
        innermost = Optional.of(ofMethod(frame, kind.get()));
      }
    }
    return innermost;
  }

  /** The kind of a class by its name; empty for one of another package. */
  static Optional<WorkKind> ofClass(String name) {
    if (name.startsWith(NUMERIC)) {
      return Optional.of(FLOATING_POINT);
    }
    if (!name.startsWith(PACKAGE)) {
      return Optional.empty();
    }
    // Without nested classes, and without what a hidden class has behind its name.
    String simple = name.substring(PACKAGE.length()).split("[$/.+]", 2)[0];
    return Optional.ofNullable(BY_CLASS.get(simple));
  }

  /** Whether everything that is called from there belongs to it. */
  private static boolean isWhole(StackTraceElement frame, WorkKind kind) {
    return switch (kind) {
      case DECODING -> frame.getClassName().equals(PACKAGE + "BlockBuilder");
      case SYSTEM -> frame.getClassName().equals(PACKAGE + "Interrupts");
      case TRANSLATING -> true;
      default -> false;
    };
  }

  /** Some methods of the loop are at something else. */
  private static WorkKind ofMethod(StackTraceElement frame, WorkKind ofClass) {
    return ofClass != DISPATCH
        ? ofClass
        : switch (frame.getMethodName()) {
          case "enter", "enterSingle", "search", "linear", "withinLimit" -> LOOKUP;
          case "count" -> COUNTING;
          default -> DISPATCH;
        };
  }
}
