package dev.lockstep.kvmcpu.campaign;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvmcpu.campaign.FuzzCase.Action;
import dev.lockstep.kvmcpu.campaign.FuzzCase.Kind;
import dev.lockstep.kvmcpu.campaign.FuzzCase.Patch;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/** Makes cases of a seed: states that are valid, nearly valid or noise, code of instructions that matter or noise, and damaged tables. */
final class FuzzMaker {
  /** Instructions that leave the guest, change the CPU's mode, or that some KVMs refuse; most are followed by whatever comes next. */
  private static final String[] PIECES = {
    "f4",
    "fa",
    "fb",
    "cc",
    "cd80",
    "cd30",
    "0f0b",
    "0f05",
    "0f34",
    "48cf",
    "cf",
    "cb",
    "f3aa",
    "f348ab",
    "f3a4",
    "f36c",
    "f36e",
    "f3666d",
    "6c",
    "6f",
    "e460",
    "e561",
    "e680",
    "e781",
    "ec",
    "ed",
    "ee",
    "ef",
    "66ed",
    "0f32",
    "0f30",
    "0fa2",
    "0f31",
    "0f01f8",
    "0f01f9",
    "0f0f",
    "0faec0",
    "0fae00",
    "0fae08",
    "0fae20",
    "0fae28",
    "0f01d0",
    "0f01d1",
    "f30fb8c0",
    "f20f38f1c0",
    "0fc70b",
    "480fc70b",
    "660f58c1",
    "f30f6f00",
    "f30f7f00",
    "660fefc0",
    "0f22c0",
    "0f22d8",
    "0f22e0",
    "0f20c0",
    "0f20d0",
    "440f22c0",
    "0f21c0",
    "0f23f8",
    "0f0130",
    "0f01f0",
    "0f0110",
    "0f0118",
    "0f0138",
    "0f00d8",
    "0f00d0",
    "8ed0",
    "8ed8",
    "8ee0",
    "8ee8",
    "0fb200",
    "9d",
    "9c",
    "50",
    "58",
    "c3",
    "e800000000",
    "ebfe",
    "75f0",
    "74f0",
    "e2f8",
    "ff20",
    "ff28",
    "ff30",
    "8b00",
    "8900",
    "488b03",
    "48890b",
    "a300005000",
    "a100005000",
    "48a10000500000000000",
    "0100",
    "f0480fb10b",
    "d9e8",
    "dbe3",
    "9bdd30",
    "df28",
    "d9fe",
    "0f01c1",
    "0f01d9",
    "0f08",
    "0f09",
    "0faa",
    "f1",
    "62",
    "c5f877",
    "c4e2",
    "66",
    "67",
    "f0",
    "f2",
    "f3",
    "2e",
    "64",
    "65",
    "48",
    "4f"
  };

  /** Linear addresses where something is. */
  private static final long[] PLACES = {
    0,
    BareGuest.GDT,
    BareGuest.TSS,
    BareGuest.IDT,
    BareGuest.HANDLERS,
    BareGuest.KERNEL_STACK,
    BareGuest.TABLES,
    BareGuest.CODE,
    0x10_0000,
    0x3f_fff8,
    0x40_0000,
    0x50_0000,
    0xffff_fff0L,
    0xffff_8000_0000_0000L,
    0x0000_8000_0000_0000L,
    0xfffb_b000L,
    0xfee0_0000L
  };

  private static final int FIELDS = 96;

  private final Random random;

  private FuzzMaker(long seed) {
    this.random = new Random(seed);
  }

  static FuzzCase make(long seed) {
    return new FuzzMaker(seed).make();
  }

  private FuzzCase make() {
    CpuState start = state();
    List<Patch> patches = new ArrayList<>();
    patches.add(new Patch(BareGuest.CODE, code()));
    if (random.nextInt(3) == 0) {
      patches.add(new Patch(BareGuest.handler(random.nextInt(32)), code()));
    }
    for (int i = random.nextInt(4); i > 0 && random.nextBoolean(); i--) {
      byte[] noise = new byte[1 + random.nextInt(64)];
      random.nextBytes(noise);
      long place = PLACES[1 + random.nextInt(9)] + random.nextInt(0x800);
      patches.add(new Patch(Math.min(place, 0x3f_ff00), noise));
    }
    List<Action> actions = new ArrayList<>();
    for (int i = 5 + random.nextInt(40); i > 0; i--) {
      actions.add(action());
    }
    return new FuzzCase(start, patches, actions);
  }

  private CpuState state() {
    CpuState s;
    try (BareGuest guest = new BareGuest()) {
      s =
          switch (random.nextInt(5)) {
            case 0 -> guest.user64(BareGuest.CODE);
            case 1 -> guest.user32(BareGuest.CODE);
            case 2 -> guest.protected32(BareGuest.CODE);
            default -> guest.kernel64(BareGuest.CODE);
          };
    }
    for (int i = 0; i < 16; i++) {
      if (i != 4) {
        s.gpr[i] = value();
      }
    }
    int mutations = random.nextInt(4) == 0 ? FIELDS : random.nextInt(5);
    for (int i = random.nextBoolean() ? 0 : mutations; i > 0; i--) {
      mutate(s, random.nextInt(), value());
    }
    return s;
  }

