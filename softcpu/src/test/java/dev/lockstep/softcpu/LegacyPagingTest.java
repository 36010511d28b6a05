package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.MmuFixture.A;
import static dev.lockstep.softcpu.MmuFixture.D;
import static dev.lockstep.softcpu.MmuFixture.LARGE;
import static dev.lockstep.softcpu.MmuFixture.NX;
import static dev.lockstep.softcpu.MmuFixture.P;
import static dev.lockstep.softcpu.MmuFixture.TABLES;
import static dev.lockstep.softcpu.MmuFixture.U;
import static dev.lockstep.softcpu.MmuFixture.W;
import static dev.lockstep.softcpu.MmuFixture.raised;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** 32-bit and PAE paging, and none (Intel SDM vol. 3A 4.3, 4.4). */
class LegacyPagingTest {
  private static final long TABLE = TABLES + 0x1000;
  private static final long PAGE = 0xc040_3000L;

  private static void map32(MmuFixture f, long linear, long frame, long flags) {
    f.memory.write32(TABLES + 4 * (linear >>> 22), (int) (TABLE | P | W | U));
    f.memory.write32(TABLE + 4 * (linear >>> 12 & 0x3ff), (int) (frame | flags));
  }

  @Test
  void thirtyTwoBitTablesTranslateAndMark() {
    try (MmuFixture f = MmuFixture.protectedMode(0)) {
      map32(f, PAGE, 0x20_0000, P | W);
      f.c.mmu.store32(PAGE + 4, 0xdead_beefL);
      assertThat(f.memory.read32(0x20_0004)).isEqualTo(0xdead_beef);
      assertThat(f.memory.read32(TABLE + 4 * 3) & (A | D)).isEqualTo(A | D);
      assertThat(f.memory.read32(TABLES + 4 * (PAGE >>> 22)) & (A | D)).isEqualTo(A);
      assertThat(raised(() -> f.c.mmu.load8(PAGE + 0x1000))).isEqualTo("#PF(0) at c0404000");
      f.cpl(3);
      assertThat(raised(() -> f.c.mmu.store8(PAGE, 0))).isEqualTo("#PF(7) at c0403000");
      assertThat(raised(() -> f.c.mmu.fetch(PAGE))).isEqualTo("#PF(5) at c0403000");
    }
  }

  /** PS counts only with CR4.PSE; PSE-36 puts physical bits 39:32 in bits 20:13. */
  @Test
  void fourMegabytePages() {
    try (MmuFixture f = MmuFixture.protectedMode(ControlRegisters.PSE)) {
      long pde = TABLES + 4 * 0x300;
      f.memory.write32(pde, (int) (0x40_0000 | P | W | LARGE));
      f.memory.write8(0x41_2345, 0x5a);
      assertThat(f.c.mmu.load8(0xc001_2345L)).isEqualTo(0x5a);
      f.memory.write32(pde, (int) (P | W | LARGE | 1 << 13));
      f.c.mmu.flush(false);
      assertThat(raised(() -> f.c.mmu.load8(0xc000_0010L))).isEqualTo("signal exit");
      assertThat(f.c.exits.takeThrown().toString()).isNotEmpty();
      f.memory.write32(pde, (int) (P | W | LARGE | 1 << 21));
      f.c.mmu.flush(false);
      assertThat(raised(() -> f.c.mmu.load8(0xc000_0010L))).isEqualTo("#PF(9) at c0000010");
    }
    try (MmuFixture f = MmuFixture.protectedMode(0)) {
      map32(f, PAGE, 0x20_0000, P | W);
      long pde = TABLES + 4 * (PAGE >>> 22);
      f.memory.write32(pde, f.memory.read32(pde) | (int) LARGE);
      assertThat(raised(() -> f.c.mmu.load8(PAGE))).isEqualTo("none");
    }
  }

  @Test
  void accessWrapsAtFourGigabytes() {
    try (MmuFixture f = MmuFixture.protectedMode(0)) {
      map32(f, 0xffff_f000L, 0x20_0000, P | W);
      long low = TABLES + 0x2000;
      f.memory.write32(TABLES, (int) (low | P | W));
      f.memory.write32(low, (int) (0x20_5000 | P | W));
      f.c.mmu.store32(0xffff_fffeL, 0x4433_2211);
      assertThat(f.memory.read16(0x20_0ffe)).isEqualTo(0x2211);
      assertThat(f.memory.read16(0x20_5000)).isEqualTo(0x4433);
    }
  }

  /** 4.4.1: the four PDPTEs are registers, loaded with CR3 alone. */
  @Test
  void paeUsesPdpteRegisters() {
    try (MmuFixture f = MmuFixture.protectedMode(ControlRegisters.PAE)) {
      f.c.efer = ControlRegisters.EFER_NXE;
      long directory = TABLES + 0x1000;
      long table = TABLES + 0x2000;
      f.memory.write64(TABLES + 8 * 3, directory | P);
      f.memory.write64(directory + 8 * 2, table | P | W | U);
      f.memory.write64(table + 8 * 3, 0x20_0000 | P | W | U | NX);
      assertThat(raised(() -> f.c.mmu.load8(PAGE))).isEqualTo("#PF(0) at c0403000");
      assertThat(f.c.mmu.walker.loadPdptes(TABLES)).isTrue();
      f.memory.write64(TABLES + 8 * 3, 0);
      f.c.mmu.store8(PAGE, 0x77);
      assertThat(f.memory.read8(0x20_0000)).isEqualTo(0x77);
      assertThat(f.memory.read64(table + 8 * 3) & (A | D)).isEqualTo(A | D);
      assertThat(f.memory.read64(directory + 8 * 2) & (A | D)).isEqualTo(A);
      assertThat(raised(() -> f.c.mmu.fetch(PAGE))).isEqualTo("#PF(11) at c0403000");
      f.memory.write64(directory + 8 * 2, 0x40_0000 | P | W | LARGE);
      f.c.mmu.flushPage(PAGE);
      f.memory.write8(0x40_3000, 0x66);
      assertThat(f.c.mmu.load8(PAGE)).isEqualTo(0x66);
      f.memory.write64(directory + 8 * 2, table | P | W | 1L << 60);
      f.c.mmu.flushPage(PAGE);
      assertThat(raised(() -> f.c.mmu.load8(PAGE))).isEqualTo("#PF(9) at c0403000");
      f.memory.write64(TABLES, directory | P | W);
      assertThat(f.c.mmu.walker.loadPdptes(TABLES)).isFalse();
    }
  }

  @Test
  void withoutPagingAddressesArePhysicalAndLeaveNoTlb() {
    try (MmuFixture f = MmuFixture.protectedMode(0)) {
      ControlRegisters.writeCr0(f.c, ControlRegisters.PE);
      byte[] empty = f.c.mmu.save();
      f.c.mmu.store64(0x20_0ffc, 0x1122334455667788L);
      assertThat(f.memory.read64(0x20_0ffc)).isEqualTo(0x1122334455667788L);
      assertThat(f.c.mmu.fetch(0x1234)).isEqualTo(0x1234);
      assertThat(f.c.mmu.save()).isEqualTo(empty);
      assertThat(f.memory.isDirty(0x20_1000)).isTrue();
    }
  }
}
