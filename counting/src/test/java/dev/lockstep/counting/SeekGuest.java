package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/** A random guest of everything that makes a moment hard to find again, on the software CPU. The same program and start at every {@link #boot}. */
final class SeekGuest {
  static final long DATA = 0x10_0000;
  static final long DEVICE = 0x50_0000;

  /** External interrupts: handlers without a branch, and with. */
  static final int[] VECTORS = {0x30, 0x31};

  private static final int SECTIONS = 15;

  final String source;
  private final byte[] code;
  private final Assembler asm;

  private SeekGuest(String source) {
    this.source = source;
    this.asm =
        new Assembler(BareGuest.CODE, 64)
            .define("data", DATA)
            .define("counter", DATA + 0x8000)
            .define("device", DEVICE);
    this.code = asm.add(source).assemble();
  }

  /** A program of several rounds over random sections. */
  static SeekGuest random(SplittableRandom random, int rounds) {
    StringBuilder text = new StringBuilder("mov r14d, " + rounds + "\nsti\nround:\n");
    int sections = 4 + random.nextInt(8);
    for (int i = 0; i < sections; i++) {
      boolean closed = random.nextInt(6) == 0;
      text.append(closed ? "cli\n" : "").append(section(random, i)).append(closed ? "sti\n" : "");
    }
    text.append("dec r14d\njnz round\ncli\nhlt\n");
    text.append("sub1:\nadd rdx, 3\nret\nsub2:\ncall sub1\nret\n");
    text.append("h6:\nadd qword [rsp], 2\niretq\n");
    text.append("h14:\nadd rsp, 8\nadd qword [rsp], 7\npush rcx\nmov ecx, 4\nh14a:\nloop h14a\n");
    text.append("pop rcx\niretq\n");
    text.append("h80:\niretq\nh30:\ninc qword [counter + 64]\niretq\n");
    text.append("h31:\npush rcx\nmov ecx, 3\nh31a:\ninc qword [counter + 72]\nloop h31a\n");
    text.append("pop rcx\niretq\nentry:\njmp r15\n");
    return new SeekGuest(text.toString());
  }

  static SeekGuest of(String source) {
    return new SeekGuest(source);
  }

  private static String section(SplittableRandom random, int i) {
    int n = 1 + random.nextInt(200);
    String text =
        switch (random.nextInt(SECTIONS)) {
          case 0 -> "mov ecx, N\nL:\nadd eax, ecx\npush rax\npop rbx\nloop L\n";
          case 1 -> "mov ecx, N\nL:\nloop L\n";
          // Only memory tells these rounds apart, and the count.
          case 2, 3 -> "mov dword [counter], N\nL:\ndec dword [counter]\njnz L\n";
          // Only memory tells these rounds apart, not even the count.
          case 4 ->
              "mov qword [counter], M\nL:\ndec qword [counter]\nmov rax, [counter]\n"
                  + "mov rax, [L2 + rax*8]\njmp rax\nL2:\ndq L3\n"
                  + "dq L\n".repeat(12)
                  + "L3:\n";
          case 14 ->
              "mov qword [counter], M\nL:\ndec qword [counter]\nud2\nint 0x80\nmov rax, [counter]\n"
                  + "mov rax, [L2 + rax*8]\npush rax\nmov eax, 7\nret\nL2:\ndq L3\n"
                  + "dq L\n".repeat(12)
                  + "L3:\n";
          case 5 -> "mov rdi, data\nmov rsi, data\nadd rsi, 64\nmov ecx, N\nrep movsb\n";
          case 6 -> "mov rdi, data\nmov ecx, N\nrep stosq\nmov rdi, data\nmov ecx, N\nrepe scasq\n";
          case 7 -> "mov ebx, M\nL:\nud2\ndec ebx\njnz L\n";
          case 8 -> "mov ebx, M\nL:\nmov eax, [0x70000000]\ndec ebx\njnz L\n";
          case 9 -> "int 0x80\nint 0x80\nmov ebx, M\nL:\nint 0x80\ndec ebx\njnz L\n";
          case 10 ->
              "mov r15, L3\nmov rcx, L\nmov r11, 0x202\nsysretq\nL:\nmov r9d, N\nL2:\n"
                  + "dec r9d\njnz L2\nsyscall\nL3:\nsti\n";
          case 11 ->
              "mov ebx, M\nL:\nin al, 0x60\nout 0x80, al\nmov edx, [device]\nadd [device], edx\n"
                  + "dec ebx\njnz L\n";
          case 12 -> "mov ebx, M\nL:\ncall sub2\ncall sub1\ndec ebx\njnz L\n";
          default -> "mov r8d, " + 20 * n + "\nL:\nadd rdx, r8\nxor rsi, rdx\ndec r8d\njnz L\n";
        };
    return text.replace("L3", "c" + i)
        .replace("L2", "b" + i)
        .replace("L", "a" + i)
        .replace("N", "" + n)
        .replace("M", "" + (1 + n % 12));
  }

  /** A machine that stands at the program's start. */
  Machine boot(BranchSemantics semantics) {
    return new Machine(semantics);
  }

  /** One machine with the program. */
  final class Machine implements AutoCloseable {
    final BareGuest guest = new BareGuest();
    final SoftVcpu vcpu;

    private Machine(BranchSemantics semantics) {
      guest.map(DEVICE, DEVICE, 7);
      guest.load(BareGuest.CODE, code);
      for (String handler : new String[] {"h6", "h14", "h80", "h30", "h31"}) {
        if (asm.labels().containsKey(handler)) {
          int vector =
              Integer.parseInt(
                  handler.substring(1), handler.length() > 2 && handler.charAt(1) != '1' ? 16 : 10);
          guest.gate(vector, asm.address(handler), 0);
        }
      }
      vcpu = SoftVcpu.create(CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, semantics);
      CpuState s = guest.kernel64(BareGuest.CODE);
      // SYSCALL loads 0x10 and 0x18; SYSRET 0x23 + 16 and 0x23 + 8 (SDM vol. 2B).
      s.star = 0x23L << 48 | 0x10L << 32;
      s.sfmask = 0x200;
      s.lstar = asm.labels().getOrDefault("entry", 0L);
      vcpu.setState(s);
    }

    long at(String label) {
      return asm.address(label);
    }

    int read(long rip, byte[] into) {
      if (!guest.memory().contains(rip, into.length)) {
        return 0;
      }
      guest.memory().read(rip, into, 0, into.length);
      return into.length;
    }

    long memoryHash() {
      CRC32C crc = new CRC32C();
      crc.update(guest.memory().segment().asByteBuffer());
      return crc.getValue();
    }

    @Override
    public void close() {
      vcpu.close();
      guest.close();
    }
  }
}
