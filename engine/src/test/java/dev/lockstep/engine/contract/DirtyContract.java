package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RSI;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.contract.Computation.Outcome;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Dirty pages: every page that was written, whoever wrote it, and no other; also when harvested again and again in the middle. */
abstract class DirtyContract extends ContractSubject {
  private static final long PAGE = GuestMemory.PAGE_SIZE;
  private static final long ACCESSED = 0x20;
  private static final long DIRTY = 0x40;

  /** First page of the tables that map low memory, and what lies behind them. */
  private static boolean isTable(long page) {
    return page >= BareGuest.TABLES && page < BareGuest.CODE;
  }

  /** Runs it to HLT once to warm up, so that accessed and dirty bits are set, and again: what that dirtied. */
  private Set<Long> dirtied(Rig rig, String source) {
    for (int i = 0; i < 2; i++) {
      rig.harvest();
      rig.code(source);
      if (i == 0) {
        rig.runToHalt();
      }
    }
    rig.harvest();
    rig.runToHalt();
    return rig.harvest();
  }

  /** What each kind of store dirties; the page after DATA is clean unless the store reaches it. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "mov [data], al",
        "mov [data], rax",
        "mov dword [data+0xffc], 5",
        "add [data], eax",
        "lock xadd [data], rax",
        "xchg [data], rcx",
        "not byte [data]",
        "sete [data]",
        "mov rdi, data\nstosq",
        "mov rdi, data\nmov ecx, 4096\nrep stosb",
        "mov rsi, data\nmov rdi, data+8\nmovsw",
        "mov rsp, data+8\npush rax",
        "mov rsp, data+8\ncall a\na:",
        "fxsave [data]",
        "sgdt [data]",
        "fninit\nfnstcw [data]",
        "mov dx, 0x60\nbts [data], eax",
        "mov rsp, data+0x800\nint 0x80"
      })
  void everyKindOfStore(String source) {
    Set<Long> pages = dirtied(rig(), source + "\nhlt");
    assertThat(pages).contains(DATA);
    if (has(Capability.EXACT_DIRTY)) {
      assertThat(pages).containsOnly(DATA);
    }
  }

  @Test
  void storeOfTheSameValueIsAStore() {
    assertThat(dirtied(rig(), "mov eax, [data]\nmov [data], eax\nhlt")).contains(DATA);
  }

  @Test
  void storeAcrossTwoPagesDirtiesBoth() {
    assertThat(dirtied(rig(), "mov [data+0xffd], rax\nhlt")).contains(DATA, DATA + PAGE);
  }

  @Test
  void repeatedStoreDirtiesAllItsPages() {
    Set<Long> pages = dirtied(rig(), "mov rdi, data+0x800\nmov ecx, 0x4000\nrep stosb\nhlt");
    for (long at = DATA; at <= DATA + 4 * PAGE; at += PAGE) {
      assertThat(pages).contains(at);
    }
    if (has(Capability.EXACT_DIRTY)) {
      assertThat(pages).hasSize(5);
    }
  }

  @Test
  void loadsDirtyNothing() {
    need(Capability.EXACT_DIRTY);
    String source =
        "mov rsi, data\nmov ecx, 0x3000\nrep lodsb\nmov rax, [data+0xffd]\nadd rax, [data]\n"
            + "cmp [data], rax\ntest [data], eax\nbt [data], eax\nfxrstor [data+0x2000]\nhlt";
    Rig rig = rig();
    rig.code("fxsave [data+0x2000]\nhlt");
    rig.runToHalt();
    assertThat(dirtied(rig, source)).isEmpty();
  }

  @Test
  void storeThatFaultsDirtiesNothingButTheHandlersStack() {
    need(Capability.EXACT_DIRTY);
    Rig rig = rig();
    rig.guest.map(0x80_0000, DATA, 1); // read-only; WP is set
    Set<Long> pages = dirtied(rig, "mov [0x800000], eax\nhlt");
    assertThat(pages).containsOnly(BareGuest.KERNEL_STACK - PAGE);
  }

  @Test
  void deviceInputIsAStore() {
    Rig rig = rig();
    rig.code("mov rdi, data\nmov edx, 0x60\ninsb\nhlt");
    rig.run(VcpuExit.PortRead.class);
    rig.harvest();
    assertThat(rig.harvest()).as("not yet").isEmpty();
    rig.runToHalt();
    assertThat(rig.harvest()).contains(DATA);
  }

  @Test
  void foreignWritesAreDirtyToo() {
    Rig rig = rig();
    rig.harvest();
    rig.guest.memory().write8(DATA + 5, 1);
    rig.guest.memory().write(DATA + 2 * PAGE - 1, new byte[2], 0, 2);
    assertThat(rig.harvest()).containsExactly(DATA, DATA + PAGE, DATA + 2 * PAGE);
  }

  @Test
  void walkerMarksTheTablesItWrites() {
    need(Capability.WALKER_BITS, Capability.EXACT_DIRTY);
    Rig rig = rig();
    long linear = 0x4000_0000L;
    rig.guest.map(linear, DATA, 3);
    long[] entries = new long[4];
    long table = BareGuest.TABLES;
    for (int i = 0, shift = 39; i < 4; i++, shift -= 9) {
      entries[i] = table + (linear >>> shift & 511) * 8;
      table = rig.mem(entries[i]) & -PAGE & 0xff_ffff_ffffL;
    }
    rig.code("mov eax, [0x40000000]\nout 0x80, al\nmov [0x40000000], eax\nhlt");
    for (long entry : entries) {
      rig.guest.memory().write64(entry, rig.mem(entry) & ~(ACCESSED | DIRTY));
    }
    rig.harvest();
    rig.run(VcpuExit.PortWrite.class);
    Set<Long> read = rig.harvest();
    for (long entry : entries) {
      assertThat(rig.mem(entry) & (ACCESSED | DIRTY)).as("entry %#x", entry).isEqualTo(ACCESSED);
      assertThat(read).contains(entry & -PAGE);
    }
    assertThat(read).doesNotContain(DATA).allMatch(DirtyContract::isTable);
    rig.runToHalt();
    assertThat(rig.mem(entries[3]) & DIRTY).isEqualTo(DIRTY);
    assertThat(rig.harvest()).containsExactlyInAnyOrder(entries[3] & -PAGE, DATA);
  }

  @Test
  void descriptorsAccessedBitIsAStore() {
    need(Capability.EXACT_DIRTY);
    Rig rig = rig();
    long entry = BareGuest.GDT + BareGuest.KERNEL_DATA;
    dirtied(rig, "mov eax, 0x18\nmov es, eax\nhlt");
    assertThat(dirtied(rig, "mov eax, 0x18\nmov es, eax\nhlt")).as("set already").isEmpty();
    rig.code("mov eax, 0x18\nmov es, eax\nhlt");
    rig.guest.memory().write64(entry, rig.mem(entry) & ~(1L << 40));
    rig.harvest();
    rig.runToHalt();
    assertThat(rig.mem(entry) >>> 40 & 1).isEqualTo(1);
    assertThat(rig.harvest()).contains(entry & -PAGE);
  }

  /** The loop writes the same page between two exits: each harvest must find it again. */
  @Test
  void everyHarvestBeginsAnew() {
    Rig rig = rig();
    rig.code("mov ecx, 50\na: mov [data], ecx\nout 0x80, al\nout 0x81, al\nloop a\nhlt");
    for (int i = 0; i < 50; i++) {
      rig.run(VcpuExit.PortWrite.class);
      assertThat(rig.harvest()).contains(DATA);
      assertThat(rig.guest.memory().dirtyPages()).isZero();
      rig.run(VcpuExit.PortWrite.class);
      assertThat(rig.harvest()).as("nothing was stored in between").doesNotContain(DATA);
    }
  }

