package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.Show.SELECTORS;
import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Segment registers, descriptor tables, gates and far transfers in long mode (Intel SDM vol. 3A chapters 3 and 5). */
final class SegmentCases {
  private static final long FLAT = 0x000f_0000_0000_ffffL;

  private SegmentCases() {}

  private static long descriptor(int access) {
    return FLAT | (long) access << 40;
  }

  static List<SystemCase> all() {
    return List.of(
        in64("loads of data segments", "SDM 3A 5.6, 5.7; 2 MOV")
            .word(Layout.GDT + 0x50, descriptor(0xc013))
            .word(Layout.GDT + 0x58, descriptor(0xc099))
            .word(Layout.GDT + 0x60, descriptor(0xc0f3))
            .word(Layout.GDT + 0x68, descriptor(0xc091))
            .run(
                """
                main:
                  mov eax, 0x50
                  resume a1
                a0: mov ds, ax              ; not present
                a1: mov eax, 0x58
                  resume b1
                b0: mov es, ax              ; execute-only code
                b1: mov eax, 0x20
                  resume c1
                c0: mov fs, ax              ; a TSS
                c1: mov eax, 0x200
                  resume d1
                d0: mov gs, ax              ; past the limit
                d1: mov eax, 0x54
                  resume e1
                e0: mov ds, ax              ; no LDT
                e1: mov eax, 0x60
                  mov ds, ax
                  mov eax, 0x63
                  mov es, ax
                  mov eax, 0x13
                  resume f1
                f0: mov ds, ax              ; RPL above DPL
                f1: mov eax, ds
                  obs rax
                  xor eax, eax
                  mov ds, ax
                  ret
                """)
            .expect(
                "#NP(50) a0",
                "#GP(58) b0",
                "#GP(20) c0",
                "#GP(200) d0",
                "#GP(54) e0",
                "#GP(10) f0",
                "60"),
        in64("loads of SS", "SDM 3A 5.7; 2 MOV, POP")
            .word(Layout.GDT + 0x50, descriptor(0xc013))
            .word(Layout.GDT + 0x58, descriptor(0xc091))
            .run(
                """
                main:
                  mov eax, 0x50
                  resume a1
                a0: mov ss, ax              ; not present
                a1: mov eax, 0x58
                  resume b1
                b0: mov ss, ax              ; read-only
                b1: mov eax, DATA_USER
                  resume c1
                c0: mov ss, ax              ; DPL 3
                c1: mov eax, 8
                  resume d1
                d0: mov ss, ax              ; code
                d1: mov eax, 3
                  resume e1
                e0: mov ss, ax              ; null with another RPL
                e1: xor eax, eax
                  mov ss, ax
                  push rax
                  pop rax
                  mov eax, DATA0
                  mov ss, ax
                  ret
                """)
            .expect("#SS(50) a0", "#GP(58) b0", "#GP(38) c0", "#GP(8) d0", "#GP(0) e0"),
        in64("the accessed bit", "SDM 3A 3.4.5.1: set when the register is loaded")
            .word(Layout.GDT + 0x50, descriptor(0xc092))
            .run(
                """
                main:
                  mov eax, 0x50
                  mov es, ax
                  mov eax, [GDT+0x54]
                  obs rax
                  ret
                """)
            .expect("cf9300"),
        in64("FS, GS, SWAPGS and null selectors", "SDM 3A 3.4.4; 2 SWAPGS")
            .word(Layout.GDT + 0x50, 0x00cf_9314_0000_ffffL)
            .run(
                """
                main:
                  mov qword [DATA], 0x11
                  mov qword [DATA+8], 0x22
                  mov eax, 0x50
                  mov fs, ax
                  mov rcx, fs:[0]
                  obs rcx
                  mov ecx, 0xc0000101
                  mov eax, DATA+8
                  xor edx, edx
                  wrmsr
                  mov rcx, gs:[0]
                  obs rcx
                  mov ecx, 0xc0000102
                  mov eax, DATA
                  wrmsr
                  swapgs
                  mov rcx, gs:[0]
                  obs rcx
                  mov ecx, 0xc0000102
                  rdmsr
                  obs rax
                  xor eax, eax
                  mov gs, ax
                  mov ecx, 0xc0000101
                  rdmsr
                  obs rax
                  ret
                """)
            .expect("11", "22", "11", "140008", "0"),
        in64("LTR and LLDT", "SDM 3A 8.2.3; 2 LTR, LLDT")
            .word(Layout.GDT + 0x50, 0x0000_8214_0000_00ffL)
            .word(Layout.GDT + 0x60, 0x0000_0900_0000_0067L)
            .word(Layout.GDT + 0x70, 0x0000_8914_0000_0067L)
            .word(Layout.GDT + 0x78, 0xffff_8000L)
            .word(Layout.DATA + 8, descriptor(0xc093))
            .run(
                """
                main:
                  mov eax, 0x20
                  resume a1
                a0: ltr ax                  ; busy
                a1: mov eax, 0x60
                  resume b1
                b0: ltr ax                  ; not present
                b1: xor eax, eax
                  resume c1
                c0: ltr ax
                c1: mov eax, 0x10
                  resume d1
                d0: lldt ax                 ; no LDT
                d1: mov eax, 0x50
                  lldt ax
                  mov eax, 0xc
                  mov es, ax
                  mov eax, es
                  obs rax
                  sldt eax
                  obs rax
                  str eax
                  obs rax
                  mov eax, 0x70
                  ltr ax
                  mov eax, [GDT+0x74]
                  obs rax
                  xor eax, eax
                  lldt ax
                  mov eax, 0xc
                  resume e1
                e0: mov es, ax
                e1: ret
                """)
            .expect(
                "#GP(20) a0",
                "#NP(60) b0",
                "#GP(0) c0",
                "#GP(10) d0",
                "c",
                "50",
                "20",
                "8b14",
                "#GP(c) e0"),
        in64("LAR, LSL, VERR, VERW", "SDM 2, table of types in LAR and LSL")
            .word(Layout.GDT + 0x50, 0x0000_8c00_0000_0000L)
            .run(
                """
                main:
                  mov ecx, 8
                  lar eax, ecx
                  obs rax
                  lsl eax, ecx
                  obs rax
                  mov ecx, 0x20
                  lar eax, ecx
                  obs rax
                  lsl eax, ecx
                  obs rax
                  mov ecx, 0x50
                  lar eax, ecx
                  obs rax
                  mov eax, 77
                  lsl eax, ecx              ; a call gate has no limit
                  setz dl
                  movzx edx, dl
                  obs rdx
                  obs rax
                  mov ecx, 0x1f0
                  lar eax, ecx
                  setz dl
                  movzx edx, dl
                  obs rdx
                  mov ecx, 8
                  verr cx
                  setz dl
                  movzx edx, dl
                  obs rdx
                  verw cx
                  setz dl
                  movzx edx, dl
                  obs rdx
                  mov ecx, 0x13
                  verw cx                   ; RPL above DPL
                  setz dl
                  movzx edx, dl
                  obs rdx
                  ret
                """)
            .expect("a09b00", "ffffffff", "8b00", "67", "8c00", "0", "4d", "0", "1", "0", "0"),
        in64("to compatibility mode and back", "SDM 3A 5.8.1; 1 3.1: 40 is INC there")
            .show(SELECTORS)
            .run(
                """
                main:
                  mov rcx, 0x1_00000001
                  jmp far [there]
                there: dd code32
                  dw CODE32
                back64: dd code64
                  dw CODE64
                bits 32
                code32: mov eax, -1
                  inc eax
                  mov edx, eax
                  int 0x70
                after: push ecx
                  pop ecx
                  mov edi, DATA
                  mov [edi+ecx], eax
                  call local
                  jmp far [back64]
                local: ret
                bits 64
                code64: obs rdx
                  obs rcx
                  ret
                """)
            .expect("int 70 after cs=18 ss=10", "0", "1"),
        in64("far JMP and CALL refuse", "SDM 2 JMP, CALL")
            .word(Layout.GDT + 0x50, descriptor(0xa01b))
            .run(
                """
                main:
                  resume a1
                a0: jmp far [p0]
                a1: resume b1
                b0: jmp far [p1]            ; data
                b1: resume c1
                c0: call far [p2]           ; not present
                c1: resume e1
                e0: jmp far [p4]            ; DPL 3
                e1: resume f1
                f0: call far [p5]           ; a TSS
                f1: ret
                p0: dd main
                  dw 0
                p1: dd main
                  dw DATA0
                p2: dd main
                  dw 0x50
                p4: dd main
                  dw CODE64_USER
                p5: dd main
                  dw TASK
                """)
            .expect("#GP(0) a0", "#GP(10) b0", "#NP(50) c0", "#GP(30) e0", "#GP(20) f0"),
        in64("a code segment with L and D", "SDM 3A 5.2.1, 2 JMP: #GP(selector)")
            .word(Layout.GDT + 0x58, descriptor(0xe09b))
            .run(
                """
                main:
                  resume a1
                a0: jmp far [p0]
                a1: mov ecx, cs
                  obs rcx
                  ret
                p0: dd a1
                  dw 0x58
                """)
            .expect("#GP(58) a0", "8"),
        in64("far CALL and RET", "SDM 2 CALL, RET: the operand size is 32 bits unless REX.W")
            .run(
                """
                main:
                  mov rbp, rsp
                  call far [p0]
                after: obs rax
                  sub rbp, rsp
                  obs rbp
                  ret
                f: mov rax, rbp
                  sub rax, rsp
                  mov rcx, [rsp]
                  sub rcx, after
                  obs rcx
                  retf
                p0: dd f
                  dw CODE64
                """)
            .expect("800000000", "8", "0"),
        in64(
                "a call gate from ring 3",
                "SDM 3A 5.8.3.1, 5.8.5.1: 64-bit gates, the stack of the TSS")
            .word(Layout.GDT + 0x50, Image.gate(Layout.MAIN + 5, Layout.CODE64, 0xec))
            .run(
                """
                  jmp start
                inner:
                  mov rsi, rsp
                  obs rsi
                  mov rcx, [rsi]
                  sub rcx, after
                  obs rcx
                  obs [rsi+8]
                  obs [rsi+16]
                  obs [rsi+24]
                  mov eax, cs
                  obs rax
                  mov eax, ss
                  obs rax
                  retfq
                start:
                """)
            .run(Snippets.TO_USER)
            .run(
                """
                user: call far [gate]
                after: mov eax, cs
                  obs rax
                  jmp leave
                gate: dd 0
                  dw 0x53
                """)
            .run(Snippets.FROM_USER)
            .expect("11ffe0", "0", "33", "122000", "3b", "8", "0", "33"),
        in64("SYSCALL and SYSRET", "SDM 2 SYSCALL, SYSRET")
            .word(Layout.GDT + 0x58, descriptor(0xc0f3))
            .word(Layout.GDT + 0x60, descriptor(0xa0fb))
            .run(
                """
                  mov ecx, 0xc0000081
                  xor eax, eax
                  mov edx, 0x00500008
                  wrmsr
                  mov ecx, 0xc0000082
                  mov rax, entry
                  xor edx, edx
                  wrmsr
                  mov ecx, 0xc0000084
                  mov eax, 0x401
                  wrmsr
                """)
            .run(Snippets.TO_USER)
            .run(
                """
                user: push 0xc57
                  popfq
                  syscall
                after: pushfq
                  pop rdx
                  obs rbx
                  sub rcx, after
                  obs rcx
                  obs r11
                  obs rdx
                  mov eax, cs
                  obs rax
                  mov eax, ss
                  obs rax
                  jmp leave
                entry:
                  pushfq
                  pop rax
                  obs rax
                  mov ebx, cs
                  shl rbx, 16
                  mov eax, ss
                  or rbx, rax
                  obs r11
                  mov rax, rcx
                  sub rax, after
                  obs rax
                  mov rcx, after
                  mov r11, 0x1fad7          ; RF and VM are not for R11 to give
                  sysretq
                """)
            .run(Snippets.FROM_USER)
            .expect("856", "c57", "0", "80010", "0", "1fad7", "7ad7", "63", "5b"),
        in64("ports from ring 3", "SDM 1 19.5.2: IOPL and the bitmap of the TSS")
            .word(Layout.GDT + Layout.TASK, 0xff | (Layout.TSS & 0xff_ffff) << 16 | 0x89L << 40)
            .word(Layout.TSS + 0x68, 0xffff_ffff_ffff_fffeL)
            .word(Layout.TSS + 0x68 + 0x10, 0xffff_ffff_ffff_fcfeL)
            .run(Snippets.TO_USER)
            .run(
                """
                user: in al, 0x80
                  resume b1
                b0: in al, 0x81
                b1: out 0x88, al
                  out 0x88, ax
                  resume c1
                c0: out 0x89, ax
                c1: mov edx, 0x7f8
                  resume d1
                d0: in al, dx
                d1: resume e1
                e0: cli
                e1: resume f1
                f0: sti
                f1: pushfq
                  pop rax
                  or rax, 0x3200
                  push rax
                  popfq
                  pushfq
                  pop rax
                  and rax, 0x3200
                  obs rax
                  jmp leave
                """)
            .run(Snippets.FROM_USER)
            .expect("#GP(0) b0", "#GP(0) c0", "#GP(0) d0", "#GP(0) e0", "#GP(0) f0", "0"));
  }
}
