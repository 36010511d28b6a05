package dev.lockstep.kvmcpu.campaign;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Random;
import java.util.zip.CRC32C;

/**
 * A guest that computes in both rings and ends in HLT, with a result that depends on its seed alone, however often it is interrupted and whoever executes it.
 *
 * <p>Ring 0 mixes integers, copies and compares by repeated string instructions, computes with x87 and SSE2, reads through GS, changes its page tables, and asks devices; ring 3 does the same through FS and
 * calls the kernel by UD2 (SYSCALL does not enter ring 0 on every host), divides by zero and touches pages that are not there. The interrupt handler counts, and works on memory of its own.
 */
final class MovingGuest implements AutoCloseable {
  /** The vector whose handler counts. */
  static final int INTERRUPT = 0x30;

  /** Ports that the guest writes to and reads from. */
  static final int OUT_PORT = 0x10, IN_PORT = 0x11;

  private static final long USER_CODE = 0x3_0000;
  private static final long DATA = 0x10_0000;
  private static final int DATA_BYTES = 0x1_0000;
  private static final long USER_STACK = 0x18_0000;

  /** Eight pages of linear addresses that the guest maps and unmaps, and the memory that it maps there. */
  private static final long WINDOW = 0x60_0000, FRAMES = 0x20_0000;

  private static final int FRAMES_BYTES = 0x8000;

  /** A page of linear addresses without memory behind it. */
  private static final long DEVICE = 0x50_0000;

  /** What the interrupt handler works on; like the kernel's stack it is not part of the result. */
  private static final long TICKS = 0x1f_0000;

  /** Where FXSAVE's image has the last x87 instruction's opcode and addresses, which AMD's CPUs save only while an exception waits (AMD APM vol. 2 11.4.4). */
  private static final int X87_POINTERS = 6, X87_POINTERS_END = 24;

  private static final int PRESENT = 1 << 7;
  private static final long ACCESSED_AND_DIRTY = 0x60;

  private static final String KERNEL =
      """
      main:
        mov ecx, 0xc0000101
        mov eax, data
        xor edx, edx
        wrmsr
        mov ecx, 0xc0000100
        mov eax, fsbase
        wrmsr
        sti
      round:
        mov rsi, data
        mov ecx, 150
      mix0:
        mov rax, [rsi]
        imul rax, r12
        rol rax, 13
        xor r12, rax
        add r12, rcx
        mov [rsi], r12
        add rsi, 8
        dec ecx
        jnz mix0
        add r12, gs:[8]
        mov rsi, data
        mov rdi, copy
        mov ecx, 0x700
        rep movsb
        mov rdi, filled
        mov rax, r12
        mov ecx, 90
        rep stosq
        mov rsi, data
        mov rdi, copy
        mov ecx, 0x800
        repe cmpsb
        xor r12, rcx
        db 0xdf, 0x2c, 0x25
        dd data
        db 0xd9, 0xe1, 0xd9, 0xfa, 0xdd, 0x1c, 0x25
        dd x87
        db 0xf3, 0x0f, 0x6f, 0x04, 0x25
        dd data
        db 0x66, 0x0f, 0xfe, 0xc1, 0xf3, 0x0f, 0x7f, 0x04, 0x25
        dd sse
        mov eax, r12d
        out 0x10, eax
        in eax, 0x11
        xor r12, rax
        mov [device], r12
        add r12, [device+8]
        add dword [device+16], 7
        mov ecx, r15d
        and ecx, 7
        mov rax, r12
        shr rax, 9
        and eax, 7
        shl eax, 12
        lea rax, [rax+frames+7]
        mov [rcx*8+entries], rax
        shl ecx, 12
        invlpg [rcx+window]
        add [rcx+window], r12
        xor r12, [rcx+window+8]
        mov ecx, 4
      unmap:
        mov qword [rcx*8+entries-8], 0
        mov eax, ecx
        shl eax, 12
        invlpg [rax+window-0x1000]
        dec ecx
        jnz unmap
        xor r12, [window+0x1010]
        push 0x2b
        push userstack
        push 0x202
        push 0x33
        push user
        iretq
      back:
        dec r15
        jnz round
        cli
        mov [result], r12
        hlt
      pagefault:
        push rax
        push rcx
        mov rax, cr2
        sub rax, window
        shr rax, 12
        mov ecx, eax
        shl ecx, 12
        add ecx, frames+7
        mov [rax*8+entries], rcx
        inc qword [faults]
        pop rcx
        pop rax
        add rsp, 8
        iretq
      divide:
        add qword [rsp], 2
        inc qword [faults]
        iretq
      call:
        cmp eax, 1
        je leave
        add r12, [faults]
        xor r12, rax
        rol r12, 7
        add qword [rsp], 2
        iretq
      leave:
        add rsp, 40
        sti
        jmp back
      tick:
        push rax
        push rcx
        push rdi
        inc qword [ticks]
        mov rdi, ticks+16
        mov eax, 0x5a
        mov ecx, 20
        rep stosb
        pop rdi
        pop rcx
        pop rax
        iretq
      """;

