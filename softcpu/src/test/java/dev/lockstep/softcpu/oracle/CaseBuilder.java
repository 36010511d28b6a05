package dev.lockstep.softcpu.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/** Makes random cases of a variant: encodes the instruction, points its operands into the windows and fills registers and memory with values that find mistakes. */
final class CaseBuilder {
  private static final int RSP = 4;
  private static final int RBP = 5;
  private static final int RSI = 6;
  private static final int RDI = 7;
  private static final int RCX = 1;
  private static final int RBX = 3;

  /** ES, CS, SS, DS, FS, GS; the last two are null where this is used. */
  private static final int[] OVERRIDES = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

  /** Of 16-bit addresses, by ModRM.rm. */
  private static final int[] BASE16 = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};

  private static final int[] INDEX16 = {RSI, RDI, RSI, RDI, -1, -1, -1, -1};

  private final Random random;
  private final Values values;
  private final ByteBuffer code = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
  private final long[] gpr = new long[16];
  private Addresses addresses;

  private Variant variant;
  private int modrm;
  private int rex;
  private boolean needsRex;
  private int sib = -1;
  private int dispBytes;
  private long disp;
  private long fsBase;
  private int codeOffset;
  private boolean ripRelative;
  private int override;
  private int operand;

  CaseBuilder(Random random, Variant variant) {
    this.random = random;
    this.values = new Values(random);
    this.variant = variant;
    this.addresses = new Addresses(random, variant);
  }

  OracleCase build() {
    Form form = variant.form();
    resetEncoding();
    byte[] data = operandBytes(form);
    byte[] stack = values.bytes(OracleCase.WINDOW);
    byte[] fxsave = new FpValues(random).image(form);
    for (int i = 0; i < gpr.length; i++) {
      gpr[i] = values.next();
    }
    if (form.has("stack")) {
      gpr[RSP] = addresses.stack();
    }
    chooseImplied(form, stack);
    codeOffset = random.nextInt(8) == 0 ? OracleCase.PAGE - 1 - random.nextInt(6) : 64;
    chooseOperands(form, data, stack);
    byte[] bytes = encode(form);
    if (variant.mode() != OracleCase.MODE_64) {
      for (int i = 0; i < gpr.length; i++) {
        gpr[i] = i < 8 ? gpr[i] & 0xffffffffL : 0;
      }
    }
    long rflags = 0x202 | (random.nextLong() & 0x8d5) | (random.nextInt(4) == 0 ? 0x400 : 0);
    return new OracleCase(
        bytes,
        variant.mode(),
        protection(),
        codeOffset,
        gpr.clone(),
        rflags,
        fsBase,
        operand,
        fxsave,
        data,
        stack);
  }

  /** What memory operands hold: floating-point numbers or packed decimals where the form wants them, else noise. */
  private byte[] operandBytes(Form form) {
    byte[] data = values.bytes(OracleCase.WINDOW);
    if (form.has("single") || form.has("double")) {
      FpValues numbers = new FpValues(random);
      ByteBuffer view = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
      for (int at = 0; at < data.length; at += 8) {
        view.putLong(at, numbers.memory(form));
      }
    } else if (form.has("bcd")) {
      for (int at = 0; at < data.length; at++) {
        data[at] = (byte) (random.nextInt(10) << 4 | random.nextInt(10));
      }
    }
    return data;
  }

  private void resetEncoding() {
    modrm = 0;
    rex = variant.rexW() ? 8 : 0;
    needsRex = variant.rexW();
    sib = -1;
    dispBytes = 0;
    disp = 0;
    fsBase = random.nextInt(0x1000) * 16L;
    ripRelative = false;
    operand = OracleCase.NO_OPERAND;
    addresses = new Addresses(random, variant);
  }

  private int protection() {
    boolean memory = Variant.isMemory(variant.addressing());
    boolean plain =
        variant.form().has("plain16") && variant.operandBits() == 16 || operandCrossesLimit();
    if (plain) {
      return OracleCase.DATA_PLAIN;
    }
    if ((memory || variant.form().attributes().stream().anyMatch(a -> a.startsWith("string")))
        && random.nextInt(8) == 0) {
      return 1 + random.nextInt(4);
    }
    return OracleCase.DATA_PLAIN;
  }

  /** Beyond the limit and on an absent page at once: which is found first depends on the parts that a processor loads a large operand in. */
  private boolean operandCrossesLimit() {
    return variant.isSegmented()
        && operand + operandBytes() > OracleCase.WINDOW
        && operandBytes() > 8;
  }

  /** Registers that an instruction uses without naming them. */
  private void chooseImplied(Form form, byte[] stack) {
    String string = form.value("string");
    if (!string.isEmpty()) {
      gpr[RSI] = addresses.wide(addresses.data(16));
      gpr[RDI] = addresses.wide(addresses.data(16));
      gpr[RCX] = addresses.wide(random.nextInt(12));
    }
    if (form.has("count") && random.nextInt(4) != 0) {
      gpr[RCX] = gpr[RCX] & ~0xffL | random.nextInt(66);
    }
    if (form.has("count32")) {
      gpr[RCX] = random.nextBoolean() ? addresses.wide(random.nextInt(3)) : values.next();
    }
    if (form.has("divide")) {
      chooseDividend();
    }
    if (form.has("rdi")) {
      gpr[RDI] = addresses.wide(addresses.data(16));
    }
    if (form.has("xlat")) {
      gpr[0] = random.nextInt(256);
      gpr[3] = addresses.wide(addresses.boundary() - 128);
      // AL is the index: the table covers the window.
    }
    if (form.has("leave")) {
      gpr[RBP] = addresses.stack();
    }
    if (form.has("enter")) {
      gpr[RBP] = addresses.stackBoundary() + random.nextInt(64);
    }
    if (form.has("flagsvalue")) {
      int at = stackIndex();
      ByteBuffer view = ByteBuffer.wrap(stack).order(ByteOrder.LITTLE_ENDIAN);
      view.putLong(at, view.getLong(at) & ~0x44100L);
    }
    if (form.has("return")) {
      ByteBuffer.wrap(stack)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putLong(stackIndex(), addresses.codeTarget());
    }
  }

  private void chooseDividend() {
    int bits = variant.operandBits();
    if (random.nextInt(4) == 0) {
      return;
    }
    long low = values.next();
    gpr[0] = low;
    if (bits == 8) {
      gpr[0] = low & ~0xff00L | (random.nextInt(16) << 8);
    } else {
      boolean signExtend = variant.form().name().equals("idiv") && random.nextBoolean();
      gpr[2] = signExtend ? signOf(low, bits) : random.nextInt(256);
    }
  }

  private static long signOf(long value, int bits) {
    return value << (64 - bits) < 0 ? -1 : 0;
  }

  /** Where in the stack window RSP points. */
  private int stackIndex() {
    return (int) (gpr[RSP] - addresses.stackBoundary()) + OracleCase.WINDOW / 2;
  }

  private int operandBytes() {
    String explicit = variant.form().value("mem");
    if (!explicit.isEmpty()) {
      return Integer.parseInt(explicit);
    }
    return Math.max(1, variant.operandBits() / 8);
  }

  private void chooseOperands(Form form, byte[] data, byte[] stack) {
    int registers = variant.mode() == OracleCase.MODE_64 ? 16 : 8;
    if (form.modrm() == Form.PLUS_R) {
      int register = plainRegister(registers);
      modrm = register & 7;
      rex |= register >= 8 ? 1 : 0;
      needsRex |= register >= 8 || byteRegister(form, register);
      return;
    }
    if (!form.hasModrm()) {
      return;
    }
    int reg = form.modrm() == Form.SLASH_R ? registerOperand(registers) : form.modrm();
    modrm = (reg & 7) << 3;
    rex |= reg >= 8 ? 4 : 0;
    needsRex |= reg >= 8 || (form.modrm() == Form.SLASH_R && byteRegister(form, reg));
    if (!Variant.isMemory(variant.addressing())) {
      int rm = registerOperand(registers);
      modrm |= 0xc0 | rm & 7;
      rex |= rm >= 8 ? 1 : 0;
      needsRex |= rm >= 8 || byteRegister(form, rm);
      if (form.has("target")) {
        gpr[rm] = addresses.codeTarget();
      }
      if (form.has("accumulator") && random.nextBoolean()) {
        gpr[0] = gpr[rm];
      }
      return;
    }
    long address = form.value("align").isEmpty() ? addresses.data(operandBytes()) : aligned(form);
    operand = (int) (address - addresses.boundary()) + OracleCase.WINDOW / 2;
    // By BP or SP, or with a prefix, it is in the stack segment.
    fillOperand(form, data);
    fillOperand(form, stack);
    if (form.has("accumulator") && operand <= OracleCase.WINDOW - 8 && random.nextBoolean()) {
      gpr[0] = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getLong(operand);
      gpr[2] = form.name().equals("cmpxchg8b") ? gpr[0] >>> 32 : gpr[2];
    }
    if (form.has("bitoffset")) {
      gpr[reg] = random.nextInt(512) - 256;
      address = addresses.boundary();
    }
    chooseAddressing(address, registers, form.modrm() == Form.SLASH_R ? reg : -1);
  }

  /** What a memory operand must be to get anywhere. */
  private void fillOperand(Form form, byte[] window) {
    int room = window.length - operand;
    if (form.has("target")) {
      ByteBuffer target = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      System.arraycopy(
          target.putLong(addresses.codeTarget()).array(), 0, window, operand, Math.min(8, room));
    }
    if (form.has("mxcsr") && room > 2) {
      window[operand + 2] &= ~2;
    }
    if (form.value("image").equals("fx")) {
      byte[] image = new FpValues(random).image(form);
      System.arraycopy(image, 0, window, operand, Math.min(image.length, room));
    }
  }

  private long aligned(Form form) {
    long alignment = Long.parseLong(form.value("align"));
    long address = addresses.data(operandBytes());
    return random.nextInt(8) == 0 ? address : address & -alignment;
  }

  /** 8-bit SPL, BPL, SIL and DIL need a REX prefix; without it the numbers mean AH, CH, DH and BH. Both are wanted. */
  private boolean byteRegister(Form form, int register) {
    boolean eight = form.size().equals("b") || form.has("rm8");
    return eight && variant.mode() == OracleCase.MODE_64 && register >= 4 && random.nextBoolean();
  }

  private int registerOperand(int registers) {
    return variant.form().has("stack") ? plainRegister(registers) : random.nextInt(registers);
  }

  /** Not RSP where the instruction's own use of the stack would be spoilt. */
  private int plainRegister(int registers) {
    int register = random.nextInt(registers);
    return register == RSP && variant.form().has("stack") ? RSI : register;
  }

  private void chooseAddressing(long address, int registers, int busy) {
    boolean stack = variant.form().has("stack") || variant.form().has("count");
    int base;
    do {
      base = random.nextInt(registers);
    } while (base == busy && variant.form().has("bitoffset")
        || stack && (base == RSP || base == RCX || base == RBP)
        || implied(base));
    int index;
    do {
      index = random.nextInt(registers);
    } while (index == RSP
        || index == base
        || index == busy && variant.form().has("bitoffset")
        || stack && (index == RCX || index == RBP)
        || implied(index));
    int scale = random.nextInt(4);
    switch (variant.addressing()) {
      case BASE -> withBase(address, base & 7, base, 0);
      case BASE_DISP8 -> withBase(address, base & 7, base, 1);
      case BASE_DISP32 -> withBase(address, base & 7, base, 4);
      case FS_BASE -> withBase(address - fsBase(), base & 7, base, 4);
      case BASE_INDEX, BASE_INDEX_ADDRESS32 -> withIndex(address, base, index, scale);
      case INDEX_DISP32 -> indexOnly(address, index, scale);
      case ABSOLUTE -> absolute(address);
      case ADDRESS16 -> address16(address, busy);
      case OVERRIDE -> {
        override = OVERRIDES[random.nextInt(OVERRIDES.length)];
        if (variant.addressBits() == 16) {
          address16(address, busy);
        } else {
          withBase(address, base & 7, base, 1);
        }
      }
      case RIP_RELATIVE -> {
        modrm |= 5;
        dispBytes = 4;
        disp = address;
        ripRelative = true;
      }
      case REGISTER, IMPLIED, IMPLIED_OTHER_SIZE ->
          throw new IllegalStateException("no memory operand");
    }
  }

  /** The 16-bit forms (Intel SDM vol. 2A table 2-1): BX or BP, SI or DI, a displacement. */
  private void address16(long address, int busy) {
    Form form = variant.form();
    boolean taken = form.has("stack") || form.has("count") || form.has("divide");
    int rm;
    do {
      rm = random.nextInt(8);
    } while (taken && BASE16[rm] == RBP
        || form.has("bitoffset") && (BASE16[rm] == busy || INDEX16[rm] == busy));
    int mod = random.nextInt(3);
    if (mod == 0 && rm == 6) {
      modrm |= 6;
      dispBytes = 2;
      disp = address;
      return;
    }
    dispBytes = mod;
    disp = mod == 1 ? random.nextInt(256) - 128 : mod == 2 ? random.nextInt(1 << 16) : 0;
    modrm |= mod << 6 | rm;
    int base = BASE16[rm];
    long index = INDEX16[rm] < 0 ? 0 : gpr[INDEX16[rm]];
    gpr[base] = address - disp - index & 0xffff | random.nextLong() << 16;
  }

  private long fsBase() {
    if (variant.mode() == OracleCase.MODE_32) {
      fsBase =
          0; // 32-bit code reaches FS through a selector, which is null here: the access faults
    }
    return fsBase;
  }

  /** Registers whose values the instruction itself needs. */
  private boolean implied(int register) {
    Form form = variant.form();
    boolean implicit = form.has("divide") || form.has("accumulator");
    return implicit && (register == 0 || register == 2);
  }

  private void withBase(long address, int low, int base, int bytes) {
    if (low == RSP) {
      sib = 0x24;
    }
    rex |= base >= 8 ? 1 : 0;
    needsRex |= base >= 8;
    int size = bytes == 0 && low == RBP ? 1 : bytes;
    disp = size == 0 ? 0 : size == 1 ? random.nextInt(256) - 128 : random.nextInt();
    dispBytes = size;
    modrm |= low | (size == 0 ? 0 : size == 1 ? 0x40 : 0x80);
    gpr[base] = address - disp;
  }

  private void withIndex(long address, int base, int index, int scale) {
    modrm |= 4 | 0x40;
    dispBytes = 1;
    disp = random.nextInt(256) - 128;
    sib = scale << 6 | (index & 7) << 3 | base & 7;
    rex |= (base >= 8 ? 1 : 0) | (index >= 8 ? 2 : 0);
    needsRex |= base >= 8 || index >= 8;
    gpr[base] = address - disp - (gpr[index] << scale);
    if (variant.addressing() == Variant.Addressing.BASE_INDEX_ADDRESS32) {
      gpr[base] = gpr[base] & 0xffffffffL | random.nextLong() << 32;
    }
  }

  private void indexOnly(long address, int index, int scale) {
    modrm |= 4;
    dispBytes = 4;
    sib = scale << 6 | (index & 7) << 3 | 5;
    rex |= index >= 8 ? 2 : 0;
    needsRex |= index >= 8;
    gpr[index] = random.nextInt(1 << 16);
    disp = address - (gpr[index] << scale);
  }

  private void absolute(long address) {
    dispBytes = 4;
    disp = address;
    if (variant.mode() == OracleCase.MODE_64) {
      modrm |= 4;
      sib = 0x25;
    } else {
      modrm |= 5;
    }
  }

  private byte[] encode(Form form) {
    code.clear();
    if (variant.lock()) {
      code.put((byte) 0xf0);
    }
    boolean long64 = variant.mode() == OracleCase.MODE_64;
    if (long64 && variant.addressing() != Variant.Addressing.FS_BASE && random.nextInt(16) == 0) {
      // ES, CS, SS and DS mean nothing in 64-bit mode.
      code.put((byte) (0x26 | random.nextInt(4) << 3));
    }
    if (variant.addressing() == Variant.Addressing.FS_BASE) {
      code.put((byte) 0x64);
    }
    if (variant.addressing() == Variant.Addressing.OVERRIDE) {
      code.put((byte) override);
    }
    if (variant.addressPrefix()) {
      code.put((byte) 0x67);
    }
    if (variant.operandPrefix()) {
      code.put((byte) 0x66);
    }
    if (form.mandatory() != 0) {
      code.put((byte) form.mandatory());
    }
    if (variant.rep() != 0) {
      code.put((byte) variant.rep());
    }
    if (needsRex || long64 && random.nextInt(8) == 0) {
      code.put((byte) (0x40 | rex));
    }
    code.put(form.opcode());
    if (form.modrm() == Form.PLUS_R) {
      int last = code.position() - 1;
      code.put(last, (byte) (code.get(last) + modrm));
    } else if (form.hasModrm()) {
      code.put((byte) modrm);
      if (sib >= 0) {
        code.put((byte) sib);
      }
      putDisplacement(form);
    }
    putImmediate(form);
    byte[] bytes = new byte[code.position()];
    code.get(0, bytes);
    return bytes;
  }

  private void putDisplacement(Form form) {
    switch (dispBytes) {
      case 0 -> {}
      case 1 -> code.put((byte) disp);
      case 2 -> code.putShort((short) disp);
      default -> {
        if (ripRelative) {
          int length = code.position() + 4 + immediateBytes(form);
          disp -= OracleCase.CODE + codeOffset + length;
        }
        code.putInt((int) disp);
      }
    }
  }

  private int immediateBytes(Form form) {
    return switch (form.immediate()) {
      case "ib", "rel8" -> 1;
      case "iw" -> 2;
      case "id" -> 4;
      case "iw.ib" -> 3;
      case "iz" ->
          variant.form().size().equals("s") || variant.operandBits() != 64
              ? Math.min(4, variant.operandBits() / 8)
              : 4;
      case "relz" -> variant.mode() == OracleCase.MODE_64 ? 4 : variant.legacyBits() / 8;
      case "iv" -> variant.operandBits() / 8;
      case "off" -> variant.addressBits() / 8;
      default -> 0;
    };
  }

  private void putImmediate(Form form) {
    long value = values.next();
    switch (form.immediate()) {
      // Never into the instruction itself: that would run for ever.
      case "rel8" ->
          code.put((byte) (random.nextBoolean() ? random.nextInt(128) : -16 - random.nextInt(40)));
      case "relz" -> {
        int distance =
            addresses.areWild()
                ? random.nextBoolean() ? addresses.beyondLimit() : -addresses.beyondLimit()
                : codeOffset == 64 ? random.nextInt(4096) : random.nextInt(64);
        if (immediateBytes(form) == 2) {
          code.putShort((short) distance);
        } else {
          code.putInt(distance);
        }
      }
      case "off" -> {
        long address = addresses.data(operandBytes());
        switch (immediateBytes(form)) {
          case 2 -> code.putShort((short) address);
          case 4 -> code.putInt((int) address);
          default -> code.putLong(address);
        }
      }
      case "iw.ib" ->
          code.putShort((short) random.nextInt(random.nextInt(4) == 0 ? 256 : 48))
              .put((byte) (random.nextBoolean() ? 0 : random.nextInt()));
      case "iw" -> code.putShort((short) random.nextInt(form.has("return") ? 64 : 1 << 16));
      default -> {
        if (form.has("predicate")) {
          value &= 7;
        }
        switch (immediateBytes(form)) {
          case 0 -> {}
          case 1 -> code.put((byte) value);
          case 2 -> code.putShort((short) value);
          case 4 -> code.putInt((int) value);
          default -> code.putLong(value);
        }
      }
    }
  }
}
