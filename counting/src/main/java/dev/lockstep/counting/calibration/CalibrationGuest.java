package dev.lockstep.counting.calibration;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import java.util.HexFormat;

/**
 * The guest that runs {@link Experiment}s: two megabytes mapped to themselves, 64-bit mode, handlers that go on behind what raised them. A run ends by a write to {@link #END}; a write to another port than that and {@link
 * #ROUND} names the vector of an exception that nobody expected.
 */
public final class CalibrationGuest {
  /** Bytes of memory it needs, from guest-physical 0 on. */
  public static final long MEMORY_BYTES = 2 << 20;

  /** The port that a run ends with. */
  public static final int END = 0xe0;

  /** The port of a round that exits. */
  public static final int ROUND = 0x80;

  /** The external interrupt that is injected. */
  public static final int VECTOR = 0x30;

  private static final long PML4 = 0x1000, PDPT = 0x2000, DIRECTORY = 0x3000;
  private static final long GDT = 0x4000, TSS = 0x5000, IDT = 0x6000, HANDLERS = 0x7000;
  private static final long SYSCALL_ENTRY = 0x8800, KERNEL_STACK = 0xa000, USER_STACK = 0xc000;
  private static final long CODE = 0x10000;
  private static final int VECTORS = 256, HANDLER_BYTES = 16, GATE_BYTES = 16;
  private static final int DIVIDE_ERROR = 0, UNDEFINED = 6, PAGE_FAULT = 14;
  private static final int KERNEL_CODE = 0x08, KERNEL_DATA = 0x10;
  private static final int USER_DATA = 0x23, USER_CODE = 0x2b, TASK = 0x30;
  private static final int CODE_ACCESS = 0xa09b, DATA_ACCESS = 0xc093, DPL3 = 3 << 5;
  private static final int BUSY_TSS = 0x8b, TASK_LIMIT = 0x67;

  /** Present, writable, user; and a page of 2 MiB (Intel SDM vol. 3A 4.5). */
  private static final long TABLE = 7, LARGE_PAGE = 0x87;

  /** Descriptors of flat 64-bit code and data (Intel SDM vol. 3A 3.4.5), 32-bit user code in front of SYSRET's. */
  private static final long[] DESCRIPTORS = {
    0,
    0x00af_9b00_0000_ffffL,
    0x00cf_9300_0000_ffffL,
    0x00cf_fb00_0000_ffffL,
    0x00cf_f300_0000_ffffL,
    0x00af_fb00_0000_ffffL
  };

  /** CR0: PE MP ET NE WP PG; CR4: PAE OSFXSR OSXMMEXCPT; EFER: SCE LME LMA. */
  private static final long CR0 = 0x8001_0033L, CR4 = 0x620, EFER = 0x501;

  private static final int RSP = 4, RSI = 6;
  private static final long IF = 1 << 9;
  private static final int MAX_SHORT_JUMP = 126;

  private final GuestMemory memory;

  /**
   * Writes the guest's tables and handlers.
   *
   * @param memory at least {@link #MEMORY_BYTES} from 0 on
   */
  public CalibrationGuest(GuestMemory memory) {
    this.memory = memory;
    memory.write64(PML4, PDPT | TABLE);
    memory.write64(PDPT, DIRECTORY | TABLE);
    memory.write64(DIRECTORY, LARGE_PAGE);
    for (int i = 0; i < DESCRIPTORS.length; i++) {
      memory.write64(GDT + 8L * i, DESCRIPTORS[i]);
    }
    memory.write64(GDT + TASK, (long) BUSY_TSS << 40 | TSS << 16 | TASK_LIMIT);
    memory.write64(GDT + TASK + 8, 0);
    // RSP0 stands at offset 4 (Intel SDM vol. 3A 8.7).
    memory.write64(TSS + 4, KERNEL_STACK);
    for (int vector = 0; vector < VECTORS; vector++) {
      handler(vector, "e6%02xf4".formatted(vector));
    }
    // add qword [rsp], 2; iretq
    handler(UNDEFINED, "488304240248cf");
    // add rsp, 8; add qword [rsp], 7; iretq
    handler(PAGE_FAULT, "4883c408488304240748cf");
    handler(VECTOR, "48cf");
    handler(DIVIDE_ERROR, "e6%02xf4".formatted(END));
    // sysretq
    write(SYSCALL_ENTRY, HexFormat.of().parseHex("480f07"));
  }

  private void handler(int vector, String code) {
    long at = HANDLERS + (long) vector * HANDLER_BYTES;
    write(at, HexFormat.of().parseHex(code));
    // A present interrupt gate that ring 3 may call (Intel SDM vol. 3A 6.14.1).
    memory.write64(
        IDT + (long) vector * GATE_BYTES,
        0x0000_ee00_0000_0000L | (long) KERNEL_CODE << 16 | at & 0xffff);
    memory.write64(IDT + (long) vector * GATE_BYTES + 8, 0);
  }

  private void write(long address, byte[] bytes) {
    memory.write(address, bytes, 0, bytes.length);
  }

  /** Loads an experiment: the state to start from, for that many rounds. */
  CpuState prepare(Experiment experiment, int rounds) {
    byte[] body = experiment.body();
    write(CODE, body);
    int back = body.length + 4;
    if (back > MAX_SHORT_JUMP) {
      throw new IllegalStateException(experiment + " is too long for its loop");
    }
    // dec esi; jnz back
    write(CODE + body.length, new byte[] {(byte) 0xff, (byte) 0xce, 0x75, (byte) -back});
    // Ring 0: out END, al; hlt. Ring 3: xor ecx, ecx; div ecx (INT n is itself an instruction that
    // hosts differ in).
    byte[] end =
        experiment.ring() == 0
            ? new byte[] {(byte) 0xe6, (byte) END, (byte) 0xf4}
            : new byte[] {0x31, (byte) 0xc9, (byte) 0xf7, (byte) 0xf1};
    write(CODE + back, end);
    CpuState s = state(experiment.ring() == 3);
    s.gpr[RSI] = rounds;
    s.rflags |= experiment == Experiment.INJECTION ? IF : 0;
    return s;
  }

  private static CpuState state(boolean user) {
    CpuState s = new CpuState();
    s.rip = CODE;
    s.cr0 = CR0;
    s.cr3 = PML4;
    s.cr4 = CR4;
    s.efer = EFER;
    s.gdtBase = GDT;
    s.gdtLimit = TASK + 15;
    s.idtBase = IDT;
    s.idtLimit = VECTORS * GATE_BYTES - 1;
    // SYSCALL loads 0x08 and 0x10; SYSRET 0x1b + 16 and 0x1b + 8 (Intel SDM vol. 2B).
    s.star = 0x001b_0008L << 32;
    s.lstar = SYSCALL_ENTRY;
    s.gpr[RSP] = user ? USER_STACK : KERNEL_STACK;
    int privilege = user ? DPL3 : 0;
    s.segments[CpuState.CS].set(
        user ? USER_CODE : KERNEL_CODE, 0, 0xffff_ffffL, CODE_ACCESS | privilege);
    for (int i : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      s.segments[i].set(user ? USER_DATA : KERNEL_DATA, 0, 0xffff_ffffL, DATA_ACCESS | privilege);
    }
    s.segments[CpuState.LDTR].access = SegmentRegister.UNUSABLE;
    s.segments[CpuState.TR].set(TASK, TSS, TASK_LIMIT, BUSY_TSS);
    return s;
  }
}
