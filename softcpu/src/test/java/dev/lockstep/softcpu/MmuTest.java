package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.MmuFixture.A;
import static dev.lockstep.softcpu.MmuFixture.D;
import static dev.lockstep.softcpu.MmuFixture.G;
import static dev.lockstep.softcpu.MmuFixture.LARGE;
import static dev.lockstep.softcpu.MmuFixture.NX;
import static dev.lockstep.softcpu.MmuFixture.P;
import static dev.lockstep.softcpu.MmuFixture.U;
import static dev.lockstep.softcpu.MmuFixture.W;
import static dev.lockstep.softcpu.MmuFixture.raised;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** 4-level paging, the TLB and page faults (Intel SDM vol. 3A chapter 4). */
class MmuTest {
  private static final long PAGE = 0x40_0000_1000L;
  private static final long FRAME = 0x20_0000;

  private final MmuFixture f = MmuFixture.longMode();
  private final Mmu mmu = f.c.mmu;

  @AfterEach
  void close() {
    f.close();
  }

  @Test
  void loadsAndStoresEveryWidthWhereThePageLies() {
    f.map(PAGE, FRAME, P | W);
    mmu.store64(PAGE + 8, 0x1122334455667788L);
    mmu.store32(PAGE + 16, 0xffffffff_89abcdefL);
    mmu.store16(PAGE + 20, 0xffff8001L);
    mmu.store8(PAGE + 22, 0xfff5);
    assertThat(f.memory.read64(FRAME + 8)).isEqualTo(0x1122334455667788L);
    assertThat(mmu.load64(PAGE + 8)).isEqualTo(0x1122334455667788L);
    assertThat(mmu.load32(PAGE + 16)).isEqualTo(0x89abcdefL);
    assertThat(mmu.load16(PAGE + 20)).isEqualTo(0x8001L);
    assertThat(mmu.load8(PAGE + 22)).isEqualTo(0xf5L);
    assertThat(f.memory.read8(FRAME + 23)).isZero();
  }

  /** 4.8: A in every entry used, D in the mapping entry of a write alone. */
  @Test
  void readSetsAccessedWriteSetsDirty() {
    long pte = f.map(PAGE, FRAME, P | W);
    mmu.load8(PAGE);
    assertThat(f.memory.read64(pte) & (A | D)).isEqualTo(A);
    for (int level = 2; level <= 4; level++) {
      assertThat(f.memory.read64(f.entryOf(PAGE, level)) & (A | D)).isEqualTo(A);
    }
    mmu.store8(PAGE, 1);
    assertThat(f.memory.read64(pte) & (A | D)).isEqualTo(A | D);
    assertThat(f.memory.read64(f.entryOf(PAGE, 2)) & D).isZero();
  }

  /** 4.10.2.1 and 4.10.4.3: a cached translation is used without the tables, so a cleared A bit stays clear until the entry goes. */
  @Test
  void clearedAccessedBitStaysClearWhileCached() {
    long pte = f.map(PAGE, FRAME, P | W);
    mmu.store8(PAGE, 1);
    f.memory.write64(pte, FRAME | P | W);
    mmu.store8(PAGE, 2);
    mmu.load8(PAGE);
    assertThat(f.memory.read64(pte) & (A | D)).isZero();
    mmu.flushPage(PAGE + 0x123);
    mmu.load8(PAGE);
    assertThat(f.memory.read64(pte) & (A | D)).isEqualTo(A);
  }

  @Test
  void dirtyHarvestAndDroppedFastPathsDisturbNothing() {
    long pte = f.map(PAGE, FRAME, P | W);
    mmu.store8(PAGE, 1);
    f.memory.write64(pte, FRAME | P | W);
    f.memory.harvestDirty(offset -> {});
    mmu.dropDerived();
    mmu.store8(PAGE, 2);
    assertThat(f.memory.isDirty(FRAME)).isTrue();
    assertThat(f.memory.read64(pte) & (A | D)).isZero();
  }

  @Test
  void staleTranslationLivesUntilInvalidated() {
    long pte = f.map(PAGE, FRAME, P | W);
    f.memory.write8(FRAME, 1);
    f.memory.write8(FRAME + 0x1000, 2);
    assertThat(mmu.load8(PAGE)).isEqualTo(1);
    f.memory.write64(pte, FRAME + 0x1000 | P | W);
    assertThat(mmu.load8(PAGE)).isEqualTo(1);
    mmu.flush(true);
    assertThat(mmu.load8(PAGE)).isEqualTo(2);
  }

