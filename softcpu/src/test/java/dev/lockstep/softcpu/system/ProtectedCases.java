package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.Show.SELECTORS;
import static dev.lockstep.softcpu.system.SystemCase.Show.STACK;
import static dev.lockstep.softcpu.system.SystemCase.in32;

import java.util.List;

/** 32-bit protected mode: segments with limits, rings, gates (Intel SDM vol. 3A chapters 3, 5, 6). */
final class ProtectedCases {

  private ProtectedCases() {}

  /** A segment descriptor. */
  static long segment(long base, long limit, int access) {
    return limit & 0xffff
        | (base & 0xff_ffff) << 16
        | (long) access << 40
        | (limit >>> 16 & 0xf) << 48
        | (base >>> 24) << 56;
  }

  static List<SystemCase> all() {
    return List.of(
        in32("segment limits and types", "SDM 3A 5.3, 5.4: #GP(0), #SS(0) for the stack segment")
            .word(Layout.GDT + 0x50, segment(Layout.DATA, 0xf, 0x4093))
            .word(Layout.GDT + 0x58, segment(0, 0xfffff, 0xc091))
            .word(Layout.GDT + 0x60, segment(Layout.DATA, 0xff, 0x4097))
            .word(Layout.GDT + 0x68, segment(0, 0xfffff, 0xc09b))
            .run(
                """
                main:
                  mov eax, 0x50
                  mov es, ax
                  mov al, es:[15]
                  mov eax, es:[12]
                  resume a1
                a0: mov eax, es:[13]
                a1: resume b1
                b0: mov es:[16], al
                b1: mov eax, 0x58
                  mov es, ax
                  mov eax, es:[DATA]
                  resume c1
                c0: mov es:[DATA], eax        ; read-only
                c1: mov eax, 0x60
                  mov es, ax
                  mov eax, es:[0x100]         ; expand-down
                  resume d1
                d0: mov eax, es:[0xfe]
                d1: resume e1
                e0: mov es:[0xff], al         ; the limit itself
                e1: resume h1
                h0: mov cs:[DATA], eax
                h1: xor eax, eax
                  mov es, ax
                  resume f1
                f0: mov eax, es:[DATA]        ; null
                f1: mov edi, DATA
                  mov ecx, 1
                  resume g1
                g0: rep stosb
                g1: mov eax, DATA0
                  mov es, ax
                  ret
                """)
            .expect(
                "#GP(0) a0",
                "#GP(0) b0",
                "#GP(0) c0",
                "#GP(0) d0",
                "#GP(0) e0",
                "#GP(0) h0",
                "#GP(0) f0",
                "#GP(0) g0"),
        in32("a stack segment with a limit", "SDM 3A 5.3, 6.15 interrupt 12: #SS")
            .word(Layout.GDT + 0x50, segment(Layout.DATA, 0xff, 0x4093))
            .word(Layout.GDT + 0x58, segment(0, 0xfffff, 0xc09b))
            .word(Layout.GDT + 0x60, segment(Layout.TSS + 0x100, 0x67, 0x89))
            .word(Layout.IDT + 8 * 12, 0x0000_8500_0060_0000L)
            .run(
                """
                main:
                  mov dword [TSS+0x120], handler
                  mov dword [TSS+0x124], 2
                  mov dword [TSS+0x138], RING0_STACK
                  mov dword [TSS+0x14c], CODE32
                  mov dword [TSS+0x150], DATA0
                  mov dword [TSS+0x154], DATA0
                  mov ebp, esp
                  mov eax, 0x50
                  mov ss, ax
                  mov esp, 0x104
                a0: push eax
                a1: mov eax, DATA0
                  mov ss, ax
                  mov esp, ebp
                  ret
                handler:
                  mov eax, [TSS+0x20]
                  sub eax, a0
                  obs eax
                  mov eax, [TSS+0x38]
                  obs eax
                  pop eax
                  obs eax
                  mov dword [TSS+0x20], a1
                  iretd
                """)
            .expect("0", "104", "0"),
        in32(
                "rings",
                "SDM 3A 5.8.5, 6.12.1: stacks by the TSS; 2 IRET: data segments that are too privileged become null")
            .show(SELECTORS, STACK)
            .run(Snippets.TO_USER32)
            .run(
                """
                user:
                  mov ecx, ds
                  mov eax, DATA_USER
                  mov ds, ax
                  obs ecx
                  int 0x70
                a0: resume b1
                b0: int 0x50
                b1: resume c1
                c0: cli
                c1: mov eax, DATA0
                  resume d1
                d0: mov es, ax
                d1: mov eax, 0
                  resume e1
                e0: mov ss, ax
                e1: jmp leave
                """)
            .run(Snippets.FROM_USER32)
            .expect(
                "0",
                "int 70 a0 cs=43 ss=3b sp=122000",
                "#GP(282) b0 cs=43 ss=3b sp=122000",
                "#GP(0) c0 cs=43 ss=3b sp=122000",
                "#GP(10) d0 cs=43 ss=3b sp=122000",
                "#GP(0) e0 cs=43 ss=3b sp=122000"),
        in32("a call gate with parameters", "SDM 3A 5.8.4, 5.8.5")
            .word(Layout.GDT + 0x50, Image.gate(Layout.MAIN + 5, Layout.CODE32, 0xec) | 2L << 32)
            .run(
                """
                  jmp start
                inner:
                  mov ebp, esp
                  mov eax, DATA0
                  mov ds, ax
                  obs ebp
                  mov ecx, [ebp]
                  sub ecx, after
                  obs ecx
                  mov ecx, [ebp+4]
                  obs ecx
                  mov ecx, [ebp+8]
                  obs ecx
                  mov ecx, [ebp+12]
                  obs ecx
                  mov ecx, [ebp+16]
                  obs ecx
                  mov ecx, [ebp+20]
                  obs ecx
                  mov ecx, cs
                  obs ecx
                  mov ecx, ss
                  obs ecx
                  retf 8
                start:
                """)
            .run(Snippets.TO_USER32)
            .run(
                """
                user:
                  push 0x111
                  push 0x222
                  call 0x53:0
                after:
                  mov ecx, ds
                  mov eax, DATA_USER
                  mov ds, ax
                  obs ecx
                  mov ecx, esp
                  obs ecx
                  mov ecx, cs
                  obs ecx
                  jmp leave
                """)
            .run(Snippets.FROM_USER32)
            .expect(
                "11ffe8", "0", "43", "222", "111", "121ff8", "3b", "18", "10", "0", "122000", "43"),
        in32("conforming code", "SDM 3A 5.8.1.2: runs at the caller's privilege")
            .word(Layout.GDT + 0x50, segment(0, 0xfffff, 0xc09f))
            .run(Snippets.TO_USER32)
            .run(
                """
                user:
                  mov eax, DATA_USER
                  mov ds, ax
                  call 0x50:there
                  resume b1
                b0: call CODE32:there
                b1: jmp leave
                there:
                  mov ecx, cs
                  obs ecx
                  retf
                """)
            .run(Snippets.FROM_USER32)
            .expect("53", "#GP(18) b0"),
        in32("INTO and BOUND", "SDM 2: #OF is a trap, #BR a fault")
            .run(
                """
                main:
                  mov al, 0x7f
                  add al, 1
                a0: into
                a1: xor eax, eax
                  into
                  mov dword [DATA], 3
                  mov dword [DATA+4], 9
                  mov eax, 9
                  bound eax, [DATA]
                  mov eax, 10
                  resume b1
                b0: bound eax, [DATA]
                b1: mov eax, 2
                  resume c1
                c0: bound eax, [DATA]
                c1: ret
                """)
            .expect("#OF a1", "#BR b0", "#BR c0"),
        in32("SYSENTER and SYSEXIT", "SDM 2 SYSENTER, SYSEXIT")
            .word(Layout.GDT + 0x50, segment(0, 0xfffff, 0xc09b))
            .word(Layout.GDT + 0x58, segment(0, 0xfffff, 0xc093))
            .word(Layout.GDT + 0x60, segment(0, 0xfffff, 0xc0fb))
            .word(Layout.GDT + 0x68, segment(0, 0xfffff, 0xc0f3))
            .run(
                """
                  xor edx, edx
                  mov ecx, 0x174
                  xor eax, eax
                  wrmsr
                  resume a1
                a0: sysenter
                a1: mov eax, 0x50
                  wrmsr
                  mov ecx, 0x175
                  mov eax, RING0_STACK-0x100
                  wrmsr
                  mov ecx, 0x176
                  mov eax, entry
                  wrmsr
                """)
            .run(Snippets.TO_USER32)
            .run(
                """
                user:
                  mov eax, DATA_USER
                  mov ds, ax
                  resume b1
                b0: sysexit
                b1: sysenter
                entry:
                  mov eax, DATA0
                  mov ds, ax
                  mov ecx, cs
                  obs ecx
                  mov ecx, ss
                  obs ecx
                  mov ecx, esp
                  obs ecx
                  mov edx, out
                  mov ecx, USER_STACK-0x20
                  sysexit
                out:
                  mov eax, DATA_USER
                  mov ds, ax
                  mov ecx, cs
                  obs ecx
                  mov ecx, ss
                  obs ecx
                  mov ecx, esp
                  obs ecx
                  jmp leave
                """)
            .run(Snippets.FROM_USER32)
            .expect("#GP(0) a0", "#GP(0) b0", "50", "58", "11ff00", "63", "6b", "121fe0"),
        in32("flags that POPF and IRET may change", "SDM 2 POPF, IRET: IOPL by CPL 0, IF by IOPL")
            .run(
                """
                  push 0x3002               ; IOPL 3
                  popfd
                """)
            .run(Snippets.TO_USER32)
            .run(
                """
                user:
                  mov eax, DATA_USER
                  mov ds, ax
                  push 0x202
                  popfd
                  pushfd
                  pop ecx
                  obs ecx
                  cli
                  sti
                  cli
                  pushfd
                  push CODE32_USER
                  push after
                  and dword [esp+8], -0x3001
                  or dword [esp+8], 0x200
                  iretd
                after: pushfd
                  pop ecx
                  obs ecx
                  cli
                  jmp leave
                """)
            .run(Snippets.FROM_USER32)
            .run("")
            .expect("3202", "3202"),
        in32("a 16-bit code segment", "SDM 3A 3.4.5: D clear; 2 IRET")
            .word(Layout.GDT + 0x50, segment(Layout.MAIN, 0xffff, 0x009b))
            .show(SELECTORS)
            .run(
                """
                main:
                  mov ecx, -1
                  mov edx, -1
                  mov ebx, esp
                  jmp 0x50:there-MAIN
                bits 16
                there:
                  mov cx, 0x1234
                  mov eax, 0x56789abc
                  push cx
                  pop dx
                  push eax
                  int 0x70
                  sub ebx, esp
                  pop esi
                  xor di, di
                  dec di
                  jmp short over
                over: db 0x66, 0xea         ; JMP with an offset of 32 bits
                  dd wide
                  dw CODE32
                bits 32
                wide: obs eax
                  obs ecx
                  obs edx
                  obs ebx
                  obs esi
                  ret
                """)
            .expect("int 70 22 cs=50 ss=10", "56789abc", "ffff1234", "ffff1234", "4", "56789abc"),
        in32("16-bit interrupt gates", "SDM 3A 6.11: a frame of words")
            .word(Layout.IDT + 8 * 0x70, 0x0000_8600_0050_0002L)
            .word(Layout.GDT + 0x50, segment(Layout.MAIN, 0xffff, 0x409b))
            .run(
                """
                main:
                  jmp short begin
                handler:
                  mov ecx, [esp]
                  mov [DATA], ecx
                  mov ecx, [esp+4]
                  mov [DATA+4], ecx
                  mov [DATA+8], esp
                  o16
                  iret
                begin:
                  mov ebp, esp
                  push 0x2
                  popfd
                  jmp 0x50:low-MAIN
                low: int 0x70
                after: db 0xea              ; back to the flat segment
                  dd flat
                  dw CODE32
                flat: sub ebp, esp
                  obs ebp
                  mov eax, [DATA+8]
                  sub eax, esp
                  obs eax
                  movzx eax, word [DATA]
                  sub eax, after-MAIN
                  obs eax
                  movzx eax, word [DATA+2]
                  obs eax
                  movzx eax, word [DATA+4]
                  obs eax
                  ret
                """)
            .expect("0", "fffffffa", "0", "50", "2"),
        in32(
                "code past the limit of CS",
                "SDM 3A 5.3: #GP(0), at the instruction that reaches over")
            .word(Layout.GDT + 0x50, segment(Layout.DATA, 0xf, 0x409b))
            .run(
                """
                main:
                  mov dword [DATA+8], 0x90909090
                  mov dword [DATA+12], 0x0001b890    ; NOP; MOV EAX, 1; INT 0x71
                  mov dword [DATA+16], 0x71cd0000
                  hook 13, back
                  hook 113, back
                  jmp 0x50:8
                a1: hook 13, 0
                  resume b1
                b0: jmp 0x50:0x10
                b1: ret
                back: mov dword [ebx], a1
                  mov dword [ebx+4], CODE32
                  ret
                """)
            .expect("#GP(0) d", "#GP(0) b0"),
        in32("ARPL", "SDM 2 ARPL")
            .run(
                """
                main:
                  mov eax, 0x50
                  mov ecx, 0x13
                  arpl ax, cx
                  setz dl
                  movzx edx, dl
                  obs edx
                  obs eax
                  arpl ax, cx
                  setz dl
                  movzx edx, dl
                  obs edx
                  mov word [DATA], 0x41
                  mov ecx, 2
                  arpl [DATA], cx
                  mov eax, [DATA]
                  obs eax
                  ret
                """)
            .expect("1", "53", "0", "42"),
        in32("double fault and shutdown", "SDM 3A table 6-5")
            .gate(13, 0x0e)
            .run(
                """
                main:
                  mov eax, 0x1f0
                  resume a1
                a0: mov es, ax
                a1: mov byte [IDT+69], 0x0e
                  call flush
                  mov eax, 0x1f0
                  mov es, ax
                  ret
                """)
            .expect("#DF(0) a0", "shutdown"));
  }
}