  private byte[] code() {
    byte[] code = new byte[200];
    if (random.nextInt(4) == 0) {
      random.nextBytes(code);
      return code;
    }
    int at = 0;
    while (at < code.length) {
      byte[] piece = HexFormat.of().parseHex(PIECES[random.nextInt(PIECES.length)]);
      System.arraycopy(piece, 0, code, at, Math.min(piece.length, code.length - at));
      at += piece.length;
    }
    return code;
  }

  private long value() {
    return switch (random.nextInt(6)) {
      case 0 -> random.nextLong();
      case 1 -> 1L << random.nextInt(64);
      case 2 -> random.nextInt(0x100);
      case 3 -> -1;
      default -> PLACES[random.nextInt(PLACES.length)] + random.nextInt(-16, 64);
    };
  }

  private Action action() {
    int roll = random.nextInt(100);
    Kind kind =
        roll < 45
            ? Kind.RUN
            : roll < 55 ? Kind.STEP : Kind.values()[random.nextInt(Kind.values().length)];
    return switch (kind) {
      case RUN -> new Action(kind, 1 + random.nextInt(40), random.nextLong());
      case KICK_LATER -> new Action(kind, random.nextInt(400_000), 0);
      case INTERRUPT -> new Action(kind, random.nextInt(256), 0);
      case EXCEPTION -> new Action(kind, random.nextInt(32), random.nextInt());
      case WINDOW -> new Action(kind, random.nextInt(2), 0);
      case MUTATE -> new Action(kind, random.nextInt(), value());
      case WRITE -> new Action(kind, random.nextInt(0x40_0000 - 8), random.nextLong());
      case STEP, KICK, NMI, RESTART, DIRTY, LOOK -> new Action(kind, 0, random.nextLong());
    };
  }

  /**
   * Changes one field.
   *
   * @param which field and way, any number
   */
  static void mutate(CpuState s, int which, long value) {
    int field = Math.floorMod(which, FIELDS);
    boolean flip = which < 0;
    if (field < 16) {
      s.gpr[field] = value;
    } else if (field < 48) {
      segment(s, field - 16, value, flip);
    } else if (field < 52) {
      s.debugAddress[field - 48] = value;
    } else if (field < 56) {
      s.fxsave[(int) (value & 511)] ^= (byte) (1 << field);
    } else {
      scalar(s, field, value, flip);
    }
  }

  private static void segment(CpuState s, int part, long value, boolean flip) {
    var segment = s.segments[part >> 2];
    switch (part & 3) {
      case 0 -> segment.selector = (int) value & 0xffff;
      case 1 -> segment.base = value;
      case 2 -> segment.limit = value & 0xffff_ffffL;
      default ->
          segment.access = flip ? segment.access ^ 1 << (value & 15) : (int) value & 0x1_ffff;
    }
  }

  private static void scalar(CpuState s, int field, long value, boolean flip) {
    switch (field) {
      case 56, 57 -> s.rip = value;
      case 58, 59 -> s.rflags = flip ? s.rflags ^ 1L << (value & 31) : value;
      case 60 -> s.gdtBase = value;
      case 61 -> s.gdtLimit = (int) value & 0xffff;
      case 62 -> s.idtBase = value;
      case 63 -> s.idtLimit = (int) value & 0xffff;
      case 64, 65 -> s.cr0 = flip ? s.cr0 ^ 1L << (value & 31) : value;
      case 66 -> s.cr2 = value;
      case 67, 68 -> s.cr3 = value;
      case 69, 70 -> s.cr4 = flip ? s.cr4 ^ 1L << (value & 31) : value;
      case 71 -> s.cr8 = value;
      case 72, 73 -> s.efer = flip ? s.efer ^ 1L << (value & 15) : value;
      case 74 -> s.star = value;
      case 75 -> s.lstar = value;
      case 76 -> s.cstar = value;
      case 77 -> s.sfmask = value;
      case 78 -> s.kernelGsBase = value;
      case 79 -> s.sysenterCs = value;
      case 80 -> s.sysenterEsp = value;
      case 81 -> s.sysenterEip = value;
      case 82 -> s.pat = value;
      case 83 -> s.tscOffset = value;
      case 84 -> s.dr6 = value;
      case 85 -> s.dr7 = value;
      case 86 -> s.halted = flip;
      case 87 -> s.shutdown = flip;
      case 88 -> s.interruptShadow = (int) value & 3;
      case 89 -> s.nmiBlocked = flip;
      case 90 -> s.nmiPending = flip;
      case 91 -> s.pendingInterrupt = flip ? (int) value : (int) value & 0xff;
      case 92 -> s.pendingException = flip ? (int) value : (int) value & 31;
      case 93 -> s.pendingErrorCode = (int) value;
      case 94 -> s.pendingDebug = flip ? value : value & 0xe00f;
      default -> s.engineState = new byte[(int) (value & 0xff)];
    }
  }
}