  /** 4.10.2.4: global entries survive a load of CR3, not a change of CR4.PGE. */
  @Test
  void globalEntrySurvivesLocalFlush() {
    long pte = f.map(PAGE, FRAME, P | W | G);
    f.memory.write8(FRAME, 1);
    f.memory.write8(FRAME + 0x1000, 2);
    assertThat(mmu.load8(PAGE)).isEqualTo(1);
    f.memory.write64(pte, FRAME + 0x1000 | P | W | G);
    mmu.flush(true);
    assertThat(mmu.load8(PAGE)).isEqualTo(1);
    mmu.flush(false);
    assertThat(mmu.load8(PAGE)).isEqualTo(2);
  }

  /** 4.10.4.1: INVLPG of any address in a large page forgets all of it. */
  @Test
  void invlpgForgetsEveryPieceOfALargePage() {
    long base = 0x40_0020_0000L;
    long pde = f.mapAt(base, 0x20_0000, P | W | LARGE, 2);
    f.memory.write8(0x20_5000, 1);
    f.memory.write8(0x40_5000, 2);
    assertThat(mmu.load8(base + 0x5000)).isEqualTo(1);
    f.memory.write64(pde, 0x40_0000 | P | W | LARGE);
    mmu.flushPage(base + 0x6000);
    assertThat(mmu.load8(base + 0x5000)).isEqualTo(2);
  }

  @Test
  void gigabytePageMaps() {
    long base = 0x80_4000_0000L;
    long pdpte = f.mapAt(base, 0, P | W | LARGE, 3);
    mmu.store32(base + 0x34_5678, 0xcafe);
    assertThat(f.memory.read32(0x34_5678)).isEqualTo(0xcafe);
    assertThat(f.memory.read64(pdpte) & (A | D)).isEqualTo(A | D);
  }

  /** 4.7: error codes. */
  @Test
  void faultsSayWhatWasMissing() {
    f.map(PAGE, FRAME, P | W);
    f.map(PAGE + 0x1000, FRAME, P);
    f.map(PAGE + 0x2000, FRAME, P | U | NX);
    f.map(PAGE + 0x3000, FRAME, P | W | U | 1L << 45);
    assertThat(raised(() -> mmu.load8(PAGE + 0x4321))).isEqualTo("#PF(0) at 4000005321");
    assertThat(raised(() -> mmu.store8(PAGE + 0x4321, 0))).isEqualTo("#PF(2) at 4000005321");
    assertThat(raised(() -> mmu.store8(PAGE + 0x1001, 0))).isEqualTo("#PF(3) at 4000002001");
    assertThat(raised(() -> mmu.load8(PAGE + 0x3000))).isEqualTo("#PF(9) at 4000004000");
    assertThat(raised(() -> mmu.fetch(PAGE + 0x2010))).isEqualTo("#PF(11) at 4000003010");
    f.cpl(3);
    assertThat(raised(() -> mmu.load8(PAGE))).isEqualTo("#PF(5) at 4000001000");
    assertThat(raised(() -> mmu.store8(PAGE + 0x2000, 0))).isEqualTo("#PF(7) at 4000003000");
    assertThat(raised(() -> mmu.fetch(PAGE + 0x2000))).isEqualTo("#PF(15) at 4000003000");
    assertThat(raised(() -> mmu.loadForWrite8(PAGE + 0x2000))).isEqualTo("#PF(7) at 4000003000");
    assertThat(raised(() -> mmu.load8(PAGE + 0x2000))).isEqualTo("none");
  }

  @Test
  void noExecuteBitIsReservedWithoutNxe() {
    f.map(PAGE, FRAME, P | W | NX);
    f.c.efer &= ~ControlRegisters.EFER_NXE;
    assertThat(raised(() -> mmu.load8(PAGE))).isEqualTo("#PF(9) at 4000001000");
    // I/D is not reported where fetches cannot be refused.
    assertThat(raised(() -> mmu.fetch(PAGE))).isEqualTo("#PF(9) at 4000001000");
  }

