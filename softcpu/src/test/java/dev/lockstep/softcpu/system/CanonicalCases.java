package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Addresses that are not canonical (Intel SDM vol. 1 3.3.7.1). */
final class CanonicalCases {
  private static final long PWU = 7;

  private CanonicalCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("data", "SDM 1 3.3.7.1: #GP(0), and #SS(0) where RSP or RBP is the base")
            .run(
                """
                main:
                  mov rax, 0x800000000000
                  mov rsi, rsp
                  mov rdi, rbp
                  resume a1
                a0: mov rcx, [rax]
                a1: resume b1
                b0: mov [rax-1], cx       ; the second byte
                b1: mov rbp, rax
                  resume c1
                c0: mov rcx, [rbp]
                c1: resume d1
                d0: mov rcx, fs:[rbp]
                d1: resume e1
                e0: inc qword [rbp+8]
                e1: resume f1
                f0: mov rcx, ss:[rax]
                f1: ret
                """)
            .word(Layout.TABLES + 8 * 255, 0x10_5000 + 0x1000 | 7)
            .word(Layout.TABLES + 0x1000 + 8 * 511, Layout.WINDOW_DIRECTORY | 7)
            .word(Layout.WINDOW_DIRECTORY + 8 * 511, Layout.WINDOW_TABLE | 7)
            .map(511, 0, PWU)
            .expect("#GP(0) a0", "#GP(0) b0", "#SS(0) c0", "#GP(0) d0", "#SS(0) e0", "#GP(0) f0"),
        in64("stack", "SDM 1 3.3.7.1; #SS(0)")
            .ist(12, 13)
            .run(
                """
                main:
                  mov rbp, rsp
                  mov rsp, 0x800000000000
                  resume a1
                a0: pop rcx
                a1: mov rsp, 0x800000000008
                  resume b1
                b0: call main
                b1: mov rsp, 0x800000000008
                  resume c1
                c0: push rcx
                c1: mov rcx, rsp
                  mov rsp, rbp
                  obs rcx
                  ret
                """)
            .expect("#SS(0) a0", "#SS(0) b0", "#SS(0) c0", "800000000008"),
        in64("near transfers", "SDM 2 JMP, CALL, RET: #GP(0) on the instruction")
            .run(
                """
                main:
                  mov rax, 0x800000000000
                  resume a1
                a0: jmp rax
                a1: mov rdx, rsp
                  resume b1
                b0: call rax
                b1: sub rdx, rsp
                  obs rdx
                  push rax
                  mov rdx, rsp
                  resume c1
                c0: ret
                c1: sub rdx, rsp
                  pop rax
                  obs rdx
                  ret
                """)
            .expect("#GP(0) a0", "#GP(0) b0", "0", "#GP(0) c0", "0"),
        in64("far transfers", "SDM 2 IRET, RET: #GP(0) with the old stack")
            .run(
                """
                main:
                  mov rax, 0x800000000000
                  push DATA0
                  push rsp
                  pushfq
                  push CODE64
                  push rax
                  mov rdx, rsp
                  resume a1
                a0: iretq
                a1: sub rdx, rsp
                  obs rdx
                  mov rdx, rsp
                  resume b1
                b0: retfq
                b1: sub rdx, rsp
                  obs rdx
                  add rsp, 40
                  ret
                """)
            .expect("#GP(0) a0", "0", "#GP(0) b0", "0"),
        in64("system registers", "SDM 2 WRMSR, LGDT, INVLPG; 3A 2.4")
            .run(
                """
                main:
                  mov ecx, 0xc0000082
                  mov eax, 0
                  mov edx, 0x8000
                  resume a1
                a0: wrmsr
                a1: mov ecx, 0xc0000100
                  resume b1
                b0: wrmsr
                b1: mov ecx, 0x175
                  resume c1
                c0: wrmsr
                c1: resume d1
                d0: lgdt [table]
                d1: mov rax, 0x800000000000
                e0: invlpg [rax]
                  ret
                table: dw 0xff
                  dq 0x800000000000
                """)
            .expect("#GP(0) a0", "#GP(0) b0", "#GP(0) c0", "#GP(0) d0"),
        in64("SYSRET", "SDM 2 SYSRET: #GP(0) in ring 0 where RCX is not canonical")
            .run(
                """
                main:
                  mov rcx, 0x800000000000
                  mov r11, 2
                  mov ebx, 0xc0000081
                  resume after
                return: sysretq
                after: mov rax, cs
                  obs rax
                  ret
                """)
            .expect("#GP(0) return", "8"));
  }
}
