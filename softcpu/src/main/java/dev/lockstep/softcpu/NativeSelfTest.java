package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDI;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.code.CodeCall;
import dev.lockstep.kvm.code.CodeMemory;
import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Mem;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether this host can execute what {@link NativeCompiler} makes: found out once, by executing some code. */
final class NativeSelfTest {
  private static final int PAGE = 4096;

  private static final class Result {
    static final boolean PASSED = run();

    private Result() {}
  }

  private NativeSelfTest() {}

  /** True on x86-64 under Linux, where memory may be made executable, LAHF is there in 64-bit code, and logical operations clear AF, which the manuals leave undefined. */
  static boolean passes() {
    return Result.PASSED;
  }

  private static boolean run() {
    if (!System.getProperty("os.arch", "").equals("amd64") || !hasLahf()) {
      return false;
    }
    try (CodeMemory memory = new CodeMemory("lockstep-test", PAGE)) {
      return clearsAdjust(memory);
    } catch (KvmException e) {
      System.getLogger(NativeSelfTest.class.getName())
          .log(
              System.Logger.Level.INFO,
              "no code can be made for this processor ({0}); soft translates into bytecode",
              e.getMessage());
      return false;
    }
  }

  /** CPUID 80000001H ECX bit 0 (Intel SDM vol. 2A, CPUID), as Linux names it. */
  private static boolean hasLahf() {
    try {
      return Files.readString(Path.of("/proc/cpuinfo")).contains(" lahf_lm");
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean clearsAdjust(CodeMemory memory) {
    Assembler a = new Assembler();
    a.constant(RCX, 0x5a5a);
    a.constant(RDX, 0x33cc);
    a.constant(Assembler.R8, 0);
    for (int kind : new int[] {Assembler.AND, Assembler.OR, Assembler.XOR, -1}) {
      a.constant(RAX, Flags.AF << NativeFlags.CARRY_BIT);
      a.sahf();
      if (kind < 0) {
        a.test(4, RCX, RDX);
      } else {
        a.alu(kind, 4, RCX, RDX);
      }
      a.lahf();
      a.alu(Assembler.OR, 4, Assembler.R8, RAX);
    }
    a.store(8, Mem.of(RDI, 0), Assembler.R8);
    a.ret();
    MemorySegment.copy(a.bytes(), 0, memory.written(), ValueLayout.JAVA_BYTE, 0, a.size());
    long[] flags = {-1};
    MemorySegment result = MemorySegment.ofArray(flags);
    CodeCall.call(memory.function(0), result, result, result, result, result, 0);
    return (flags[0] & Flags.AF << NativeFlags.CARRY_BIT) == 0;
  }
}
