package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RDX;
import static dev.lockstep.engine.contract.Rig.RSI;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** INS and OUTS, alone and repeated: each iteration is one exit, and the registers show how far it has come. */
abstract class StringPortContract extends ContractSubject {
  private static final long DF = 1 << 10;

  private static void operands(CpuState s, long flags) {
    s.gpr[RDX] = 0x1f0;
    s.gpr[RCX] = 3;
    s.gpr[RSI] = DATA + 0x100;
    s.gpr[RDI] = DATA + 0x100;
    s.rflags |= flags;
  }

  @ParameterizedTest
  @CsvSource({"insb, 1", "insw, 2", "insd, 4"})
  void oneInput(String name, int width) {
    Rig rig = rig();
    rig.code("here: " + name + "\nhlt\nend:", s -> operands(s, 0));
    VcpuExit.PortRead read = rig.run(VcpuExit.PortRead.class);
    assertThat(read.port()).isEqualTo(0x1f0);
    assertThat(read.width()).isEqualTo(width);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    assertThat(rig.reg(RDI)).isEqualTo(DATA + 0x100);
    assertThat(rig.mem(DATA + 0x100)).isZero();
    read.complete(0xa1b2c3d4);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RDI)).isEqualTo(DATA + 0x100 + width);
    assertThat(rig.reg(RCX)).isEqualTo(3);
    assertThat(rig.mem(DATA + 0x100)).isEqualTo(0xa1b2c3d4L & (1L << 8 * width) - 1);
  }

  @ParameterizedTest
  @CsvSource({"outsb, 1", "outsw, 2", "outsd, 4"})
  void oneOutput(String name, int width) {
    Rig rig = rig();
    rig.guest.memory().write64(DATA + 0x100, 0x1122_3344_a1b2_c3d4L);
    rig.code(name + "\nafter: hlt\nend:", s -> operands(s, 0));
    VcpuExit.PortWrite write = rig.run(VcpuExit.PortWrite.class);
    assertThat(write.port()).isEqualTo(0x1f0);
    assertThat(write.width()).isEqualTo(width);
    assertThat(Integer.toUnsignedLong(write.value()))
        .isEqualTo(0xa1b2c3d4L & (1L << 8 * width) - 1);
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    assertThat(rig.reg(RSI)).isEqualTo(DATA + 0x100 + width);
    rig.runToHaltBefore("end");
  }

  @ParameterizedTest
  @CsvSource({"insb, 1, 0", "insw, 2, 0", "insd, 4, 0", "insb, 1, 1", "insd, 4, 1"})
  void repeatedInput(String name, int width, int down) {
    need(Capability.STRING_PORT_ITERATIONS);
    Rig rig = rig();
    rig.code("here: rep " + name + "\nhlt\nend:", s -> operands(s, down * DF));
    int by = down == 1 ? -width : width;
    for (int i = 0; i < 3; i++) {
      VcpuExit.PortRead read = rig.run(VcpuExit.PortRead.class);
      assertThat(rig.rip()).isEqualTo(rig.at("here"));
      assertThat(rig.reg(RCX)).isEqualTo(3 - i);
      assertThat(rig.reg(RDI)).isEqualTo(DATA + 0x100 + by * i);
      read.complete(i + 1);
    }
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RCX)).isZero();
    for (int i = 0; i < 3; i++) {
      assertThat(rig.guest.memory().read8(DATA + 0x100 + by * i)).isEqualTo(i + 1);
    }
  }

  @ParameterizedTest
  @CsvSource({"outsb, 1, 0", "outsw, 2, 0", "outsd, 4, 0", "outsw, 2, 1"})
  void repeatedOutput(String name, int width, int down) {
    need(Capability.STRING_PORT_ITERATIONS);
    Rig rig = rig();
    int by = down == 1 ? -width : width;
    for (int i = 0; i < 3; i++) {
      rig.guest.memory().write8(DATA + 0x100 + by * i, i + 1);
    }
    rig.code("here: rep " + name + "\nafter: hlt\nend:", s -> operands(s, down * DF));
    for (int i = 1; i <= 3; i++) {
      assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(i);
      assertThat(rig.reg(RCX)).isEqualTo(3 - i);
      assertThat(rig.reg(RSI)).isEqualTo(DATA + 0x100 + by * i);
      assertThat(rig.rip()).isEqualTo(rig.at(i < 3 ? "here" : "after"));
    }
    rig.runToHaltBefore("end");
  }

  @Test
  void nothingIsRepeatedZeroTimes() {
    Rig rig = rig();
    rig.code("rep insb\nrep outsb\nhlt\nend:", s -> s.gpr[RDX] = 0x1f0);
    rig.runToHaltBefore("end");
  }

  @Test
  void longTransferKeepsItsOrder() {
    Rig rig = rig();
    rig.code(
        "rep insb\nmov rsi, data\nmov ecx, 3000\nrep outsb\nhlt\nend:",
        s -> {
          operands(s, 0);
          s.gpr[RDI] = DATA;
          s.gpr[RCX] = 3000;
        });
    for (int i = 0; i < 3000; i++) {
      rig.run(VcpuExit.PortRead.class).complete(i * 7);
    }
    for (int i = 0; i < 3000; i++) {
      assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(i * 7 & 0xff);
    }
    rig.runToHaltBefore("end");
  }
}
