package dev.lockstep.kvmcpu.counted;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A random program that counts its own conditional branches: before each stands {@code lea r15, [r15+1]}, which touches no flag. So whoever sees its registers knows its count exactly, on any engine and without a PMU.
 *
 * <p>Its handlers push nothing, so the interrupted RIP is on top of their stack.
 */
final class SelfCountingGuest {
  static final int VECTOR = 0x30;
  static final int BRANCHING_VECTOR = 0x31;
  static final long DATA = 0x10_0000;

  private static final int R15 = 15, RSP = 4;
  private static final long USER_STACK = 0x18_0000;
  private static final String COUNT = "lea r15, [r15+1]\n";

  private final byte[] code;
  private final Assembler asm;
  private final boolean user;
  private int jumps;

  SelfCountingGuest(SplittableRandom random) {
    this.user = random.nextInt(4) == 0;
    StringBuilder text = new StringBuilder("mov r14d, " + (2 + random.nextInt(3)) + "\n");
    text.append(user ? "" : "sti\n").append("round:\n");
    int sections = 3 + random.nextInt(5);
    for (int i = 0; i < sections; i++) {
      text.append(section(random, i));
    }
    text.append("dec r14d\n").append(jump("jnz round")).append("jmp end\n");
    text.append("handlers:\nh30:\ninc qword [data + 64]\niretq\n");
    text.append("h31:\nmov dword [data + 72], 3\nh31a:\nadd qword [data + 80], 5\n");
    text.append("dec dword [data + 72]\n").append(jump("jnz h31a")).append("iretq\n");
    text.append("handled:\nend:\nhlt\n");
    this.asm =
        new Assembler(BareGuest.CODE, 64)
            .define("data", DATA)
            .define("counter", DATA + 0x800)
            .add(text.toString());
    this.code = asm.assemble();
  }

  private String jump(String instruction) {
    return COUNT + "j" + jumps++ + ":\n" + instruction + "\n";
  }

  private String section(SplittableRandom random, int i) {
    int n = 1 + random.nextInt(300);
    String label = "s" + i;
    return switch (random.nextInt(user ? 5 : 7)) {
      case 0 ->
          "mov ecx, "
              + n
              + "\n"
              + label
              + ":\nadd eax, ecx\nxor rbx, rax\n"
              + jump("loop " + label);
      // Only memory tells these rounds apart, and the count.
      case 1 ->
          "mov dword [counter], "
              + n
              + "\n"
              + label
              + ":\ndec dword [counter]\n"
              + jump("jnz " + label);
      case 2 -> "mov rdi, data + 256\nmov ecx, " + n + "\nrep stosb\n";
      case 3 ->
          "mov r8d, "
              + 40 * n
              + "\n"
              + label
              + ":\nadd rdx, r8\nxor rsi, rdx\ndec r8d\n"
              + jump("jnz " + label);
      case 4 ->
          "mov r9d, "
              + n
              + "\n"
              + label
              + ":\npush r9\npop rax\nimul rdx, rax\nand eax, 1\n"
              + jump("jz " + label + "a")
              + "not rbx\n"
              + label
              + "a:\ndec r9d\n"
              + jump("jnz " + label);
      case 5 ->
          "mov r10d, "
              + (1 + n % 12)
              + "\n"
              + label
              + ":\nin al, 0x60\nadd [data], al\nout 0x80, al\ndec r10d\n"
              + jump("jnz " + label);
      default -> "cli\nmov ecx, " + n + "\n" + label + ":\n" + jump("loop " + label) + "sti\n";
    };
  }

  /** A machine's memory with the program. */
  BareGuest boot() {
    BareGuest guest = new BareGuest();
    guest.load(BareGuest.CODE, code);
    guest.gate(VECTOR, asm.address("h30"), 0);
    guest.gate(BRANCHING_VECTOR, asm.address("h31"), 0);
    return guest;
  }

  /** Where it begins. */
  CpuState start(BareGuest guest) {
    CpuState s = user ? guest.user64(BareGuest.CODE) : guest.kernel64(BareGuest.CODE);
    s.gpr[RSP] = user ? USER_STACK : BareGuest.KERNEL_STACK;
    return s;
  }

  /** The conditional branches that a guest in that state has executed. */
  long count(CpuState state, GuestMemory memory) {
    long rip = state.rip;
    boolean handles = rip >= asm.address("handlers") && rip < asm.address("handled");
    long owed = owed(rip) + (handles ? owed(memory.read64(state.gpr[RSP])) : 0);
    return state.gpr[R15] - owed;
  }

  /** One that was counted and not executed. */
  private int owed(long rip) {
    for (Map.Entry<String, Long> label : asm.labels().entrySet()) {
      if (label.getValue() == rip && label.getKey().charAt(0) == 'j') {
        return 1;
      }
    }
    return 0;
  }
}
