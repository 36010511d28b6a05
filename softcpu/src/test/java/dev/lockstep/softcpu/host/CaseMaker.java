package dev.lockstep.softcpu.host;

import java.io.ByteArrayOutputStream;
import java.util.Random;

/** Random cases of a form: operands that matter, and every way of addressing memory. */
final class CaseMaker {
  private static final long LOW32 = 0xffff_ffffL;
  private static final long[] CORNERS = {
    0,
    1,
    2,
    -1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000L,
    LOW32,
    0x1_0000_0000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -128,
    -32768,
    0x5555_5555_5555_5555L
  };

  private static final int RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;
  private static final int NONE = -1;

  private final Random random;
  private final byte[] pattern = HostCase.pattern();

  private IntegerForm form;
  private long[] r = new long[16];
  private ByteArrayOutputStream tail = new ByteArrayOutputStream();
  private int rex;
  private boolean prefix67;
  private long target;

  CaseMaker(Random random, IntegerForm first) {
    this.random = random;
    this.form = first;
  }

  /** A case of the form. */
  HostCase make(IntegerForm wanted) {
    form = wanted;
    tail = new ByteArrayOutputStream();
    rex = 0;
    prefix67 = false;
    for (int i = 0; i < 16; i++) {
      r[i] = value();
    }
    stack();
    int low = 0;
    if (form.extension() != -2) {
      modrm();
    } else if (isOpcodeRegister()) {
      int register = register();
      low = register & 7;
      rex |= register >> 3;
    }
    int count = immediate();
    special();
    if (form.mode() == 64 && form.size() == 8 && !form.default64()) {
      rex |= 8;
    }
    if (rex != 0 || form.mode() == 64 && random.nextInt(4) == 0) {
      rex |= 0x40;
    }
    if (form.mode() != 64) {
      for (int i = 0; i < 16; i++) {
        r[i] = i < 8 ? r[i] & LOW32 : 0;
      }
    }
    return new HostCase(
        form.toString(), form.mode(), code(low), r.clone(), flags(), form.undefined(count));
  }

  private boolean isOpcodeRegister() {
    int o = form.opcode();
    return o >= 0x40 && o < 0x60 || o >= 0x90 && o < 0x98 || o >= 0xb0 && o < 0xc0 || o == 0x1c8;
  }

  private byte[] code(int low) {
    ByteArrayOutputStream code = new ByteArrayOutputStream();
    if (form.lock()) {
      code.write(0xf0);
    }
    if (form.repeat() != 0) {
      code.write(form.repeat());
    }
    if (form.size() == (form.mode() == 16 ? 4 : 2)) {
      code.write(0x66);
    }
    if (prefix67) {
      code.write(0x67);
    }
    if (form.memory() && random.nextInt(16) == 0) {
      code.write(new int[] {0x26, 0x2e, 0x36, 0x3e}[random.nextInt(4)]);
    }
    if (rex != 0) {
      code.write(rex);
    }
    if (form.opcode() >= 0x100) {
      code.write(0x0f);
    }
    code.write(form.opcode() & 0xff | low);
    code.writeBytes(tail.toByteArray());
    return code.toByteArray();
  }

  private long flags() {
    int arithmetic = random.nextInt(4) == 0 ? 0 : random.nextInt(0x1000);
    return 0x202 | arithmetic & 0x8d5 | (form.isString() ? random.nextInt(2) << 10 : 0);
  }

  private long value() {
    return switch (random.nextInt(5)) {
      case 0 -> CORNERS[random.nextInt(CORNERS.length)];
      case 1 -> random.nextInt(256);
      case 2 -> random.nextInt() & LOW32;
      case 3 -> CORNERS[random.nextInt(CORNERS.length)] + random.nextInt(5) - 2;
      default -> random.nextLong();
    };
  }

  /** An address in the data area, often across its pages, sometimes across the limit of its segment. */
  private long address() {
    boolean segmented = HostCase.isSegmented(form.mode());
    long base = segmented ? 0 : HostCase.DATA;
    if (random.nextInt(4) == 0) {
      return base + 0x1000L * (1 + random.nextInt(segmented ? 4 : 3)) - random.nextInt(9);
    }
    return base + 0x600 + random.nextInt(HostCase.DATA_BYTES - 0xc00);
  }

  private void stack() {
    r[RSP] = address();
    if (form.opcode() == 0xc8 || form.opcode() == 0xc9) {
      r[RBP] = address();
    }
  }

  private int register() {
    return random.nextInt(form.mode() == 64 ? 16 : 8);
  }

  private void modrm() {
    int reg = form.extension() >= 0 ? form.extension() : register();
    rex |= (reg >> 3) << 2;
    if (!form.memory()) {
      int rm = register();
      rex |= rm >> 3;
      tail.write(0xc0 | (reg & 7) << 3 | rm & 7);
      if (form.isIndirectBranch()) {
        r[rm] = address();
      }
      return;
    }
    target = address();
    prefix67 = random.nextInt(6) == 0 && form.mode() != 32;
    if (form.isBitString()) {
      r[reg] = bitOffset();
    }
    int reserved = form.isBitString() ? reg : NONE;
    if (form.mode() == 16 && !prefix67 || form.mode() == 33 && prefix67) {
      addressing16(reg & 7);
    } else {
      addressing(reg & 7, reserved);
    }
  }

