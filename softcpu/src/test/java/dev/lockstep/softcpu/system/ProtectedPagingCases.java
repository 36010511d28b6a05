package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in32;

import java.util.List;

/** 32-bit and PAE paging (Intel SDM vol. 3A 4.3, 4.4). */
final class ProtectedPagingCases {
  private ProtectedPagingCases() {}

  /** Like {@code Snippets.PAGING32}: PDPT, directories and PT of PAE paging. */
  private static final String PAGING_PAE =
      """
      main:
        mov edi, TABLES
        mov dword [edi], TABLES+0x1001
        mov dword [edi+8], PD+1
        mov dword [TABLES+0x1000], 0x83
        mov dword [TABLES+0x1008], 0x200083
        mov dword [PD], PT+7
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov ecx, 0xc0000080
        mov eax, 0x800
        xor edx, edx
        wrmsr
        mov eax, TABLES
        mov cr3, eax
        mov eax, 0x80010033
        mov cr0, eax
      """;

  static List<SystemCase> all() {
    return List.of(
        in32("32-bit paging", "SDM 3A 4.3, 4.7, 4.8")
            .run(Snippets.PAGING32)
            .run(
                """
                  mov dword [PT], FRAMES+3
                  mov dword [PT+4], FRAMES+0x1001
                  mov eax, W
                  mov ecx, [eax]
                  mov edx, [PT]
                  obs edx
                  mov [eax+8], ecx
                  mov edx, [PT]
                  obs edx
                  mov edx, [TABLES+0x400]
                  obs edx
                  resume a1
                a0: mov [eax+0x1000], ecx
                a1: resume b1
                b0: mov ecx, [eax+0x2345]
                b1: mov dword [eax+0xffc], 0
                  resume c1
                c0: mov [eax+0xffe], ecx
                c1: mov dword [PT+4], FRAMES+0x1003
                  mov ecx, 0x11223344
                  mov [eax+0xffe], ecx
                  mov edx, [FRAMES+0x1000]
                  obs edx
                  resume d1
                  jmp W+0x3010               ; no I/D in the error code without NX
                d1: ret
                """)
            .expect(
                "200023",
                "200063",
                "109027",
                "#PF(3) a0 cr2=40001000",
                "#PF(0) b0 cr2=40002345",
                "#PF(3) c0 cr2=40001000",
                "1122",
                "#PF(0) 40003010 cr2=40003010"),
        in32("pages of 4 MiB", "SDM 3A 4.3, table 4-4: PSE-36, bit 21 reserved")
            .run(Snippets.PAGING32)
            .run(
                """
                  mov eax, cr4
                  or eax, 0x10
                  mov cr4, eax
                  mov dword [TABLES+0x404], 0x83
                  mov ecx, [W+0x400000+DATA]
                  mov [W+0x400000+DATA], ecx
                  mov edx, [TABLES+0x404]
                  obs edx
                  mov dword [TABLES+0x408], 0x200083
                  resume a1
                a0: mov ecx, [W+0x800000]
                a1: ret
                """)
            .expect("e3", "#PF(9) a0 cr2=40800000"),
        in32("PAE paging", "SDM 3A 4.4, 4.7: the PDPTEs are registers")
            .run(PAGING_PAE)
            .run(
                """
                  mov dword [PT], FRAMES+3
                  mov dword [PT+8], FRAMES+0x1003
                  mov dword [PT+12], 0x80000000
                  mov eax, W
                  mov [eax], eax
                  mov edx, [PT]
                  obs edx
                  mov byte [FRAMES+0x1000], 0xc3
                  mov ecx, W+0x1000
                  resume a1
                  call ecx
                a1: add esp, 4
                  mov dword [PT+20], 0x100000
                  mov dword [PT+16], FRAMES+3
                  resume d1
                d0: mov ecx, [eax+0x2000]    ; bit 52
                d1: ret
                """)
            .expect("200063", "#PF(11) 40001000 cr2=40001000", "#PF(9) d0 cr2=40002000"),
        in32("PDPTEs are registers", "SDM 3A 4.4.1: loaded and checked by MOV CR3")
            .run(PAGING_PAE)
            .run(
                """
                  mov dword [PT], FRAMES+3
                  mov eax, W
                  mov [eax], eax
                  mov dword [TABLES+8], 0    ; not seen before the next load of CR3
                  invlpg [eax]
                  resume a1
                a0: mov ecx, [eax]
                a1: obs ecx
                  mov ecx, cr3
                  mov cr3, ecx
                  resume b1
                b0: mov ecx, [eax]
                b1: mov dword [TABLES+16], 3     ; R/W is reserved here
                  mov ecx, cr3
                  resume c1
                c0: mov cr3, ecx
                c1: ret
                """)
            .expect("40000000", "#PF(0) b0 cr2=40000000", "#GP(0) c0"),
        in32("turning on long mode", "SDM 3A 9.8.5, 2 MOV CR: #GP(0) without PAE")
            .run(
                """
                main:
                  mov ecx, 0xc0000080
                  mov eax, 0x100
                  xor edx, edx
                  wrmsr
                  mov eax, 0x80010033
                  resume a1
                a0: mov cr0, eax
                a1: rdmsr
                  obs eax
                  mov eax, 0x80010032
                  resume b1
                b0: mov cr0, eax             ; PG without PE
                b1: ret
                """)
            .expect("#GP(0) a0", "100", "#GP(0) b0"));
  }
}
