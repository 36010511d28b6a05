package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Control registers, MSRs and what they forbid (Intel SDM vol. 3A 2.5, 9.8.5). */
final class ControlCases {
  private ControlCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("switching paging off in 64-bit mode", "SDM 2 MOV CR: #GP(0)")
            .run(
                """
                main:
                  mov rcx, cr0
                  mov rax, rcx
                  and rax, 0x7fffffff
                  resume a1
                a0: mov cr0, rax            ; PG
                a1: mov rcx, cr4
                  mov rax, rcx
                  and rax, -0x21
                  resume b1
                b0: mov cr4, rax            ; PAE
                b1: ret
                """)
            .expect("#GP(0) a0", "#GP(0) b0"),
        in64("values that control registers refuse", "SDM 2 MOV CR, WRMSR: #GP(0)")
            .run(
                """
                main:
                  mov rcx, cr0
                  mov rax, rcx
                  or rax, 0x20000000
                  resume b1
                b0: mov cr0, rax            ; NW without CD
                b1: mov cr0, rcx
                  mov rax, 0x100000000
                  or rax, rcx
                  resume c1
                c0: mov cr0, rax
                c1: mov cr0, rcx
                  mov ecx, 0xc0000080
                  rdmsr
                  obs rax
                  mov esi, eax
                  xor eax, 0x100
                  resume g1
                g0: wrmsr                   ; LME while paging
                g1: mov eax, esi
                  wrmsr
                  or eax, 0x10000
                  resume h1
                h0: wrmsr
                h1: mov eax, esi
                  wrmsr
                  mov ecx, 0x277
                  mov eax, 0x02
                  xor edx, edx
                  resume i1
                i0: wrmsr
                i1: mov ecx, 0x12345
                  resume j1
                j0: rdmsr
                j1: ret
                """)
            .expect(
                "#GP(0) b0",
                "#GP(0) c0",
                "d01",
                "#GP(0) g0",
                "#GP(0) h0",
                "#GP(0) i0",
                "#GP(0) j0"),
        in64("a reserved bit of CR4", "SDM 2 MOV CR: #GP(0)")
            .run(
                """
                main:
                  mov rcx, cr4
                  mov rax, 0x800000000
                  or rax, rcx
                  resume a1
                a0: mov cr4, rax
                a1: mov cr4, rcx
                  ret
                """)
            .expect("#GP(0) a0"),
        in64("a CR3 above the physical width", "SDM 2 MOV CR: #GP(0)")
            .run(
                """
                main:
                  mov rcx, cr3
                  mov rax, 0x0100000000105000
                  resume a1
                a0: mov cr3, rax
                a1: mov cr3, rcx
                  ret
                """)
            .expect("#GP(0) a0"),
        in64("LMSW and SMSW", "SDM 2 LMSW: PE cannot be cleared")
            .run(
                """
                main:
                  smsw rax
                  obs rax
                  mov ecx, 0xe
                  lmsw cx
                  smsw ecx
                  obs rcx
                  lmsw ax
                  clts
                  mov rax, cr0
                  obs rax
                  ret
                """)
            .expect("80010033", "8001003f", "80010033"),
        in64("what ring 3 may not", "SDM 3A 5.9: #GP(0)")
            .run(Snippets.TO_USER)
            .run(
                """
                user:
                  resume a1
                a0: mov rax, cr0
                a1: resume b1
                b0: mov rax, dr0
                b1: resume c1
                c0: lgdt [user]
                c1: resume d1
                d0: lmsw ax
                d1: resume e1
                e0: clts
                e1: resume f1
                f0: wbinvd
                f1: resume g1
                g0: invlpg [rax]
                g1: resume h1
                h0: rdmsr
                h1: resume i1
                i0: wrmsr
                i1: resume j1
                j0: swapgs
                j1: resume k1
                k0: ltr ax
                k1: resume l1
                l0: sysretq
                l1: resume m1
                m0: rdpmc
                m1: smsw rax
                  obs rax
                  sgdt [DATA]
                  mov rax, [DATA+2]
                  obs rax
                  jmp leave
                """)
            .run(Snippets.FROM_USER)
            .expect(
                "#GP(0) a0",
                "#GP(0) b0",
                "#GP(0) c0",
                "#GP(0) d0",
                "#GP(0) e0",
                "#GP(0) f0",
                "#GP(0) g0",
                "#GP(0) h0",
                "#GP(0) i0",
                "#GP(0) j0",
                "#GP(0) k0",
                "#GP(0) l0",
                "#GP(0) m0",
                "80010033",
                "101000"),
        in64("RDTSC and CR4.TSD", "SDM 2 RDTSC")
            .run(
                """
                  rdtsc
                  mov rax, cr4
                  or rax, 4
                  mov cr4, rax
                  rdtsc
                """)
            .run(Snippets.TO_USER)
            .run(
                """
                user: resume b1
                b0: rdtsc
                b1: jmp leave
                """)
            .run(Snippets.FROM_USER)
            .expect("#GP(0) b0"),
        in64("floating point that is switched off", "SDM 3A 2.5, table 9-3; 2 of each")
            .run(
                """
                main:
                  mov rcx, cr0
                  mov rax, rcx
                  or rax, 8                 ; TS
                  mov cr0, rax
                  resume a1
                a0: fninit
                a1: resume b1
                b0: fxsave [DATA]
                b1: resume c1
                c0: db 0x0f, 0x28, 0xc1     ; MOVAPS XMM0, XMM1
                c1: resume d1
                d0: emms
                d1: mov rax, rcx
                  or rax, 4                 ; EM
                  mov cr0, rax
                  resume e1
                e0: fninit
                e1: resume f1
                f0: db 0x0f, 0x28, 0xc1
                f1: resume g1
                g0: emms
                g1: mov cr0, rcx
                  mov rcx, cr4
                  mov rax, rcx
                  and rax, -0x201           ; OSFXSR
                  mov cr4, rax
                  resume h1
                h0: db 0x0f, 0x28, 0xc1
                h1: mov cr4, rcx
                  mov rax, DATA+8
                  resume i1
                i0: db 0x0f, 0x28, 0x00     ; MOVAPS XMM0, [RAX], not aligned
                i1: resume j1
                j0: fxsave [DATA+8]
                j1: ret
                """)
            .expect(
                "#NM a0",
                "#NM b0",
                "#NM c0",
                "#NM d0",
                "#NM e0",
                "#UD f0",
                "#UD g0",
                "#UD h0",
                "#GP(0) i0",
                "#GP(0) j0"),
        in64(
                "x87 and SSE exceptions that are not masked",
                "SDM 1 8.7, 11.5; 3A 6.15 interrupts 16 and 19")
            .run(
                """
                main:
                  fninit
                  mov word [DATA], 0x37b    ; divide by zero is not masked
                  fldcw [DATA]
                  fld1
                  fldz
                a0: db 0xde, 0xf9           ; FDIVP
                  resume b1
                b0: fwait                   ; reported by the next one
                b1: fnclex
                  mov dword [DATA], 0x1d80
                  ldmxcsr [DATA]
                  mov dword [DATA+16], 0x3f800000
                  mov rax, DATA+16
                  db 0xf3, 0x0f, 0x10, 0x00 ; MOVSS XMM0, [RAX]
                  db 0x0f, 0x57, 0xc9       ; XORPS XMM1, XMM1
                  resume c1
                c0: db 0xf3, 0x0f, 0x5e, 0xc1 ; DIVSS XMM0, XMM1
                c1: stmxcsr [DATA]
                  mov eax, [DATA]
                  obs rax
                  mov rax, cr4
                  and rax, -0x401
                  mov cr4, rax
                  resume d1
                d0: db 0xf3, 0x0f, 0x5e, 0xc1
                d1: ret
                """)
            .expect("#MF b0", "#XM c0", "1d84", "#UD d0"),
        in64("alignment check", "SDM 3A 6.15 interrupt 17: CR0.AM, RFLAGS.AC, ring 3")
            .run(
                """
                  mov rax, cr0
                  or rax, 0x40000
                  mov cr0, rax
                """)
            .run(Snippets.TO_USER)
            .run(
                """
                user:
                  push 0x40002
                  popfq
                  mov rax, DATA
                  mov rcx, [rax+8]
                  mov cl, [rax+1]
                  resume a1
                a0: mov cx, [rax+1]
                a1: resume b1
                b0: mov [rax+2], ecx
                b1: resume c1
                c0: add [rax+4], rcx
                c1: resume d1
                d0: mov rcx, [W+1]          ; the page fault goes first
                d1: push 2
                  popfq
                  mov rcx, [rax+1]
                  jmp leave
                """)
            .run(Snippets.FROM_USER)
            .expect("#AC(0) a0", "#AC(0) b0", "#AC(0) c0", "#PF(4) d0 cr2=40000001"),
        in64("instructions that are not there", "SDM 2: #UD")
            .run(
                """
                main:
                  resume a1
                a0: db 0x06                 ; PUSH ES
                a1: resume b1
                b0: db 0xd6                 ; SALC in 64-bit mode
                b1: resume c1
                c0: lock
                  add rax, rcx              ; LOCK without memory
                c1: resume d1
                d0: db 0x0f, 0xff, 0xc0     ; UD0
                d1: resume e1
                e0: db 0x0f, 0x0b
                e1: resume f1
                f0: db 0x0f, 0x22, 0xc8     ; MOV CR1
                f1: resume g1
                g0: db 0x8e, 0xc8           ; MOV CS
                g1: resume h1
                h0: db 0x0f, 0x01, 0xd0     ; XGETBV
                h1: resume i1
                i0: db 0xf0, 0x83, 0x3c, 0x25, 0, 0, 0x14, 0, 1 ; LOCK CMP
                i1: resume j1
                j0: db 0x48, 0x0f, 0xc7, 0x0c, 0x25, 0, 0, 0x14, 0 ; CMPXCHG16B
                j1: resume k1
                k0: db 0x0f, 0x38, 0x00, 0xc0 ; PSHUFB
                k1: resume l1
                l0: db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
                l1: ret
                """)
            .expect(
                "#UD a0",
                "#UD b0",
                "#UD c0",
                "#UD d0",
                "#UD e0",
                "#UD f0",
                "#UD g0",
                "#UD h0",
                "#UD i0",
                "#UD j0",
                "#UD k0",
                "#GP(0) l0"),
        in64(
                "prefixes in an unusual order",
                "SDM 2A 2.2.1: a REX prefix that another prefix follows is ignored")
            .run(
                """
                main:
                  mov rax, 0x1111222233334444
                  mov rcx, -1
                  db 0x48, 0x66, 0x89, 0xc1     ; REX.W, 66: MOV CX, AX
                  obs rcx
                  mov rcx, -1
                  db 0x66, 0x48, 0x89, 0xc1     ; 66, REX.W: MOV RCX, RAX
                  obs rcx
                  mov rcx, -1
                  db 0x4f, 0x41, 0x89, 0xc1     ; the last REX counts: MOV R9D, EAX
                  obs r9
                  db 0x26, 0x3e, 0x64, 0x2e, 0x89, 0xc1 ; segments without memory
                  obs rcx
                  db 0xf2, 0xf3, 0x66, 0x66, 0x90
                  ret
                """)
            .expect("ffffffffffff4444", "1111222233334444", "33334444", "33334444"),
        in64("PCIDs are not there", "SDM 3A 4.10.1; 2 CPUID.1:ECX[17], MOV CR: #GP(0)")
            .run(
                """
                main:
                  mov rcx, cr4
                  mov rax, rcx
                  or rax, 0x20000
                  resume a1
                a0: mov cr4, rax
                a1: mov rdx, cr4
                  xor rdx, rcx
                  obs rdx
                  mov cr4, rcx
                  mov eax, 1
                  cpuid
                  shr ecx, 17
                  and ecx, 1
                  obs rcx
                  ret
                """)
            .expect("#GP(0) a0", "0", "0"));
  }
}