  /** The 16-bit forms: BX or BP, SI or DI, a displacement. */
  private void addressing16(int reg) {
    int mod = random.nextInt(3);
    int rm = random.nextInt(8);
    long displacement = mod == 0 ? 0 : mod == 1 ? (byte) random.nextInt() : random.nextInt();
    tail.write(mod << 6 | reg << 3 | rm);
    if (mod == 0 && rm == 6) {
      number(target, 2);
      return;
    }
    number(displacement, mod);
    int base = rm < 2 || rm == 7 ? RBX : rm < 4 || rm == 6 ? RBP : rm == 4 ? RSI : RDI;
    int index = rm < 4 ? (rm & 1) == 0 ? RSI : RDI : NONE;
    long rest = target - displacement - (index == NONE ? 0 : r[index]);
    r[base] = (rest & 0xffff) | random.nextLong() << 16;
  }

  private long bitOffset() {
    long offset = random.nextInt(0x2000) - 0x1000;
    long noise = random.nextLong();
    return switch (form.size()) {
      case 2 -> noise << 16 | offset & 0xffff;
      case 4 -> noise << 32 | offset & LOW32;
      default -> offset;
    };
  }

  /** Emits ModRM, SIB and displacement, and sets the registers so that the sum is {@link #target}. */
  private void addressing(int reg, int reserved) {
    int mod = random.nextInt(3);
    long displacement = mod == 0 ? 0 : mod == 1 ? (byte) random.nextInt() : random.nextInt();
    int kind = random.nextInt(8);
    if (kind == 0) {
      absolute(reg);
      return;
    }
    int base = other(reserved, NONE);
    if (kind < 4 && (base & 7) != RSP && !(mod == 0 && (base & 7) == RBP)) {
      rex |= base >> 3;
      tail.write(mod << 6 | reg << 3 | base & 7);
      displace(mod, displacement);
      set(base, target - displacement);
      return;
    }
    int index = random.nextInt(8) == 0 ? RSP : other(reserved, base);
    int scale = random.nextInt(4);
    if (mod == 0 && (base & 7) == RBP) {
      mod = 1;
      displacement = 16;
    }
    tail.write(mod << 6 | reg << 3 | 4);
    tail.write(scale << 6 | (index & 7) << 3 | base & 7);
    rex |= base >> 3 | (index >> 3) << 1;
    displace(mod, displacement);
    long scaled = index == RSP ? 0 : r[index] << scale;
    set(base, target - displacement - scaled);
  }

  /** Displacement only: relative to RIP, or by SIB without base. RIP's length is not known yet: any place in the area does. */
  private void absolute(int reg) {
    if (form.mode() != 64 || random.nextBoolean()) {
      if (form.mode() == 64) {
        tail.write(reg << 3 | 4);
        tail.write(0x25);
      } else {
        tail.write(reg << 3 | 5);
      }
      displace(2, target);
    } else {
      tail.write(reg << 3 | 5);
      displace(2, target - HostCase.CODE);
    }
  }

  private int other(int reserved, int base) {
    int register = register();
    while (register == reserved || register == base || base != NONE && register == RSP) {
      register = register();
    }
    return register;
  }

  private void set(int register, long value) {
    r[register] = prefix67 ? value & LOW32 | random.nextLong() << 32 : value;
  }

  private void displace(int mod, long displacement) {
    number(displacement, mod == 0 ? 0 : mod == 1 ? 1 : 4);
  }

  private void number(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      tail.write((int) (value >> 8 * i) & 0xff);
    }
  }

  /** Emits the immediate; gives the count of a shift, as masked. */
  private int immediate() {
    long value = value();
    boolean short16 = form.mode() == 16 && !prefix67;
    int widest = form.mode() == 64 ? 8 : short16 ? 2 : 4;
    switch (form.immediate()) {
      case "ib" -> number(value, 1);
      case "iw" -> number(value & 0xff, 2);
      case "iz" -> number(value, form.size() == 2 ? 2 : 4);
      case "iv" -> number(value, form.size());
      case "is" -> {
        number(random.nextInt(0x100), 2);
        number(random.nextInt(), 1);
      }
      case "mo" -> number(address(), widest);
      default -> {}
    }
    int o = form.opcode();
    if (o == 0xd0 || o == 0xd1) {
      return 1;
    }
    boolean byCl = o == 0xd2 || o == 0xd3 || o == 0x1a5 || o == 0x1ad;
    long count = byCl ? r[RCX] : value;
    return (int) count & (form.size() == 8 ? 63 : 31);
  }

  /** What the operands of some forms must be to get anywhere. */
  private void special() {
    int o = form.opcode();
    if (form.isString()) {
      r[RSI] = address();
      r[RDI] = address();
      r[RCX] = random.nextInt(4);
      prefix67 = form.mode() != 32 && random.nextInt(5) == 0;
      if (form.mode() != 64) {
        // Only the low halves count where addresses are of 16 bits.
        r[RCX] |= 0x7_0000L * random.nextInt(2);
      }
    } else if (o == 0xd7) {
      r[RBX] = address();
    } else if (form.isDivision() && random.nextInt(4) != 0) {
      long sign = random.nextBoolean() ? 0 : -1;
      r[RDX] = random.nextInt(3) == 0 ? random.nextInt(100) : sign;
      if (form.size() == 1) {
        r[RAX] = r[RAX] & ~0xff00L | random.nextInt(0x20) << 8;
      }
    } else if (o >= 0xe0 && o <= 0xe3) {
      r[RCX] = random.nextBoolean() ? random.nextInt(3) : value();
    } else if ((o == 0x1b0 || o == 0x1b1 || o == 0x1c7) && form.memory() && random.nextBoolean()) {
      long now = memory(target);
      r[RAX] = now;
      if (o == 0x1c7) {
        r[RDX] = now >>> 32;
      }
    }
  }

  private long memory(long address) {
    long value = 0;
    for (int i = 7; i >= 0; i--) {
      long at = address + i - (HostCase.isSegmented(form.mode()) ? 0 : HostCase.DATA);
      value = value << 8 | (at >= 0 && at < pattern.length ? pattern[(int) at] & 0xff : 0);
    }
    return value;
  }
}