  /** The same in code without exits, stopped by deadlines so that only the hot loop is between two harvests. */
  @Test
  void everyHarvestBeginsAnewInAHotLoop() {
    needCount(BranchSemantics.ALL_TRANSFERS);
    Rig rig = rig(BranchSemantics.ALL_TRANSFERS);
    rig.code("mov ecx, 1000000\na: mov [data], ecx\nadd [data+0x1008], ecx\nloop a\nhlt");
    for (int i = 1; i <= 200; i++) {
      assertThat(rig.vcpu.run(100L * i)).isEqualTo(VcpuExit.Deadline.DEADLINE);
      assertThat(rig.harvest()).contains(DATA, DATA + PAGE);
    }
  }

  /** Random pages written by stores of random width; the union of harvests at random moments is what was written. */
  @Test
  void unionOfHarvestsIsWhatWasWritten() {
    Random random = random();
    Rig rig = rig();
    StringBuilder source = new StringBuilder();
    Set<Long> written = new TreeSet<>();
    String[] stores = {"mov [rdi], al", "mov [rdi], ax", "add [rdi], ecx", "mov [rdi], rsi"};
    for (int i = 0; i < 300; i++) {
      long address = DATA + random.nextInt(0x20_0000 - 8);
      int store = random.nextInt(4);
      source.append("mov edi, 0x%x%n%s%n".formatted(address, stores[store]));
      // A load of some other page.
      source.append("mov eax, [0x%x]%n".formatted(DATA + random.nextInt(0x20_0000 - 8)));
      written.add(address & -PAGE);
      written.add(address + (1 << store) - 1 & -PAGE);
      if (random.nextInt(10) == 0) {
        source.append("out 0x80, al\n");
      }
    }
    rig.code(source + "hlt");
    rig.harvest();
    Set<Long> found = new TreeSet<>();
    while (rig.run() instanceof VcpuExit.PortWrite) {
      if (random.nextBoolean()) {
        found.addAll(rig.harvest());
      }
    }
    found.addAll(rig.harvest());
    assertThat(found).containsAll(written);
    if (has(Capability.EXACT_DIRTY)) {
      found.removeAll(written);
      assertThat(found).as("dirty, but not written").allMatch(DirtyContract::isTable);
    }
  }

