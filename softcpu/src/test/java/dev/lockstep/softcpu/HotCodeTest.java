package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Translated code against the interpreter: random programs with loops, faults in their middle, loads from a device and stores into their own code, stopped at deadlines on the way. Registers, flags,
 * memory, TLBs, counts of branches and instructions and exits are the same at every stop.
 */
final class HotCodeTest {
  private static final int ROUNDS = Integer.getInteger("lockstep.rounds", 120);
  private static final long DATA = 0x10_0000;
  private static final int DATA_BYTES = 0x4000;
  private static final long DEVICE = 0x12_0000;
  private static final long BEYOND_MEMORY = 0x4000_0000L;

  private final long seed = Long.getLong("lockstep.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private long translated;
  private long executed;

  /** One machine that runs a program in its own way. */
  private static final class Machine implements AutoCloseable {
    final BareGuest guest = new BareGuest();
    final SoftVcpu cpu;

    Machine(BranchSemantics semantics, Translation translation) {
      this(semantics, translation, null);
    }

    /** Profiled, where there is a tally. */
    Machine(BranchSemantics semantics, Translation translation, @Nullable ExecutionTally tally) {
      guest.map(DATA + DATA_BYTES, 0, 0);
      guest.map(DEVICE, BEYOND_MEMORY, 7);
      cpu =
          tally == null
              ? SoftVcpu.create(
                  CpuModel.LOCKSTEP_V1_TSC,
                  guest.memory(),
                  count -> 3 * count,
                  semantics,
                  translation)
              : SoftVcpu.create(
                  CpuModel.LOCKSTEP_V1_TSC,
                  guest.memory(),
                  count -> 3 * count,
                  semantics,
                  translation,
                  tally);
    }

    void start(byte[] code, long at, byte[] data, CpuState state) {
      guest.load(at, code);
      guest.load(DATA, data);
      cpu.setState(state);
      cpu.setBranchCount(0);
    }

    /** Runs to a count of branches, answering what a device is asked. */
    String run(long limit) {
      VcpuExit exit = cpu.run(limit);
      while (exit instanceof VcpuExit.MmioRead read) {
        read.complete(0x5a5a_0000_1234_5678L * read.width() ^ cpu.branchCount());
        exit = cpu.run(limit);
      }
      return exit.getClass().getSimpleName();
    }

    String describe(int codeBytes, long at) {
      CpuState state = new CpuState();
      cpu.getState(state);
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      try {
        state.writeTo(new DataOutputStream(all));
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
      byte[] now = new byte[DATA_BYTES];
      guest.memory().read(DATA, now, 0, now.length);
      byte[] code = new byte[codeBytes];
      guest.memory().read(at, code, 0, codeBytes);
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 16; i++) {
        text.append("r%d=%x ".formatted(i, state.gpr[i]));
      }
      return text.append(
              "rip=%x flags=%x branches=%d instructions=%d data=%x code=%x stack=%x all=%x"
                  .formatted(
                      state.rip,
                      state.rflags,
                      cpu.branchCount(),
                      cpu.instructionsExecuted(),
                      Arrays.hashCode(now),
                      Arrays.hashCode(code),
                      guest.memory().read64(BareGuest.KERNEL_STACK - 8),
                      Arrays.hashCode(all.toByteArray())))
          .toString();
    }

    @Override
    public void close() {
      cpu.close();
      guest.close();
    }
  }

  @Test
  void sameAsInterpretedWhereverItStops() {
    for (int round = 0; round < ROUNDS; round++) {
      BranchSemantics semantics =
          random.nextBoolean() ? BranchSemantics.ALL_TRANSFERS : BranchSemantics.CONDITIONAL;
      List<Translation> ways = new ArrayList<>(List.of(Translation.OFF));
      for (Translation.Target target : Translation.Target.values()) {
        ways.add(new Translation(target, 1, true, 0));
        ways.add(Translation.mixed(target, random.nextLong()));
        ways.add(new Translation(target, 2 + random.nextInt(150), true, 0));
      }
      List<Machine> machines = new ArrayList<>();
      try {
        for (Translation way : ways) {
          machines.add(new Machine(semantics, way));
        }
        // The same, profiled: nothing else happens, and every instruction is counted once.
        Translation mixed = Translation.mixed(target(), random.nextLong());
        List<ExecutionTally> tallies = List.of(new ExecutionTally(), new ExecutionTally());
        machines.add(new Machine(semantics, Translation.OFF, tallies.get(0)));
        machines.add(new Machine(semantics, mixed, tallies.get(1)));
        ways.addAll(List.of(Translation.OFF, mixed));
        same(machines, ways);
        tallies.forEach(this::countedOnce);
        for (int i : new int[] {1, 4}) {
          translated += machines.get(i).cpu.translationCounts().instructions();
          executed += machines.get(i).cpu.instructionsExecuted();
        }
      } finally {
        machines.forEach(Machine::close);
      }
    }
    assertThat(translated).as("of %d instructions", executed).isGreaterThan(executed / 4);
  }

  /**
   * Code inside a page table: a load sets the accessed bit in the first byte of an instruction that comes next, which was translated with the load. ADD becomes AND.
   */
  @Test
  void aPageWalkThatChangesTranslatedCodeEndsIt() {
    long page = 0x30_4000;
    List<String> ends = new ArrayList<>();
    for (Translation way : ways(40)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        long entry = machine.guest.entry(page);
        // Of physical 0x108000, writable, not accessed: ADD EAX, [RBX + 16]; NOP; NOP.
        machine.guest.load(entry, hex("03 83 10 00 00 00 90 90"));
        // MOV ECX, [RDX]; LEA RDX, [RDX + 0x8000]; TEST ESI, ESI; JE to the end; NOPs.
        byte[] before = hex("8b 0a 48 8d 92 00 80 00 00 85 f6 74 1c" + " 90".repeat(19));
        machine.guest.load(entry - before.length, before);
        // SUB R15, 1; JNE to the start; HLT.
        machine.guest.load(entry + 8, hex("49 83 ef 01 75 d2 f4"));
        CpuState state = machine.guest.kernel64(entry - before.length);
        state.gpr[0] = 0x1234;
        state.gpr[2] = page - 8 * 0x8000;
        state.gpr[3] = DATA;
        state.gpr[6] = 1;
        state.gpr[15] = 12;
        machine.guest.memory().write64(DATA + 16, 0x0ff1);
        machine.cpu.setState(state);
        String exit = machine.run(Long.MAX_VALUE);
        ends.add(exit + " " + machine.describe(8, entry));
        if (!way.isOff()) {
          assertThat(machine.cpu.translationCounts().entries()).isPositive();
        }
      }
    }
    assertThat(ends).allMatch(ends.get(0)::equals);
    assertThat(ends.get(0)).startsWith("Halt");
  }