  /** Table 4-15 and following: PS in a PML4 entry, and the bits between PAT and frame of a large page. */
  @Test
  void reservedBitsFault() {
    long pde = f.mapAt(0x40_0020_0000L, 0x20_0000, P | W | LARGE | 1 << 13, 2);
    assertThat(raised(() -> mmu.load8(0x40_0020_0000L))).isEqualTo("#PF(9) at 4000200000");
    f.memory.write64(pde, 0x20_0000 | P | W | LARGE | 1 << 12);
    assertThat(raised(() -> mmu.load8(0x40_0020_0000L))).isEqualTo("none");
    f.map(PAGE, FRAME, P | W);
    long pml4e = f.entryOf(PAGE, 4);
    f.memory.write64(pml4e, f.memory.read64(pml4e) | LARGE);
    mmu.flush(false);
    assertThat(raised(() -> mmu.load8(PAGE))).isEqualTo("#PF(9) at 4000001000");
  }

  /** Table 4-15: PS in a PDPTE is reserved where CPUID does not announce pages of 1 GiB. */
  @Test
  void pagesOf1GNeedTheirFeature() {
    f.mapAt(0x40_0000_0000L, 0, P | W | LARGE, 3);
    assertThat(raised(() -> mmu.load8(0x40_0020_0000L))).isEqualTo("none");
    try (MmuFixture plain = MmuFixture.longMode(CpuModel.LOCKSTEP_V1)) {
      plain.mapAt(0x40_0000_0000L, 0, P | W | LARGE, 3);
      assertThat(raised(() -> plain.c.mmu.load8(0x40_0020_0000L)))
          .isEqualTo("#PF(9) at 4000200000");
    }
  }

  /** A walk that faults leaves A and D alone. */
  @Test
  void faultingWalkSetsNothing() {
    long pte = f.map(PAGE, FRAME, P);
    raised(() -> mmu.store8(PAGE, 0));
    assertThat(f.memory.read64(pte) & (A | D)).isZero();
    assertThat(f.memory.read64(f.entryOf(PAGE, 4)) & A).isZero();
  }

  /** 4.6.1: supervisor writes ignore R/W while CR0.WP is clear. */
  @Test
  void writeProtectAppliesToSupervisorsByWp() {
    f.map(PAGE, FRAME, P | U);
    assertThat(raised(() -> mmu.store8(PAGE, 0))).isEqualTo("#PF(3) at 4000001000");
    ControlRegisters.writeCr0(f.c, f.c.cr0 & ~ControlRegisters.WP);
    assertThat(raised(() -> mmu.store8(PAGE, 0))).isEqualTo("none");
    ControlRegisters.writeCr0(f.c, f.c.cr0 | ControlRegisters.WP);
    assertThat(raised(() -> mmu.store8(PAGE, 0))).isEqualTo("#PF(3) at 4000001000");
    ControlRegisters.writeCr0(f.c, f.c.cr0 & ~ControlRegisters.WP);
    f.cpl(3);
    assertThat(raised(() -> mmu.store8(PAGE, 0))).isEqualTo("#PF(7) at 4000001000");
  }

  @Test
  void nonCanonicalAddressIsNotAPageFault() {
    assertThat(raised(() -> mmu.load8(0x8000_0000_0000L))).isEqualTo("non-canonical");
    assertThat(raised(() -> mmu.store64(0xffff_7fff_ffff_ffffL, 0))).isEqualTo("non-canonical");
    f.map(0x7fff_ffff_f000L, FRAME, P | W);
    assertThat(raised(() -> mmu.load64(0x7fff_ffff_fffcL))).isEqualTo("non-canonical");
    assertThat(raised(() -> mmu.load32(0x7fff_ffff_fffcL))).isEqualTo("none");
  }

  @Test
  void crossingStoreTouchesNothingWhereTheSecondPageIsAbsent() {
    long pte = f.map(PAGE, FRAME, P | W);
    f.memory.write64(FRAME + 0xff8, -1);
    assertThat(raised(() -> mmu.store64(PAGE + 0xffc, 0))).isEqualTo("#PF(2) at 4000002000");
    assertThat(f.memory.read64(FRAME + 0xff8)).isEqualTo(-1);
    assertThat(f.memory.read64(pte) & D).isZero();
    assertThat(raised(() -> mmu.loadForWrite64(PAGE + 0xffd))).isEqualTo("#PF(2) at 4000002000");
    assertThat(raised(() -> mmu.probeWrite(PAGE + 0xffd, 8))).isEqualTo("#PF(2) at 4000002000");
    assertThat(f.memory.read64(pte) & D).isZero();
    assertThat(raised(() -> mmu.load64(PAGE + 0xffc))).isEqualTo("#PF(0) at 4000002000");
  }