  @Test
  void harvestingDoesNotShow() {
    need(Capability.SPEED);
    Random random = random();
    byte[] program = RandomProgram.make(random);
    try (Computation plain = new Computation(engine(), BranchSemantics.ALL_TRANSFERS, program);
        Computation harvested = new Computation(engine(), BranchSemantics.ALL_TRANSFERS, program)) {
      Outcome expected = plain.finish();
      VcpuExit exit;
      do {
        exit = harvested.vcpu.run(Long.MAX_VALUE);
        engine().collectDirty(harvested.vcpu);
        harvested.guest.memory().harvestDirty(page -> {});
      } while (harvested.serve(exit));
      assertThat(harvested.outcome()).isEqualTo(expected);
    }
  }

  @Test
  void repeatedCopyStoppedInTheMiddleHasMarkedWhatItWrote() {
    need(Capability.STEP, Capability.STEP_ITERATIONS);
    Rig rig = rig();
    rig.code(
        "rep movsb\nhlt",
        s -> {
          s.gpr[RSI] = DATA + 0x10_0000;
          s.gpr[RDI] = DATA + PAGE - 2;
          s.gpr[RCX] = 10;
        });
    rig.harvest();
    rig.step(VcpuExit.Stepped.STEPPED);
    rig.step(VcpuExit.Stepped.STEPPED);
    assertThat(rig.harvest()).contains(DATA).doesNotContain(DATA + PAGE);
    rig.step(VcpuExit.Stepped.STEPPED);
    assertThat(rig.harvest()).contains(DATA + PAGE).doesNotContain(DATA);
  }
}