  private static final String USER =
      """
      user:
        mov rsi, data
        mov rdi, data+0x8000
        mov ebx, userloops
      mix3:
        mov rax, [rsi]
        imul rax, rbx
        xor rax, r12
        ror rax, 9
        add r12, rax
        db 0xf3, 0x0f, 0x6f, 0x16
        db 0x66, 0x0f, 0xd4, 0xda, 0x66, 0x0f, 0xf4, 0xe3, 0x66, 0x0f, 0x58, 0xea, 0x66, 0x0f, 0x59, 0xf5
        db 0xf3, 0x0f, 0x7f, 0x1f
        db 0xf3, 0x0f, 0x7f, 0x67, 0x10
        db 0xdf, 0x2e, 0xd9, 0xe8, 0xde, 0xc1, 0xd9, 0xe5, 0xdd, 0x5f, 0x20
        mov fs:[16], rax
        lea rsi, [rsi+8]
        and esi, 0x7ff8
        add rsi, data
        lea rdi, [rdi+48]
        and edi, 0x3ff0
        add rdi, data+0x8000
        db 0xf6, 0xc3, 0x7f
        jnz more
        mov eax, ebx
        and eax, 0x7000
        xor [rax+window], r12
        add r12, [rax+window+0x18]
        mov eax, 3
        ud2
        xor edx, edx
        xor ecx, ecx
        div ecx
        push r12
        call sub
        pop r12
      more:
        dec ebx
        jnz mix3
        mov rsi, data+0x1000
        mov rdi, data+0x3000
        mov ecx, 0x1200
        rep movsb
        mov rdi, data+0x3000
        mov ecx, 3000
        mov eax, r12d
        repne scasb
        add r12, rcx
        mov eax, 1
        ud2
      sub:
        xor qword [rsp+8], 0x55
        ret
      """;

  private final BareGuest guest = new BareGuest();
  private final long entries;
  private final CpuState start;

