package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.DEVICE;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RSI;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Loads and stores where there is no memory: what the exit says, where the guest stands at it, and what the answer does. */
abstract class MmioContract extends ContractSubject {
  private static final long OLD = 0x1122_3344_5566_7788L;
  private static final long ANSWER = 0xa1b2_c3d4_e5f6_8798L;
  private static final long LAST_PAGE = 0x3f_f000;

  private static void operands(CpuState s) {
    s.gpr[RAX] = OLD;
    s.gpr[RBX] = DEVICE;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 'mov al, [rbx+8]', 0x1122334455667798",
    "2, 'mov ax, [rbx+8]', 0x1122334455668798",
    "4, 'mov eax, [rbx+8]', 0xe5f68798",
    "8, 'mov rax, [rbx+8]', 0xa1b2c3d4e5f68798",
    "1, 'movzx eax, byte [rbx+8]', 0x98",
    "1, 'movsx rax, byte [rbx+8]', 0xffffffffffffff98",
    "2, 'movzx eax, word [rbx+8]', 0x8798",
    "4, 'movsxd rax, dword [rbx+8]', 0xffffffffe5f68798",
    "4, 'cmp eax, [rbx+8]', 0x1122334455667788"
  })
  void readWaitsOnItsInstruction(int width, String load, String result) {
    Rig rig = rig();
    rig.code("nop\nhere: " + load + "\nhlt\nend:", MmioContract::operands);
    VcpuExit.MmioRead read = rig.run(VcpuExit.MmioRead.class);
    assertThat(read.address()).isEqualTo(DEVICE + 8);
    assertThat(read.width()).isEqualTo(width);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    assertThat(rig.reg(RAX)).as("RAX before the answer").isEqualTo(OLD);
    read.complete(ANSWER);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(Long.parseUnsignedLong(result.substring(2), 16));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 'mov [rbx+16], al', 0x88",
    "2, 'mov [rbx+16], ax', 0x7788",
    "4, 'mov [rbx+16], eax', 0x55667788",
    "8, 'mov [rbx+16], rax', 0x1122334455667788",
    "1, 'mov byte [rbx+16], 0xf1', 0xf1",
    "4, 'mov dword [rbx+16], 0x7fffffff', 0x7fffffff",
    "8, 'mov qword [rbx+16], -2', 0xfffffffffffffffe",
    "8, 'push rax', 0x1122334455667788"
  })
  void writeLeavesRipPastIt(int width, String store, String value) {
    Rig rig = rig();
    rig.code(
        store + "\nafter: hlt\nend:",
        s -> {
          operands(s);
          s.gpr[Rig.RSP] = DEVICE + 24;
        });
    VcpuExit.MmioWrite write = rig.run(VcpuExit.MmioWrite.class);
    assertThat(write.address()).isEqualTo(DEVICE + 16);
    assertThat(write.width()).isEqualTo(width);
    assertThat(write.value()).isEqualTo(Long.parseUnsignedLong(value.substring(2), 16));
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    rig.runToHaltBefore("end");
  }

  @ParameterizedTest
  @CsvSource({
    "'add [rbx+8], rax', 8, 100, 107",
    "'sub dword [rbx+8], 1', 4, 0, 0xffffffff",
    "'or byte [rbx+8], 0x81', 1, 2, 0x83",
    "'not word [rbx+8]', 2, 0xff, 0xff00",
    "'xchg [rbx+8], eax', 4, 33, 7",
    "'lock xadd [rbx+8], eax', 4, 5, 12",
    "'inc dword [rbx+8]', 4, 41, 42"
  })
  void readModifyWriteIsOneReadAndOneWrite(String source, int width, String in, String out) {
    Rig rig = rig();
    rig.code(
        "here: " + source + "\nafter: hlt\nend:",
        s -> {
          operands(s);
          s.gpr[RAX] = 7;
        });
    VcpuExit.MmioRead read = rig.run(VcpuExit.MmioRead.class);
    assertThat(read.address()).isEqualTo(DEVICE + 8);
    assertThat(read.width()).isEqualTo(width);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    read.complete(Long.decode(in));
    VcpuExit.MmioWrite write = rig.run(VcpuExit.MmioWrite.class);
    assertThat(write.address()).isEqualTo(DEVICE + 8);
    assertThat(write.width()).isEqualTo(width);
    assertThat(write.value()).isEqualTo(Long.decode(out));
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    rig.runToHaltBefore("end");
  }

  @Test
  void readWithoutAnswerGivesAllOnes() {
    Rig rig = rig();
    rig.code("mov rax, [rbx]\nhlt\nend:", MmioContract::operands);
    rig.run(VcpuExit.MmioRead.class);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(-1);
  }

  @Test
  void oneInstructionMayAskForTwoReads() {
    need(Capability.SPLIT_DEVICE_ACCESS);
    Rig rig = rig();
    rig.code(
        "here: cmpsq\nhlt\nend:",
        s -> {
          s.gpr[RSI] = DEVICE;
          s.gpr[RDI] = DEVICE + 0x100;
        });
    VcpuExit.MmioRead first = rig.run(VcpuExit.MmioRead.class);
    assertThat(first.address()).isEqualTo(DEVICE);
    first.complete(5);
    VcpuExit.MmioRead second = rig.run(VcpuExit.MmioRead.class);
    assertThat(second.address()).isEqualTo(DEVICE + 0x100);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    second.complete(6);
    rig.runToHaltBefore("end");
    assertThat(rig.state().rflags & 0x41).as("CF, not ZF").isEqualTo(1);
    assertThat(rig.reg(RSI)).isEqualTo(DEVICE + 8);
  }

  @Test
  void copyFromDeviceToDevice() {
    need(Capability.SPLIT_DEVICE_ACCESS);
    Rig rig = rig();
    rig.code(
        "here: movsd\nafter: hlt\nend:",
        s -> {
          s.gpr[RSI] = DEVICE;
          s.gpr[RDI] = DEVICE + 0x100;
        });
    rig.run(VcpuExit.MmioRead.class).complete(77);
    VcpuExit.MmioWrite write = rig.run(VcpuExit.MmioWrite.class);
    assertThat(write.address()).isEqualTo(DEVICE + 0x100);
    assertThat(write.value()).isEqualTo(77);
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    rig.runToHaltBefore("end");
  }

  @ParameterizedTest
  @CsvSource({"4, 4", "3, 5", "7, 1"})
  void accessHalfInMemoryHalfInTheDevice(int inMemory, int inDevice) {
    need(Capability.SPLIT_DEVICE_ACCESS);
    Rig rig = rig();
    long boundary = LAST_PAGE + 0x1000;
    rig.guest.map(boundary, DEVICE, 3);
    rig.guest.memory().write64(boundary - 8, 0x8877_6655_4433_2211L);
    rig.code(
        "mov rax, [rbx]\nmov rcx, rax\nnot rcx\nmov [rbx], rcx\nafter: hlt\nend:",
        s -> s.gpr[RBX] = boundary - inMemory);
    VcpuExit.MmioRead read = rig.run(VcpuExit.MmioRead.class);
    assertThat(read.address()).isEqualTo(DEVICE);
    assertThat(read.width()).isEqualTo(inDevice);
    read.complete(ANSWER);
    long low = 0x8877_6655_4433_2211L >>> 8 * inDevice;
    long high = ANSWER << 8 * inMemory;
    VcpuExit.MmioWrite write = rig.run(VcpuExit.MmioWrite.class);
    assertThat(rig.reg(RAX)).isEqualTo(low | high);
    assertThat(write.address()).isEqualTo(DEVICE);
    assertThat(write.width()).isEqualTo(inDevice);
    assertThat(write.value()).isEqualTo(~(low | high) >>> 8 * inMemory);
    assertThat(rig.mem(boundary - 8) >>> 8 * inDevice).isEqualTo((~low & (1L << 8 * inMemory) - 1));
    rig.runToHaltBefore("end");
  }

  @Test
  void repeatedStoresExitOneByOne() {
    Rig rig = rig();
    rig.code(
        "here: rep movsd\nafter: hlt\nend:",
        s -> {
          s.gpr[RSI] = DATA;
          s.gpr[RDI] = DEVICE;
          s.gpr[RCX] = 4;
        });
    for (int i = 0; i < 4; i++) {
      rig.guest.memory().write32(DATA + 4L * i, 100 + i);
    }
    for (int i = 1; i <= 4; i++) {
      VcpuExit.MmioWrite write = rig.run(VcpuExit.MmioWrite.class);
      assertThat(write.address()).isEqualTo(DEVICE + 4L * (i - 1));
      assertThat(write.value()).isEqualTo(99 + i);
      assertThat(rig.reg(RCX)).isEqualTo(4 - i);
      assertThat(rig.rip()).isEqualTo(rig.at(i < 4 ? "here" : "after"));
    }
    rig.runToHaltBefore("end");
  }

  @Test
  void repeatedLoadsExitOneByOne() {
    Rig rig = rig();
    rig.code(
        "here: rep movsb\nhlt\nend:",
        s -> {
          s.gpr[RSI] = DEVICE;
          s.gpr[RDI] = DATA;
          s.gpr[RCX] = 4;
        });
    for (int i = 0; i < 4; i++) {
      VcpuExit.MmioRead read = rig.run(VcpuExit.MmioRead.class);
      assertThat(read.address()).isEqualTo(DEVICE + i);
      assertThat(rig.reg(RCX)).isEqualTo(4 - i);
      assertThat(rig.rip()).isEqualTo(rig.at("here"));
      read.complete(i + 1);
    }
    rig.runToHaltBefore("end");
    assertThat(rig.guest.memory().read32(DATA)).isEqualTo(0x0403_0201);
  }

  @Test
  void holeBetweenRegionsIsTheDevices() {
    Rig rig = rig();
    rig.guest.map(0x60_0000, 0x12_3456_7000L, 3);
    rig.code("mov eax, [rbx+0x10]\nhlt\nend:", s -> s.gpr[RBX] = 0x60_0000);
    assertThat(rig.run(VcpuExit.MmioRead.class).address()).isEqualTo(0x12_3456_7010L);
    rig.runToHaltBefore("end");
  }
}
