package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Repeated string instructions that fault on the way (Intel SDM vol. 2, REP: registers stand at the iteration that faulted). */
final class StringCases {
  private static final long P = 1;
  private static final long PW = 3;
  private static final String REP = "SDM 2 REP: the registers of the iteration that faulted";

  private StringCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("REP MOVSB into an absent page", REP)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rsi, DATA
                  mov dword [rsi], 0x44332211
                  mov rdi, W+0xffd
                  mov rcx, 8
                  resume after
                copy: rep movsb
                after: obs rcx
                  obs rsi
                  obs rdi
                  obs [W+0xff8]
                  ret
                """)
            .expect("#PF(2) copy cr2=40001000", "5", "140003", "40001000", "3322110000000000"),
        in64("REP MOVSB goes on after its fault", REP)
            .map(0, 0, PW)
            .run(
                """
                main:
                  hook 14, mapIt
                  mov rsi, DATA
                  mov dword [rsi], 0x44332211
                  mov dword [rsi+4], 0x88776655
                  mov rdi, W+0xffd
                  mov rcx, 8
                copy: rep movsb
                  obs rcx
                  obs rsi
                  obs rdi
                  obs [W+0xffd]
                  ret
                mapIt: mov qword [PT+8], FRAMES+0x5003
                  ret
                """)
            .expect("#PF(2) copy cr2=40001000", "0", "140008", "40001005", "8877665544332211"),
        in64("REP MOVSQ, an element across pages", REP)
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  mov rsi, DATA
                  mov rdi, W+0xfec
                  mov rcx, 4
                  mov rax, -1
                  mov [rsi], rax
                  mov [rsi+8], rax
                  mov [rsi+16], rax
                  resume after
                copy: rep movsq
                after: obs rcx
                  obs rdi
                  mov edx, [W+0xffc]
                  obs rdx
                  ret
                """)
            .expect("#PF(3) copy cr2=40001000", "2", "40000ffc", "0"),
        in64("REP MOVSD from an absent page", REP)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rsi, W+0xff8
                  mov rdi, DATA
                  mov rcx, 4
                  resume after
                copy: rep movsd
                after: obs rcx
                  obs rsi
                  obs rdi
                  ret
                """)
            .expect("#PF(0) copy cr2=40001000", "2", "40001000", "140008"),
        in64("REP MOVSB downwards", REP)
            .map(1, 1, PW)
            .run(
                """
                main:
                  mov rsi, DATA+0x10
                  mov rdi, W+0x1002
                  mov rcx, 6
                  std
                  resume after
                copy: rep movsb
                after: cld
                  obs rcx
                  obs rsi
                  obs rdi
                  ret
                """)
            .expect("#PF(2) copy cr2=40000fff", "3", "14000d", "40000fff"),
        in64("REP STOSQ into a read-only page", REP)
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  mov rdi, W+0xf00
                  mov rcx, 100
                  mov rax, 7
                  resume after
                fill: rep stosq
                after: obs rcx
                  obs rdi
                  obs [W+0xff8]
                  obs [PT]
                  ret
                """)
            .expect("#PF(3) fill cr2=40001000", "44", "40001000", "7", "200063"),
        in64("REPE CMPSB, REPNE SCASB, REP LODSB into an absent page", REP)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rsi, DATA
                  mov rdi, W+0xffe
                  mov rcx, 9
                  resume a1
                a0: repe cmpsb
                a1: obs rcx
                  obs rsi
                  obs rdi
                  mov rdi, W+0xffc
                  mov rcx, 9
                  mov al, 1
                  resume b1
                b0: repne scasb
                b1: obs rcx
                  obs rdi
                  mov rsi, W+0xfff
                  mov rcx, 9
                  resume c1
                c0: rep lodsb
                c1: obs rcx
                  obs rsi
                  ret
                """)
            .expect(
                "#PF(0) a0 cr2=40001000",
                "7",
                "140002",
                "40001000",
                "#PF(0) b0 cr2=40001000",
                "5",
                "40001000",
                "#PF(0) c0 cr2=40001000",
                "8",
                "40001000"),
        in64("REP with a 32-bit address", "SDM 1 3.3.7: ECX, ESI and EDI")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rcx, 0x1_00000003
                  mov rdi, 0x5_40000ffe
                  mov al, 9
                  resume after
                fill: a32
                  rep stosb
                after: obs rcx
                  obs rdi
                  ret
                """)
            .expect("#PF(2) fill cr2=40001000", "1", "40001000"),
        in64("REP MOVSB over itself fills a pattern", "SDM 2 MOVS: one element after the other")
            .map(0, 0, PW)
            .map(1, 0, PW)
            .run(
                """
                main:
                  mov rsi, W
                  mov dword [rsi], 0x00ccbbaa
                  mov rdi, W+3
                  mov rcx, 13
                  rep movsb
                  obs [W]
                  obs [W+8]
                  mov qword [W+0x100], 0x21
                  mov rsi, W+0x100      ; the same through an alias
                  mov rdi, W+0x1101
                  mov rcx, 15
                  rep movsb
                  obs [W+0x108]
                  ret
                """)
            .expect("bbaaccbbaaccbbaa", "aaccbbaaccbbaacc", "2121212121212121"));
  }
}
