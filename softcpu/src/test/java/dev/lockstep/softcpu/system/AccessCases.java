package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Accesses wider than registers, and those that touch memory where one would not think so: across pages, by ports, under a condition that does not hold (Intel SDM vol. 3A chapter 4, vol. 2). */
final class AccessCases {
  private static final long P = 1;
  private static final long PW = 3;
  private static final long NX = 1L << 63;

  private AccessCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("SSE across pages, second absent", "SDM 3A 4.7; 2 MOVUPS")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W+0xff8
                  db 0x66, 0x0f, 0x76, 0xc0   ; PCMPEQD XMM0, XMM0
                  resume a1
                a0: db 0x0f, 0x11, 0x00       ; MOVUPS [RAX], XMM0
                a1: resume b1
                b0: db 0x0f, 0x10, 0x00       ; MOVUPS XMM0, [RAX]
                b1: obs [rax]
                  db 0x66, 0x48, 0x0f, 0x7e, 0xc1 ; MOVQ RCX, XMM0
                  obs rcx
                  ret
                """)
            .expect("#PF(2) a0 cr2=40001000", "#PF(0) b0 cr2=40001000", "0", "ffffffffffffffff"),
        in64("SSE across pages, second read-only", "SDM 3A 4.7; 2 MOVUPS")
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  mov rax, W+0xff1
                  db 0x66, 0x0f, 0x76, 0xc0
                  resume a1
                a0: db 0x0f, 0x11, 0x00
                a1: obs [W+0xff8]
                  obs [W+0x1000]
                  ret
                """)
            .expect("#PF(3) a0 cr2=40001000", "0", "0"),
        in64(
                "FSTP of 80 bits across pages, second read-only",
                "SDM 3A 4.7; 2 FSTP: the stack is popped by a store that completes")
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  fninit
                  fld1
                  mov rax, W+0xff8
                  mov rbx, rax
                  resume a1
                a0: db 0xdb, 0x38             ; FSTP TBYTE [RAX]
                a1: xor eax, eax
                  db 0xdf, 0xe0               ; FNSTSW AX
                  obs rax
                  obs [rbx]
                  ret
                """)
            .expect("#PF(3) a0 cr2=40001000", "3800", "0"),
        in64("FXSAVE across pages goes on after its fault", "SDM 3A 4.7; 2 FXSAVE")
            .map(0, 0, PW)
            .run(
                """
                main:
                  hook 14, mapIt
                  mov dword [DATA], 0x1fa0
                  ldmxcsr [DATA]
                  db 0x66, 0x0f, 0x76, 0xff   ; PCMPEQD XMM7, XMM7
                  mov rax, W+0xf00
                a0: fxsave [rax]
                  mov ecx, [rax+24]
                  obs rcx
                  obs [rax+272]
                  obs [rax+280]
                  ret
                mapIt: mov qword [PT+8], FRAMES+0x1003
                  ret
                """)
            .expect("#PF(2) a0 cr2=40001000", "1fa0", "ffffffffffffffff", "ffffffffffffffff"),
        in64("CMPXCHG8B across pages, second read-only", "SDM 2 CMPXCHG8B: a write, equal or not")
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  mov rsi, W+0xffc
                  xor eax, eax
                  xor edx, edx
                  mov ebx, 1
                  mov ecx, 1
                  resume a1
                a0: db 0x0f, 0xc7, 0x0e       ; CMPXCHG8B [RSI]
                a1: mov eax, 5
                  resume b1
                b0: db 0xf0, 0x0f, 0xc7, 0x0e
                b1: obs [rsi-4]
                  obs rax
                  ret
                """)
            .expect("#PF(3) a0 cr2=40001000", "#PF(3) b0 cr2=40001000", "0", "5"),
        in64("CMPXCHG that fails writes back what it read", "SDM 2 CMPXCHG: a write cycle always")
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  mov rsi, W
                  mov eax, 5
                  cmpxchg [rsi], ecx
                  obs [PT]
                  mov eax, 5
                  resume a1
                a0: cmpxchg [rsi+0x1000], ecx
                a1: obs rax
                  ret
                """)
            .expect("200063", "#PF(3) a0 cr2=40001000", "5"),
        in64("a condition that does not hold loads all the same", "SDM 2 CMOVcc")
            .run(
                """
                main:
                  mov rax, W
                  xor ecx, ecx
                  mov rcx, -1
                  cmp eax, eax
                  resume a1
                a0: cmovne rcx, [rax]
                a1: resume b1
                b0: cmovne ecx, [rax]
                b1: obs rcx
                  cmovne ecx, eax             ; clears the upper half
                  obs rcx
                  ret
                """)
            .expect(
                "#PF(0) a0 cr2=40000000", "#PF(0) b0 cr2=40000000", "ffffffffffffffff", "ffffffff"),
        in64("bit offsets reach beyond their operand", "SDM 2 BT, table 3-2: the address moves")
            .map(1, 1, PW)
            .run(
                """
                main:
                  mov rax, W+0x1000
                  mov rcx, -1
                  resume a1
                a0: bt [rax], ecx
                a1: mov ecx, 0x8000
                  resume b1
                b0: bts [rax], ecx
                b1: mov ecx, 0x7fe0
                  bts [rax], ecx
                  mov ecx, [rax+0xffc]
                  obs rcx
                  ret
                """)
            .expect("#PF(0) a0 cr2=40000ffc", "#PF(2) b0 cr2=40002000", "1"),
        in64("REP with a count of zero touches nothing", "SDM 2 REP")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rsi, W+0x1000
                  mov rdi, W
                  xor ecx, ecx
                  rep movsb
                  rep stosq
                  cmp eax, eax
                  repne scasb
                  setz al
                  movzx eax, al
                  obs rax
                  obs [PT]
                  ret
                """)
            .expect("1", "200003"),
        in64("REP INSB into an absent page", "SDM 2 INS, REP: nothing is read from the port before")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rdi, W+0xffe
                  mov ecx, 5
                  mov edx, 0x80
                  resume a1
                a0: rep insb
                a1: obs rcx
                  obs rdi
                  movzx eax, word [W+0xffe]
                  obs rax
                  ret
                """)
            .expect("#PF(2) a0 cr2=40001000", "3", "40001000", "ffff"),
        in64("REP OUTSW from an absent page", "SDM 2 OUTS, REP")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rsi, W+0xffb
                  mov ecx, 5
                  mov edx, 0x80
                  resume a1
                a0: rep outsw
                a1: obs rcx
                  obs rsi
                  ret
                """)
            .expect("#PF(0) a0 cr2=40001000", "3", "40000fff"),
        in64("REP MOVSD out of a device", "SDM 2 REP; 3A 11.3: one access an element")
            .mapTo(0, 0xfed0_0000L, PW)
            .run(
                """
                main:
                  mov rsi, W
                  mov rdi, DATA
                  mov ecx, 2
                  rep movsd
                  obs [DATA]
                  obs rcx
                  obs rsi
                  ret
                """)
            .expect("9896808086a201", "0", "40000008"),
        in64("an instruction across pages, second not executable", "SDM 3A 4.6.1, 4.7")
            .map(0, 0, PW)
            .map(1, 1, PW | NX)
            .run(
                """
                main:
                  mov dword [FRAMES+0xffd], 0x00000bb8  ; MOV EAX, imm32
                  mov rdx, W+0xffd
                  resume a1
                  call rdx
                a1: add rsp, 8
                  obs [PT+8]
                  ret
                """)
            .expect("#PF(11) 40000ffd cr2=40001000", "8000000000201003"),
        in64("A at every level, D at the last", "SDM 3A 4.8")
            .map(0, 0, PW)
            .run(
                """
                main:
                  obs [TABLES+0x1008]
                  mov byte [W], 1
                  obs [TABLES]
                  obs [TABLES+0x1008]
                  obs [PD]
                  obs [PT]
                  ret
                """)
            .expect("108007", "106027", "108027", "109027", "200063"),
        in64("a frame pushed by delivery sets A and D", "SDM 3A 4.8, 6.14.5")
            .map(0, 0, PW)
            .word(Layout.TSS + 0x24, Layout.WINDOW + 0x1000)
            .ist(0x70)
            .run(
                """
                main:
                  hook 112, look
                  int 0x70
                after: ret
                look: obs [PT]
                  obs rbx
                  ret
                """)
            .expect("int 70 after", "200063", "40000fd8"));
  }
}