  /**
   * @param seed for its data and how long it computes
   */
  MovingGuest(long seed) {
    Random random = new Random(seed);
    guest.map(DEVICE, DEVICE, 3);
    for (int page = 0; page < 8; page++) {
      guest.map(WINDOW + 0x1000L * page, FRAMES + 0x1000L * page, 7);
    }
    entries = guest.entry(WINDOW);
    Assembler kernel = assembler(BareGuest.CODE, random).define("user", USER_CODE).add(KERNEL);
    guest.load(BareGuest.CODE, kernel.assemble());
    guest.load(USER_CODE, assembler(USER_CODE, random).add(USER).assemble());
    guest.gate(0, kernel.address("divide"), 0);
    guest.gate(6, kernel.address("call"), 0);
    guest.gate(14, kernel.address("pagefault"), 0);
    guest.gate(INTERRUPT, kernel.address("tick"), 0);
    fill(DATA, DATA_BYTES, random);
    fill(FRAMES, FRAMES_BYTES, random);
    start = guest.kernel64(BareGuest.CODE);
    for (int segment : new int[] {CpuState.DS, CpuState.ES}) {
      // IRET to ring 3 makes segments of ring 0 null; not every KVM does.
      start.segments[segment].set(BareGuest.USER_DATA, 0, 0xffff_ffffL, 0xc0f3);
    }
    for (int segment : new int[] {CpuState.FS, CpuState.GS}) {
      // As Linux has them: bases come by MSRs.
      start.segments[segment].set(0, 0, 0, SegmentRegister.UNUSABLE);
    }
    start.gpr[12] = random.nextLong();
    start.gpr[15] = 2 + random.nextInt(4);
  }

  private Assembler assembler(long origin, Random random) {
    return new Assembler(origin, 64)
        .define("data", DATA)
        .define("copy", DATA + 0x4000)
        .define("filled", DATA + 0x6000)
        .define("fsbase", DATA + 0x7000)
        .define("x87", DATA + 0xc000)
        .define("sse", DATA + 0xc010)
        .define("result", DATA + 0xc020)
        .define("faults", DATA + 0xc028)
        .define("device", DEVICE)
        .define("window", WINDOW)
        .define("frames", FRAMES)
        .define("entries", entries)
        .define("userstack", USER_STACK)
        .define("userloops", 1000 + random.nextInt(4000))
        .define("ticks", TICKS);
  }

  private void fill(long address, int bytes, Random random) {
    byte[] content = new byte[bytes];
    random.nextBytes(content);
    guest.load(address, content);
  }

  /** Its memory. One vCPU can watch it: others need a {@link #view} of their own. */
  GuestMemory memory() {
    return guest.memory();
  }

  /** The same memory, for one more vCPU. */
  GuestMemory view() {
    return new GuestMemory(guest.memory().segment(), guest.memory().regions());
  }

  /** Where it begins. */
  CpuState start() {
    return start;
  }

  /** How many interrupts its handler has seen. */
  long ticks() {
    return guest.memory().read64(TICKS);
  }

  /** A hash of code, data, user stack, and page tables without A and D. */
  long hash() {
    CRC32C crc = new CRC32C();
    GuestMemory memory = guest.memory();
    add(crc, BareGuest.CODE, DATA + DATA_BYTES);
    add(crc, USER_STACK - GuestMemory.PAGE_SIZE, USER_STACK);
    add(crc, FRAMES, FRAMES + FRAMES_BYTES);
    long low = crc.getValue();
    crc.reset();
    for (int page = 0; page < 8; page++) {
      long value = memory.read64(entries + 8L * page) & ~ACCESSED_AND_DIRTY;
      crc.update((int) value >>> 8);
      crc.update((int) value);
    }
    return crc.getValue() << 32 | low;
  }

  private void add(CRC32C crc, long from, long to) {
    byte[] bytes = new byte[(int) (to - from)];
    guest.memory().read(from, bytes, 0, bytes.length);
    crc.update(bytes);
  }

  /** What of a final state the guest's result is: everything but what CPUs are free in, and what only one engine keeps. */
  static CpuState comparable(CpuState state) {
    CpuState plain = new CpuState();
    plain.set(state);
    plain.engineState = new byte[0];
    for (int i = X87_POINTERS; i < X87_POINTERS_END; i++) {
      plain.fxsave[i] = 0;
    }
    for (SegmentRegister segment : plain.segments) {
      if ((segment.access & PRESENT) == 0) {
        // Of a segment that cannot be used CPUs and KVMs keep what they like.
        segment.set(segment.selector, 0, 0, SegmentRegister.UNUSABLE);
      }
    }
    return plain;
  }

  @Override
  public void close() {
    guest.close();
  }
}