  @Test
  void crossingAccessesJoinTwoFrames() {
    long first = f.map(PAGE, FRAME + 0x5000, P | W);
    long second = f.map(PAGE + 0x1000, FRAME, P | W);
    for (int size : new int[] {2, 4, 8}) {
      for (int below = 1; below < size; below++) {
        long at = PAGE + 0x1000 - below;
        long value = 0x8877665544332211L + below;
        switch (size) {
          case 2 -> mmu.store16(at, value);
          case 4 -> mmu.store32(at, value);
          default -> mmu.store64(at, value);
        }
        long mask = size == 8 ? -1 : (1L << 8 * size) - 1;
        long read =
            switch (size) {
              case 2 -> mmu.load16(at);
              case 4 -> mmu.loadForWrite32(at);
              default -> mmu.load64(at);
            };
        assertThat(read).isEqualTo(value & mask);
        assertThat(f.memory.read8(FRAME + 0x6000 - below)).isEqualTo((int) value & 0xff);
        assertThat((long) f.memory.read8(FRAME + size - below - 1))
            .isEqualTo(value >>> 8 * (size - 1) & 0xff);
      }
    }
    assertThat(f.memory.read64(first) & D).isNotZero();
    assertThat(f.memory.read64(second) & D).isNotZero();
  }

  @Test
  void deviceAccessesExitOnlyAlone() {
    long device = 0x1_0000_0000L;
    f.map(PAGE, device, P | W);
    f.c.single = false;
    assertThat(raised(() -> mmu.load32(PAGE))).isEqualTo("signal restart");
    assertThat(raised(() -> mmu.store32(PAGE, 1))).isEqualTo("signal restart");
    f.c.single = true;
    f.c.exits.begin();
    assertThat(raised(() -> mmu.load32(PAGE))).isEqualTo("signal exit");
    assertThat(raised(() -> mmu.store32(PAGE, 1))).isEqualTo("none");
    assertThat(f.c.exits.nextPosted()).isNotNull();
  }

  @Test
  void storesIntoCodeAreMadeAloneAndTellItsOwner() {
    f.map(PAGE, FRAME, P | W);
    f.map(PAGE + 0x1000, FRAME, P | W);
    long[] told = new long[2];
    mmu.code.setOwner((page, chunks) -> {
      told[0] = page;
      told[1] |= chunks;
    });
    f.c.single = false;
    mmu.store64(PAGE, 1);
    mmu.store64(PAGE + 0x1000, 1);
    mmu.markCode(FRAME + 100, 60);
    // Both aliases have left the fast path.
    assertThat(mmu.writeOffset(PAGE)).isEqualTo(-1);
    assertThat(mmu.writeOffset(PAGE + 0x1000)).isEqualTo(-1);
    assertThat(raised(() -> mmu.store64(PAGE + 0x1000 + 57, 1))).isEqualTo("signal restart");
    assertThat(raised(() -> mmu.loadForWrite8(PAGE + 159))).isEqualTo("signal restart");
    assertThat(raised(() -> mmu.store64(PAGE + 56, 1))).isEqualTo("none");
    assertThat(raised(() -> mmu.store64(PAGE + 192, 1))).isEqualTo("none");
    assertThat(told[1]).isZero();
    f.c.single = true;
    mmu.store64(PAGE + 0x1000 + 57, 1);
    assertThat(told[0]).isEqualTo(FRAME >>> 12);
    assertThat(told[1]).isEqualTo(2);
    f.memory.write8(FRAME + 128, 7);
    assertThat(told[1]).isEqualTo(6);
    mmu.store8(PAGE, 1);
    assertThat(mmu.writeOffset(PAGE)).isNotEqualTo(-1);
  }

  @Test
  void walkerWritingIntoCodeTellsItsOwner() {
    long pte = f.map(PAGE, FRAME, P | W);
    long[] told = new long[1];
    mmu.code.setOwner((page, chunks) -> told[0]++);
    mmu.markCode(pte & -64, 8);
    f.c.single = false;
    assertThat(raised(() -> mmu.load8(PAGE))).isEqualTo("signal restart");
    f.c.single = true;
    assertThat(raised(() -> mmu.load8(PAGE))).isEqualTo("none");
    assertThat(told[0]).isEqualTo(1);
    assertThat(f.memory.isDirty(pte)).isTrue();
  }

