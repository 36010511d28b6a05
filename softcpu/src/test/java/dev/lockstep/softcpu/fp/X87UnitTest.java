package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The unit's seams with the CPU core: two-phase stores, pending exceptions, MMX aliasing, reset states. */
class X87UnitTest {
  private final X87Unit unit = new X87Unit();
  private final X87State state = unit.state;

  @Test
  void aPreparedStoreThatNeverCommitsLeavesNoTrace() {
    unit.moves.fldF80(0x7ffe, -1L);
    state.status |= X87State.C1;
    byte[] before = image();
    assertThat(unit.stores.prepareF32()).isTrue();
    assertThat(unit.stores.low).isEqualTo(0x7f800000L);
    assertThat(unit.stores.prepareI16()).isTrue();
    assertThat(unit.stores.prepareBcd()).isTrue();
    assertThat(image()).isEqualTo(before);
    assertThat(unit.stores.prepareF64()).isTrue();
    unit.stores.commitPop();
    assertThat(state.isEmpty(7)).isTrue();
    assertThat(state.status).isEqualTo(X87State.OE | X87State.PE | X87State.C1);
  }

  @Test
  void anUnmaskedExceptionForbidsTheStoreAndIsPending() {
    unit.moves.fldF80(0x7ffe, -1L);
    state.setControl(X87State.CONTROL_INIT & ~X87State.OE);
    assertThat(unit.stores.prepareF32()).isFalse();
    assertThat(state.pendingException()).isTrue();
    assertThat(state.statusWord() & 0xff).isEqualTo(X87State.OE | X87State.ES);
    assertThat(state.isEmpty(0)).isFalse();
    state.clearExceptions();
    assertThat(state.pendingException()).isFalse();
  }

  @Test
  void unmaskingAFlagMakesItPending() {
    unit.moves.fldConstant(0);
    unit.moves.fldConstant(6);
    unit.arithmetic.toRegisterPop(X87Arithmetic.DIVR, 1);
    assertThat(state.statusWord() & 0xff).isEqualTo(X87State.ZE);
    state.setControl(X87State.CONTROL_INIT & ~X87State.ZE);
    assertThat(state.statusWord() & 0x80ff).isEqualTo(X87State.ZE | X87State.ES | X87State.BUSY);
  }

  @Test
  void initAndReset() {
    unit.moves.fldConstant(3);
    state.init();
    assertThat(state.control).isEqualTo(0x037f);
    assertThat(state.tagWord()).isEqualTo(0xffff);
    assertThat(state.significand[7]).isEqualTo(0xc90fdaa22168c235L);
    state.reset();
    assertThat(state.control).isEqualTo(0x0040);
    assertThat(state.tagWord()).isEqualTo(0x5555);
    assertThat(state.significand[7]).isZero();
  }

  @Test
  void mmxAliasesTheRegisters() {
    unit.moves.fldConstant(0);
    state.enterMmx();
    state.setMmx(3, 0x123456789abcdef0L);
    assertThat(state.top).isZero();
    assertThat(state.occupied).isEqualTo(0xff);
    assertThat(state.signExponent[3]).isEqualTo(0xffff);
    assertThat(state.significand[7]).isEqualTo(Long.MIN_VALUE);
    state.emms();
    assertThat(state.tagWord()).isEqualTo(0xffff);
  }

  @Test
  void mmxAliasingIsTheHosts() {
    byte[] pxor = {0x0f, (byte) 0xef, (byte) 0xdb, 0x48, 0x0f, (byte) 0xae, 0x07};
    byte[] emms = {0x0f, 0x77, 0x48, 0x0f, (byte) 0xae, 0x07};
    unit.moves.fldConstant(0);
    unit.moves.fldConstant(3);
    byte[] given = image();
    try (HostFpu host = HostFpu.startOrSkip()) {
      host.addImage(pxor, given);
      host.addImage(emms, given);
      host.flush();
      state.enterMmx();
      state.setMmx(3, 0);
      expect(host);
      X87Images.restore(state, X87Images.Format.PROTECTED32, given);
      state.emms();
      expect(host);
    }
  }

  /** Control, status, tags and registers as FXSAVE64 stores them. */
  private void expect(HostFpu host) {
    byte[] theirs = new byte[HostFpu.IMAGE_REPLY];
    host.reply(HostFpu.IMAGE_REPLY).get(theirs);
    byte[] ours = new byte[FxsaveImage.BYTES];
    FxsaveImage.store64(state, new SseState(), ours);
    assertThat(Arrays.copyOfRange(ours, 0, 5)).isEqualTo(Arrays.copyOfRange(theirs, 0, 5));
    assertThat(Arrays.copyOfRange(ours, 32, 160)).isEqualTo(Arrays.copyOfRange(theirs, 32, 160));
  }

  private byte[] image() {
    byte[] image = new byte[X87Images.MAX_BYTES];
    X87Images.save(state, X87Images.Format.PROTECTED32, image);
    return image;
  }
}