  /**
   * A region over two pages, and a third page that takes the second one's place in the TLB for fetches now and then: the region must not go on into the second without the walk that brings it back.
   */
  @Test
  void fetchesAreTranslatedAsOftenAsInterpreted() {
    List<String> ends = new ArrayList<>();
    for (Translation way : ways(40)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        // SUB R15, 1; JE to the HLT; TEST R15B, 7; JE to the third page; JMP to the second; HLT.
        machine.guest.load(
            0x20_0000, hex("49 83 ef 01 74 0f 41 f6 c7 07 0f 84 f0 0f 10 00 e9 eb 0f 00 00 f4"));
        // INC RAX; JMP to the first.
        machine.guest.load(0x20_1000, hex("48 ff c0 e9 f8 ef ff ff"));
        // INC RCX; JMP to the first.
        machine.guest.load(0x30_1000, hex("48 ff c1 e9 f8 ef ef ff"));
        CpuState state = machine.guest.kernel64(0x20_0000);
        state.gpr[15] = 100;
        machine.cpu.setState(state);
        String exit = machine.run(Long.MAX_VALUE);
        ends.add(exit + " " + machine.describe(8, 0x20_0000));
        if (!way.isOff()) {
          assertThat(machine.cpu.translationCounts().instructions()).isPositive();
        }
      }
    }
    assertThat(ends).allMatch(ends.get(0)::equals);
    assertThat(ends.get(0)).startsWith("Halt");
  }

  /** A page of code that lies elsewhere by now, entered by an indirect call after another has brought its translation back. */
  @Test
  void indirectCallsGoWhereTheirPageIsNow() {
    long page = 0x30_0000;
    List<String> ends = new ArrayList<>();
    for (Translation way : ways(40)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        // MOV [R8], R9; INVLPG [R11]; CALL R11; MOV [R8], R10; INVLPG [R11]; LEA R12, [R11 + 0x40];
        // CALL R12; CALL R11; SUB R15, 1; JNE to the start; HLT.
        machine.guest.load(
            BareGuest.CODE,
            hex(
                "4d 89 08 41 0f 01 3b 41 ff d3 4d 89 10 41 0f 01 3b 4d 8d 63 40 41 ff d4 41 ff d3 49 83 ef 01 75 df f4"));
        // INC RAX or INC RCX; RET. And 0x40 bytes further on NOP; RET.
        machine.guest.load(0x20_1000, hex("48 ff c0 c3"));
        machine.guest.load(0x20_2000, hex("48 ff c1 c3"));
        machine.guest.load(0x20_1040, hex("90 c3"));
        machine.guest.load(0x20_2040, hex("90 c3"));
        CpuState state = machine.guest.kernel64(BareGuest.CODE);
        state.gpr[8] = machine.guest.entry(page);
        state.gpr[9] = 0x20_1000 | 0x67;
        state.gpr[10] = 0x20_2000 | 0x67;
        state.gpr[11] = page;
        state.gpr[15] = 200;
        machine.cpu.setState(state);
        ends.add(machine.run(Long.MAX_VALUE) + " " + machine.describe(8, BareGuest.CODE));
      }
    }
    assertThat(ends).allMatch(ends.get(0)::equals);
    assertThat(ends.get(0)).startsWith("Halt r0=c8 r1=c8 ");
  }

  /** A jump to code that changes now and then, by a store of another block. */
  @Test
  void jumpsGoToWhatTheCodeIsNow() {
    List<String> ends = new ArrayList<>();
    for (Translation way : ways(40)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        // SUB R15, 1; JE to the HLT; TEST R15B, 15; JNE to the jump; MOV [0x2000c1], R15B; the
        // jump, to 0x2000c0; HLT.
        machine.guest.load(
            0x20_0000,
            hex("49 83 ef 01 74 12 41 f6 c7 0f 75 07 44 88 3d ae 00 00 00 e9 a8 00 00 00"));
        machine.guest.load(0x20_0018, hex("f4"));
        // MOV ECX, the constant; ADD RAX, RCX; JMP to the start.
        machine.guest.load(0x20_00c0, hex("b9 03 00 00 00 48 01 c8 e9 33 ff ff ff"));
        CpuState state = machine.guest.kernel64(0x20_0000);
        state.gpr[15] = 1000;
        machine.cpu.setState(state);
        ends.add(machine.run(Long.MAX_VALUE) + " " + machine.describe(8, 0x20_00c0));
        if (!way.isOff()) {
          assertThat(machine.cpu.translationCounts().instructions()).isPositive();
        }
      }
    }
    assertThat(ends).allMatch(ends.get(0)::equals);
    assertThat(ends.get(0)).startsWith("Halt");
  }

  /** Code with XMM registers that was translated while it was allowed to use them. */
  @Test
  void vectorsAreRefusedWhereTheyAreNotAllowed() {
    List<String> ends = new ArrayList<>();
    for (Translation way : ways(40)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        // MOVDQA XMM1, XMM0; SUB R15, 1; JNE to the start; HLT.
        machine.guest.load(BareGuest.CODE, hex("66 0f 6f c8 49 83 ef 01 75 f6 f4"));
        CpuState state = machine.guest.kernel64(BareGuest.CODE);
        state.gpr[15] = 1000;
        machine.cpu.setState(state);
        String before = machine.run(300);
        machine.cpu.getState(state);
        state.cr0 |= 8;
        machine.cpu.setState(state);
        String after = machine.run(Long.MAX_VALUE);
        machine.cpu.getState(state);
        ends.add(before + " " + after + " " + state.gpr[15]);
      }
    }
    assertThat(ends).allMatch(ends.get(0)::equals);
    assertThat(ends.get(0)).isEqualTo("Deadline Halt 700");
  }

  /** More blocks than are kept: all are dropped, and made again as they are needed. */
  @Test
  void whenThereAreTooManyTranslationsAllAreDropped() {
    int jumps = NativeCode.MAX_BLOCKS + 5000;
    List<String> ends = new ArrayList<>();
    for (Translation way : List.of(Translation.OFF, Translation.ALWAYS)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        // JMP to the next, over and over; SUB R15, 1; JNE to the start; HLT.
        byte[] end = hex("49 83 ef 01 0f 85 00 00 00 00 f4");
        byte[] code = Arrays.copyOf(hex("eb 00".repeat(jumps)), 2 * jumps + end.length);
        System.arraycopy(end, 0, code, 2 * jumps, end.length);
        int back = -(2 * jumps + 10);
        for (int i = 0; i < 4; i++) {
          code[2 * jumps + 6 + i] = (byte) (back >> 8 * i);
        }
        machine.guest.load(0x20_0000, code);
        CpuState state = machine.guest.kernel64(0x20_0000);
        state.gpr[15] = 3;
        machine.cpu.setState(state);
        ends.add(machine.run(Long.MAX_VALUE) + " " + machine.describe(8, 0x20_0000));
        if (!way.isOff()) {
          assertThat(machine.cpu.translationCounts().regions()).isGreaterThan(2L * jumps);
        }
      }
    }
    assertThat(ends.get(1)).isEqualTo(ends.get(0)).startsWith("Halt");
  }

  /** More code than HotSpot compiles in one method: only some of its blocks become a region. */
  @Test
  void aRegionThatWouldBeTooLongIsMadeSmaller() {
    List<String> ends = new ArrayList<>();
    for (Translation way : ways(400)) {
      try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
        // ADD [RBX], RAX, many times; SUB R15, 1; JNE to the start; HLT.
        byte[] code = hex("48 01 03".repeat(220) + "49 83 ef 01 0f 85 62 fd ff ff f4");
        machine.guest.load(BareGuest.CODE, code);
        CpuState state = machine.guest.kernel64(BareGuest.CODE);
        state.gpr[0] = 0x1234_5678_9abcL;
        state.gpr[3] = DATA;
        state.gpr[15] = 50;
        machine.cpu.setState(state);
        ends.add(machine.run(Long.MAX_VALUE) + " " + machine.describe(16, BareGuest.CODE));
        if (!way.isOff()) {
          assertThat(machine.cpu.translationCounts().instructions()).isPositive();
        }
      }
    }
    assertThat(ends).allMatch(ends.get(0)::equals);
    assertThat(ends.get(0)).startsWith("Halt");
  }

  /** Machines of one JVM take each other's translations, each where the code lies in its own memory. */
  @Test
  void machinesShareTranslations() {
    byte[] code = hex("49 83 ef 01 75 fa f4");
    List<Region> regions = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      try (BareGuest guest = new BareGuest()) {
        guest.load(0x20_0000 + 0x1000 * i, code);
        guest.map(0x20_0000, 0x20_0000 + 0x1000 * i, 7);
        BlockCache cache = new BlockCache(guest.memory().segment().byteSize());
        Cpu c =
            new Cpu(
                CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, BranchSemantics.ALL_TRANSFERS);
        new StateCopy(c).set(guest.kernel64(0x20_0000));
        c.mode = CodeMode.LONG64;
        Block block = new BlockBuilder(c, cache).build(0x20_0000, c.mmu.fetch(0x20_0000), false);
        Regions.Installed placed =
            Objects.requireNonNull(
                new Regions(c, cache, new Translation(Translation.Target.BYTECODE, 1, true, 0))
                    .at(block));
        assertThat(placed.pages()).containsExactly(0x20_0000 + 0x1000 * i);
        regions.add(placed.region());
      }
    }
    assertThat(regions.get(1)).isSameAs(regions.get(0));
  }

  /** The thread that compiles is not waited for, and in the end what it made is used. */
  @Test
  void whatIsHotIsTranslatedMeanwhile() {
    Translation way = new Translation(Translation.Target.BYTECODE, 1000, false, 0);
    try (Machine machine = new Machine(BranchSemantics.ALL_TRANSFERS, way)) {
      machine.guest.load(BareGuest.CODE, hex("49 83 ef 01 75 fa f4"));
      CpuState state = machine.guest.kernel64(BareGuest.CODE);
      state.gpr[15] = Long.MAX_VALUE;
      machine.cpu.setState(state);
      while (machine.cpu.translationCounts().instructions() == 0) {
        machine.cpu.run(machine.cpu.branchCount() + 10_000);
      }
      machine.cpu.getState(state);
      assertThat(Long.MAX_VALUE - state.gpr[15]).isEqualTo(machine.cpu.branchCount());
      assertThat(machine.cpu.instructionsExecuted()).isEqualTo(2 * machine.cpu.branchCount());
    }
  }

  private Translation.Target target() {
    Translation.Target[] all = Translation.Target.values();
    return all[random.nextInt(all.length)];
  }

  /** The interpreter, and each translation of what has executed so many instructions. */
  private static List<Translation> ways(int threshold) {
    List<Translation> ways = new ArrayList<>(List.of(Translation.OFF));
    for (Translation.Target target : Translation.Target.values()) {
      ways.add(new Translation(target, threshold, true, 0));
    }
    return ways;
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private void countedOnce(ExecutionTally tally) {
    ExecutionProfile profile = tally.profile();
    assertThat(
            profile.hottest(Integer.MAX_VALUE)
                + profile.beyond()
                + profile.alone()
                + profile.translated())
        .as("seed %d", seed)
        .isEqualTo(profile.instructions());
  }

  private void same(List<Machine> machines, List<Translation> ways) {
    long programSeed = random.nextLong();
    Random of = new Random(programSeed);
    byte[] code = new RandomLoops(of, of.nextInt(3) == 0).make();
    long at = BareGuest.CODE + (of.nextInt(4) == 0 ? 0x1000 - of.nextInt(200) : of.nextInt(64));
    CpuState state = machines.get(0).guest.kernel64(at);
    byte[] data = new byte[DATA_BYTES];
    of.nextBytes(data);
    for (int i = 0; i < 16; i++) {
      if (i != 4) {
        state.gpr[i] = of.nextInt(3) == 0 ? of.nextInt(5) - 2 : of.nextLong();
      }
    }
    state.gpr[3] = DATA + 0x800;
    state.gpr[11] = DATA + 0x1ff0 - of.nextInt(0x100);
    state.gpr[12] = DATA + DATA_BYTES - 0x40L * of.nextInt(60) - of.nextInt(8);
    state.gpr[13] = DEVICE;
    state.gpr[15] = of.nextInt(80);
    state.segments[CpuState.FS].base = 0x10;
    state.segments[CpuState.GS].base = 0x28;
    state.rflags = 2 | of.nextInt() & 0x8d5;
    for (Machine machine : machines) {
      machine.start(code, at, data, state);
    }
    int step = of.nextBoolean() ? 1 : 1 + of.nextInt(100);
    long limit = 0;
    String exit = "Deadline";
    while (exit.equals("Deadline") && limit < 3000) {
      limit += of.nextInt(step) + 1;
      exit = machines.get(0).run(limit);
      String expected = exit + " " + machines.get(0).describe(code.length, at);
      for (int i = 1; i < machines.size(); i++) {
        String got = machines.get(i).run(limit) + " " + machines.get(i).describe(code.length, at);
        assertThat(got)
            .as(
                "%s, program %d at %x: %s, seed %d",
                ways.get(i), programSeed, at, HexFormat.of().formatHex(code), seed)
            .isEqualTo(expected);
      }
    }
  }
}