  /** Vol. 3A 6.15, interrupt 17. */
  @Test
  void alignmentIsCheckedAtCpl3WithAmAndAc() {
    f.map(PAGE, FRAME, P | W | U);
    f.c.cr0 |= ControlRegisters.AM;
    f.c.systemFlags |= Delivery.FLAG_AC;
    mmu.select();
    assertThat(raised(() -> mmu.load32(PAGE + 1))).isEqualTo("none");
    f.cpl(3);
    mmu.load32(PAGE);
    assertThat(raised(() -> mmu.load32(PAGE + 2))).isEqualTo("#17(0)");
    assertThat(raised(() -> mmu.store16(PAGE + 1, 0))).isEqualTo("#17(0)");
    assertThat(raised(() -> mmu.load64(PAGE + 4))).isEqualTo("#17(0)");
    assertThat(raised(() -> mmu.load8(PAGE + 1))).isEqualTo("none");
    assertThat(raised(() -> mmu.loadSystem(PAGE + 1, 8))).isEqualTo("none");
    // Table 6-2: a page fault goes before an alignment check.
    assertThat(raised(() -> mmu.load32(PAGE + 0x1002))).isEqualTo("#PF(4) at 4000002002");
    f.c.systemFlags &= ~Delivery.FLAG_AC;
    mmu.select();
    assertThat(raised(() -> mmu.load32(PAGE + 2))).isEqualTo("none");
  }

  @Test
  void savedTlbContinuesWithTheSameStaleEntries() {
    long pte = f.map(PAGE, FRAME, P | W | G);
    f.mapAt(0x40_0020_0000L, 0x20_0000, P | W | LARGE, 2);
    mmu.store8(PAGE, 1);
    mmu.load8(0x40_0020_3000L);
    mmu.fetch(PAGE);
    byte[] saved = mmu.save();
    assertThat(mmu.save()).isEqualTo(saved);
    f.memory.write64(pte, 0);
    mmu.flush(false);
    assertThat(raised(() -> mmu.load8(PAGE))).startsWith("#PF");
    assertThat(mmu.restore(saved)).isTrue();
    assertThat(mmu.save()).isEqualTo(saved);
    mmu.flush(true);
    assertThat(mmu.load8(PAGE)).isEqualTo(1);
    assertThat(mmu.fetch(PAGE)).isEqualTo(FRAME);
    mmu.flushPage(0x40_0020_1000L);
    assertThat(mmu.restore(new byte[] {1, 2, 3})).isFalse();
  }

  /** 4.10.4.1: a page fault forgets the address's translations. */
  @Test
  void pageFaultForgetsTheTranslation() {
    long pte = f.map(PAGE, FRAME, P);
    mmu.load8(PAGE);
    f.memory.write64(pte, FRAME + 0x1000 | P);
    f.memory.write8(FRAME + 0x1000, 9);
    raised(() -> mmu.store8(PAGE, 1));
    assertThat(mmu.load8(PAGE)).isEqualTo(9);
  }

  /** Vol. 3B 18.2.4: data breakpoints cover their aligned length, in accesses made alone. */
  @Test
  void dataBreakpointsCollectHits() {
    f.map(PAGE, FRAME, P | W);
    mmu.load8(PAGE);
    f.c.debugAddress[1] = PAGE + 16;
    f.c.dr7 = 0x400 | 1 << 2 | 0b1101L << 20; // L1, write, four bytes
    mmu.select();
    mmu.load64(PAGE + 16);
    mmu.store8(PAGE + 15, 0);
    mmu.store8(PAGE + 20, 0);
    assertThat(f.c.pendingDebug).isZero();
    f.c.single = false;
    assertThat(raised(() -> mmu.store8(PAGE + 19, 0))).isEqualTo("signal restart");
    f.c.single = true;
    mmu.store64(PAGE + 12, 0);
    assertThat(f.c.pendingDebug).isEqualTo(2);
    f.c.pendingDebug = 0;
    f.c.dr7 |= 0b10L << 20; // read or write
    mmu.select();
    mmu.load8(PAGE + 17);
    assertThat(f.c.pendingDebug).isEqualTo(2);
    f.c.dr7 = 0x400;
    f.c.pendingDebug = 0;
    mmu.select();
    mmu.store8(PAGE + 17, 1);
    assertThat(f.c.pendingDebug).isZero();
  }
}
