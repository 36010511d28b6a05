package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** A and D bits, and how long cached translations live (Intel SDM vol. 3A 4.8, 4.10). */
final class TranslationCases {
  private static final long P = 1;
  private static final long PW = 3;
  private static final long PWG = 0x103;
  private static final String MAY_BE_STALE =
      "SDM 3A 4.10.2.1, 4.10.4.3: a cached translation may be used until it is invalidated";

  private TranslationCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("a load sets A, a store A and D", "SDM 3A 4.8")
            .map(0, 0, PW)
            .map(1, 1, PW)
            .map(2, 2, PW)
            .run(
                """
                main:
                  mov rax, W
                  mov rcx, [rax]
                  obs [PT]
                  obs [PD]
                  mov [rax+0x1000], rcx
                  obs [PT+8]
                  add [rax], ecx
                  obs [PT]
                  obs [PT+16]
                  obs [PD]
                  ret
                """)
            .expect("200023", "109027", "201063", "200063", "202003", "109027"),
        in64("a fetch sets A", "SDM 3A 4.8")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov byte [FRAMES+8], 0xc3
                  mov rax, W+8
                  call rax
                  obs [PT]
                  ret
                """)
            .expect("200023"),
        in64("an access that faults leaves A and D", "SDM 3A 4.8: set when an entry is used")
            .map(0, 0, P)
            .run(
                """
                main:
                  mov rax, W
                  resume after
                store: mov [rax], rcx
                after: obs [PT]
                  ret
                """)
            .expect("#PF(3) store cr2=40000000", "200001"),
        in64("A and D cleared without INVLPG stay clear", MAY_BE_STALE)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W
                  mov [rax], rcx
                  mov qword [PT], FRAMES+3
                  mov [rax], rcx
                  mov rcx, [rax]
                  obs [PT]
                  invlpg [rax]
                  mov rcx, [rax]
                  obs [PT]
                  mov [rax], rcx
                  obs [PT]
                  ret
                """)
            .expect("200003", "200023", "200063"),
        in64("a store through a clean cached translation sets D", "SDM 3A 4.8")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W
                  mov rcx, [rax]
                  mov qword [PT], FRAMES+3
                  mov [rax], rcx
                  obs [PT]
                  ret
                """)
            .expect("200063"),
        in64("a remapped page is seen after INVLPG", MAY_BE_STALE)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov qword [FRAMES], 1
                  mov qword [FRAMES+0x1000], 2
                  mov rax, W
                  obs [rax]
                  mov qword [PT], FRAMES+0x1003
                  mov rax, W
                  obs [rax]
                  invlpg [rax+0x234]
                  obs [rax]
                  ret
                """)
            .expect("1", "1", "2"),
        in64("rights taken away are seen after INVLPG", MAY_BE_STALE)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W
                  mov [rax], rcx
                  mov qword [PT], FRAMES+1
                  mov qword [rax], 5
                  obs [rax]
                  invlpg [rax]
                  resume after
                store: mov [rax], rcx
                after: ret
                """)
            .expect("5", "#PF(3) store cr2=40000000"),
        in64(
                "rights given need no INVLPG",
                "SDM 3A 4.10.4.3: at most a spurious fault, and then none")
            .map(0, 0, P)
            .run(
                """
                main:
                  mov rax, W
                  mov rcx, [rax]
                  resume after
                store: mov [rax], rcx
                after: mov qword [PT], FRAMES+3
                  mov qword [rax], 6
                  obs [rax]
                  resume more
                absent: mov rcx, [rax+0x1000]
                more: mov qword [PT+8], FRAMES+3
                  obs [rax+0x1000]
                  ret
                """)
            .expect("#PF(3) store cr2=40000000", "6", "#PF(0) absent cr2=40001000", "6"),
        in64("MOV CR3 keeps global pages only", "SDM 3A 4.10.2.4, 4.10.4.1")
            .map(0, 0, PW)
            .map(1, 0, PWG)
            .run(
                """
                main:
                  mov qword [FRAMES], 1
                  mov qword [FRAMES+0x2000], 2
                  mov rax, W
                  mov rcx, [rax]
                  mov rcx, [rax+0x1000]
                  mov qword [PT], FRAMES+0x2003
                  mov qword [PT+8], FRAMES+0x2103
                  mov rcx, cr3
                  mov cr3, rcx
                  obs [rax]
                  mov rcx, [rax+0x1000]
                  obs rcx
                  invlpg [rax+0x1000]
                  mov rcx, [rax+0x1000]
                  obs rcx
                  ret
                """)
            .expect("2", "1", "2"),
        in64("global pages without CR4.PGE", "SDM 3A 4.10.2.4: the G flag is ignored")
            .map(0, 0, PWG)
            .run(
                """
                main:
                  mov rcx, cr4
                  and rcx, -0x81
                  mov cr4, rcx
                  mov qword [FRAMES], 1
                  mov qword [FRAMES+0x2000], 2
                  mov rax, W
                  mov rcx, [rax]
                  mov qword [PT], FRAMES+0x2103
                  mov rcx, cr3
                  mov cr3, rcx
                  obs [rax]
                  ret
                """)
            .expect("2"),
        in64("a change of CR4.PGE drops global pages", "SDM 3A 4.10.4.1")
            .map(0, 0, PWG)
            .run(
                """
                main:
                  mov qword [FRAMES], 1
                  mov qword [FRAMES+0x2000], 2
                  mov rax, W
                  mov rcx, [rax]
                  mov qword [PT], FRAMES+0x2103
                  mov rcx, cr4
                  mov rdx, rcx
                  and rdx, -0x81
                  mov cr4, rdx
                  mov cr4, rcx
                  obs [rax]
                  ret
                """)
            .expect("2"),
        in64("INVLPG drops every piece of a large page", "SDM 3A 4.10.4.1")
            .word(Layout.WINDOW_DIRECTORY + 8, 0x20_0000 | 0x83)
            .run(
                """
                main:
                  mov qword [0x203000], 3
                  mov qword [0x405000], 5
                  mov rax, W+0x200000
                  mov rcx, [rax+0x3000]
                  mov rdx, [rax+0x5000]
                  mov qword [PD+8], 0x400083
                  invlpg [rax+0x8000]
                  mov rcx, [rax+0x3000]
                  mov rdx, [rax+0x5000]
                  obs rcx
                  obs rdx
                  ret
                """)
            .expect("0", "5"),
        in64("a page fault drops the cached translation", "SDM 3A 4.10.4.1")
            .map(0, 0, P)
            .run(
                """
                main:
                  mov qword [FRAMES], 1
                  mov qword [FRAMES+0x1000], 2
                  mov rax, W
                  mov rcx, [rax]
                  mov qword [PT], FRAMES+0x1001
                  resume after
                store: mov [rax], rcx
                after: mov rcx, [rax]
                  obs rcx
                  ret
                """)
            .expect("#PF(3) store cr2=40000000", "2"),
        in64("fetches and data are cached apart", "SDM 3A 4.10.2.2: per kind of access, or not")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov dword [FRAMES], 0xc3c0ff    ; inc eax; ret
                  mov dword [FRAMES+0x1000], 0xc3c8ff
                  mov rdx, W
                  mov eax, 10
                  call rdx
                  obs rax
                  mov qword [PT], FRAMES+0x1003
                  invlpg [rdx]
                  call rdx
                  obs rax
                  ret
                """)
            .expect("b", "a"),
        in64("code runs on from a stale translation", MAY_BE_STALE)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov dword [FRAMES], 0xc3c0ff
                  mov dword [FRAMES+0x1000], 0xc3c8ff
                  mov rdx, W
                  mov eax, 10
                  call rdx
                  mov qword [PT], FRAMES+0x1003
                  call rdx
                  obs rax
                  mov rcx, cr3
                  mov cr3, rcx
                  call rdx
                  obs rax
                  ret
                """)
            .expect("c", "b"));
  }
}
