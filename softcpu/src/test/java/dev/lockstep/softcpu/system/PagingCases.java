package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Page faults: absent and protected pages, reserved bits, accesses across two pages (Intel SDM vol. 3A chapter 4). */
final class PagingCases {
  private static final long P = 1;
  private static final long PW = 3;
  private static final long PU = 5;
  private static final long PWU = 7;
  private static final long NX = 1L << 63;

  private PagingCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("load, page absent", "SDM 3A 4.7, 6.15 interrupt 14")
            .run(
                """
                main:
                  mov rax, W+0x2abc
                  resume after
                load: mov rcx, [rax]
                after: ret
                """)
            .expect("#PF(0) load cr2=40002abc"),
        in64("store, page read-only", "SDM 3A 4.6.1: CR0.WP protects from supervisors")
            .map(0, 0, P)
            .run(
                """
                main:
                  mov rax, W+8
                  resume after
                store: mov [rax], rcx
                after:
                  mov rcx, cr0
                  mov rdx, rcx
                  and rcx, -0x10001
                  mov cr0, rcx
                  mov qword [rax], 5
                  obs [rax]
                  mov cr0, rdx
                  ret
                """)
            .expect("#PF(3) store cr2=40000008", "5"),
        in64(
                "read-modify-write, page read-only or absent",
                "SDM 3A 4.7: W/R is set, the access is a write")
            .map(0, 0, P)
            .run(
                """
                main:
                  mov rax, W
                  mov rcx, 3
                  resume a1
                a0: add [rax], ecx
                a1: resume b1
                b0: lock xadd [rax+0x1000], rcx
                b1: resume c1
                c0: inc byte [rax]
                c1: resume d1
                d0: bts [rax], ecx
                d1: resume e1
                e0: xchg [rax+0x1000], rcx
                e1: resume f1
                f0: cmpxchg [rax], rcx
                f1: ret
                """)
            .expect(
                "#PF(3) a0 cr2=40000000",
                "#PF(2) b0 cr2=40001000",
                "#PF(3) c0 cr2=40000000",
                "#PF(3) d0 cr2=40000000",
                "#PF(2) e0 cr2=40001000",
                "#PF(3) f0 cr2=40000000"),
        in64("reserved bits", "SDM 3A 4.7: RSVD with P; 4.5 tables 4-15 to 4-20")
            .mapTo(0, 1L << 45, PW)
            .word(Layout.TABLES + 8, Layout.TABLES + 0x1000 | 0x87)
            .word(Layout.WINDOW_DIRECTORY + 8, 0x20_2000 | 0x83)
            .word(Layout.WINDOW_DIRECTORY + 16, 0x20_1000 | 0x83)
            .run(
                """
                main:
                  mov rax, W
                  mov rbx, 0x8000000000
                  resume a1
                a0: mov rcx, [rax]
                a1: resume b1
                b0: mov rcx, [rbx]
                b1: resume c1
                c0: mov [rax+0x200000], rcx
                c1: mov rcx, [rax+0x400000]   ; bit 12 is PAT
                  ret
                """)
            .expect("#PF(9) a0 cr2=40000000", "#PF(9) b0 cr2=8000000000", "#PF(b) c0 cr2=40200000"),
        in64("no-execute", "SDM 3A 4.6.1, 4.7: I/D")
            .map(0, 0, P | NX)
            .map(1, 1, PW)
            .run(
                """
                main:
                  resume after
                  mov rax, W+0x10
                  jmp rax
                after:
                  mov rax, W+0x2010
                  resume more
                  jmp rax
                more:
                  mov rcx, 0xc0000080     ; without NXE the bit is reserved
                  rdmsr
                  and eax, -0x801
                  wrmsr
                  mov rax, W
                  resume end
                read: mov rcx, [rax]
                end: ret
                """)
            .expect(
                "#PF(11) 40000010 cr2=40000010",
                "#PF(10) 40002010 cr2=40002010",
                "#PF(9) read cr2=40000000"),
        in64("NX at an upper level", "SDM 3A 4.6.1: in any entry of the walk")
            .map(0, 0, PW)
            .word(Layout.WINDOW_DIRECTORY, Layout.WINDOW_TABLE | NX | 7)
            .run(
                """
                main:
                  mov byte [W], 0xc3
                  mov rax, W
                  resume a1
                a0: call rax
                a1: add rsp, 8
                  ret
                """)
            .expect("#PF(11) 40000000 cr2=40000000"),
        in64("ring 3 and supervisor pages", "SDM 3A 4.6.1, 4.7: U/S")
            .map(0, 0, PW)
            .map(1, 1, PU)
            .map(2, 2, PWU)
            .run(Snippets.TO_USER)
            .run(
                """
                user:
                  mov rax, W
                  resume a1
                a0: mov rcx, [rax]
                a1: resume b1
                b0: mov [rax], rcx
                b1: resume c1
                c0: mov [rax+0x1000], rcx
                c1: mov rcx, [rax+0x1000]
                  mov [rax+0x2000], rcx
                  resume leave
                  jmp rax
                """)
            .run(Snippets.FROM_USER)
            .expect(
                "#PF(5) a0 cr2=40000000",
                "#PF(7) b0 cr2=40000000",
                "#PF(7) c0 cr2=40001000",
                "#PF(15) 40000000 cr2=40000000"),
        in64("pages of 2 MiB and 1 GiB", "SDM 3A 4.5")
            .word(Layout.WINDOW_DIRECTORY + 8, 0x20_0000 | 0x83)
            .word(Layout.TABLES + 0x1010, 0x83)
            .run(
                """
                main:
                  mov rax, W
                  mov qword [rax+0x212345], 7
                  mov rbx, 0x80000000
                  obs [rbx+0x212345]
                  obs [PD+8]
                  obs [TABLES+0x1010]
                  ret
                """)
            .expect("7", "2000e3", "a3"),
        in64("load across pages, second absent", "SDM 3A 4.7: CR2 is the first byte that faults")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W+0xffc
                  mov rcx, 99
                  resume after
                load: mov rcx, [rax]
                after: obs rcx
                  resume end
                word: mov cx, [rax+3]
                end: ret
                """)
            .expect("#PF(0) load cr2=40001000", "63", "#PF(0) word cr2=40001000"),
        in64(
                "store across pages, second absent",
                "SDM 3A 4.7, 4.8: nothing is stored, so D stays clear")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W+0xffc
                  mov rcx, 0x1122334455667788
                  resume after
                store: mov [rax], rcx
                after:
                  obs [PT]
                  obs [rax-4]
                  ret
                """)
            .expect("#PF(2) store cr2=40001000", "200023", "0"),
        in64("store across pages, second read-only", "SDM 3A 4.7")
            .map(0, 0, PW)
            .map(1, 1, P)
            .run(
                """
                main:
                  mov rax, W+0xffc
                  mov rcx, -1
                  resume after
                store: mov [rax], rcx
                after:
                  obs [rax-4]
                  obs [rax+4]
                  ret
                """)
            .expect("#PF(3) store cr2=40001000", "0", "0"),
        in64("store across pages, both fault", "SDM 3A 4.7: the lower page is reported")
            .map(0, 0, P)
            .run(
                """
                main:
                  mov rax, W+0xffc
                  resume after
                store: mov [rax], rcx
                after: ret
                """)
            .expect("#PF(3) store cr2=40000ffc"),
        in64("read-modify-write across pages, second absent", "SDM 3A 4.7")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W+0xffd
                  mov rcx, -1
                  mov dword [rax-1], 0x01020304
                  resume a1
                a0: add [rax], rcx
                a1: resume b1
                b0: lock xadd [rax], ecx
                b1: mov edx, [rax-1]
                  obs rdx
                  obs rcx
                  ret
                """)
            .expect(
                "#PF(2) a0 cr2=40001000", "#PF(2) b0 cr2=40001000", "1020304", "ffffffffffffffff"),
        in64("load across into a device", "SDM 3A 4.10.1: each part is translated by itself")
            .map(0, 0, PW)
            .mapTo(1, 0xfed0_0000L, PW)
            .run(
                """
                main:
                  mov rax, W+0xffc
                  mov dword [rax], 0x11223344
                  obs [rax]
                  mov ecx, [rax+4]
                  obs rcx
                  ret
                """)
            .expect("8086a20111223344", "8086a201"),
        in64("store across into a device", "SDM 3A 4.10.1")
            .map(0, 0, PW)
            .mapTo(1, 0xfed0_0000L, PW)
            .run(
                """
                main:
                  mov rax, W+0xffe
                  mov rcx, 0x1111222233334444
                  mov [rax], ecx
                  movzx ecx, word [rax]
                  obs rcx
                  ret
                """)
            .expect("4444"),
        in64("stack accesses that fault leave RSP", "SDM 3A 6.5: faults restart their instruction")
            .ist(14)
            .map(1, 1, PW)
            .run(
                """
                main:
                  mov rbp, rsp
                  mov rsp, W+0x1004
                  resume a1
                a0: push rax
                a1: mov rcx, rsp
                  resume b1
                b0: call main
                b1: mov rdx, rsp
                  mov rsp, W+0x1ffc
                  resume c1
                c0: pop rsi
                c1: resume d1
                d0: ret
                d1: mov rdi, rsp
                  mov rsp, W+0x1004
                  resume e1
                e0: pushfq
                e1: mov rbx, rsp
                  mov rsp, rbp
                  obs rcx
                  obs rdx
                  obs rdi
                  obs rbx
                  ret
                """)
            .expect(
                "#PF(2) a0 cr2=40000ffc",
                "#PF(2) b0 cr2=40000ffc",
                "#PF(0) c0 cr2=40002000",
                "#PF(0) d0 cr2=40002000",
                "#PF(2) e0 cr2=40000ffc",
                "40001004",
                "40001004",
                "40001ffc",
                "40001004"));
  }
}
