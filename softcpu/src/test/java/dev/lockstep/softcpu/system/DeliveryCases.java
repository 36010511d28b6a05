package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.Show.FLAGS;
import static dev.lockstep.softcpu.system.SystemCase.Show.SELECTORS;
import static dev.lockstep.softcpu.system.SystemCase.Show.STACK;
import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Exceptions and interrupts through the IDT in long mode: gates, stacks, error codes, double and triple faults (Intel SDM vol. 3A chapter 6). */
final class DeliveryCases {

  private DeliveryCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("faults, traps and where they point", "SDM 3A 6.5, table 6-1")
            .run(
                """
                main:
                  xor ecx, ecx
                  resume a1
                a0: div ecx
                a1: int3
                b1: resume c1
                c0: ud2
                c1: int 0x77
                d1: mov rax, cr0
                  mov rdx, rax
                  or rax, 8
                  mov cr0, rax
                  resume e1
                e0: fldz
                e1: mov cr0, rdx
                  resume f1
                f0: mov cr8, rsp
                f1: mov rax, 0x12345
                  resume g1
                g0: mov ds, ax
                g1: ret
                """)
            .expect(
                "#DE a0", "#BP b1", "#UD c0", "int 77 d1", "#NM e0", "#GP(0) f0", "#GP(2344) g0"),
        in64("RFLAGS in the frame: RF for faults only", "SDM 3B 18.3.1.1")
            .show(FLAGS)
            .run(
                """
                main:
                  push 0x202
                  popfq
                  mov rax, W
                  resume a1
                a0: mov rcx, [rax]
                a1: int3
                  int 0x70
                  resume b1
                b0: ud2
                b1: pushfq
                  pop rax
                  obs rax
                  cli
                  ret
                """)
            .expect(
                "#PF(0) a0 cr2=40000000 flags=10202",
                "#BP a1+1 flags=202",
                "int 70 a1+3 flags=202",
                "#UD b0 flags=10202",
                "202"),
        in64("gates", "SDM 3A 6.12.1.1, 6.13: vector, IDT and EXT in the error code")
            .gate(0x70, 0x0e)
            .gate(0x71, 0x8c)
            .gate(0x72, 0x8f)
            .run(
                """
                main:
                  resume a1
                a0: int 0x70
                a1: resume b1
                b0: int 0x71
                b1: hook 114, flags
                  push 0x202
                  popfq
                  int 0x72
                  cli
                  lidt [short]
                  resume c1
                c0: int 0x74
                c1: ret
                flags: pushfq
                  pop rax
                  and rax, 0x200
                  obs rax
                  ret
                short: dw 0x73f
                  dq IDT
                """)
            .expect("#NP(382) a0", "#GP(38a) b0", "int 72 b1+20", "200", "#GP(3a2) c0"),
        in64("a gate to a bad code segment", "SDM 3A 6.13; 2 INT n")
            .word(Layout.IDT + 16 * 0x70, Image.gate(Layout.RUNTIME, 0, 0x8e))
            .word(Layout.IDT + 16 * 0x71, Image.gate(Layout.RUNTIME, Layout.DATA0, 0x8e))
            .word(Layout.IDT + 16 * 0x72, Image.gate(Layout.RUNTIME, Layout.CODE32, 0x8e))
            .word(Layout.IDT + 16 * 0x73, Image.gate(Layout.RUNTIME, 0x50, 0x8e))
            .word(Layout.IDT + 16 * 0x74, Image.gate(Layout.RUNTIME, 0x400, 0x8e))
            .word(Layout.GDT + 0x50, 0x0020_1b00_0000_0000L | 0xa01bL << 40)
            .run(
                """
                main:
                  resume a1
                a0: int 0x70
                a1: resume b1
                b0: int 0x71
                b1: resume c1
                c0: int 0x72
                c1: resume d1
                d0: int 0x73
                d1: resume e1
                e0: int 0x74
                e1: ret
                """)
            .expect("#GP(0) a0", "#GP(10) b0", "#GP(18) c0", "#NP(50) d0", "#GP(400) e0"),
        in64("the frame is aligned to 16 bytes", "SDM 3A 6.14.2")
            .show(STACK, SELECTORS)
            .run(
                """
                main:
                  mov rbp, rsp
                  mov rsp, STACK-0x105
                  hook 112, where
                  int 0x70
                after: mov rsp, rbp
                  ret
                where: obs rbx
                  ret
                """)
            .expect("int 70 after cs=8 ss=10 sp=11befb", "11bec8"),
        in64(
                "IST changes the stack in ring 0",
                "SDM 3A 6.14.5: SS stays without a change of privilege")
            .show(STACK, SELECTORS)
            .ist(0x70)
            .run(
                """
                main:
                  hook 112, where
                  int 0x70
                after: ret
                where: obs rbx
                  mov rax, ss
                  obs rax
                  ret
                """)
            .expect("int 70 after cs=8 ss=10 sp=11bff8", "11dfd8", "10"),
        in64("from ring 3 to the stack of the TSS", "SDM 3A 6.14.4: SS becomes null")
            .show(STACK, SELECTORS)
            .run(Snippets.TO_USER)
            .run(
                """
                user:
                  hook 112, where
                  int 0x70
                after: resume b1
                b0: int 0x50
                b1: int3
                c1: resume leave
                d0: hlt
                where: obs rbx
                  mov rax, ss
                  obs rax
                  ret
                """)
            .run(Snippets.FROM_USER)
            .expect(
                "int 70 after cs=33 ss=3b sp=122000",
                "11ffd8",
                "0",
                "#GP(282) b0 cs=33 ss=3b sp=122000",
                "#BP c1 cs=33 ss=3b sp=122000",
                "#GP(0) d0 cs=33 ss=3b sp=122000"),
        in64(
                "double fault: page fault while delivering a page fault",
                "SDM 3A 6.15 interrupt 8, table 6-5")
            .ist(8)
            .show(STACK)
            .run(
                """
                main:
                  mov rbp, rsp
                  mov rsp, W+0x3000
                  mov rax, W+0x88
                  hook 8, address
                  resume after
                load: mov rcx, [rax]
                after: mov rsp, rbp
                  ret
                address: mov rax, cr2
                  obs rax
                  ret
                """)
            .expect("#DF(0) load sp=40003000", "40002ff8"),
        in64("double fault: contributory exceptions", "SDM 3A table 6-5")
            .gate(13, 0x0e)
            .gate(14, 0x0e)
            .gate(0, 0x0e)
            .run(
                """
                main:
                  mov rax, W
                  mov ecx, 0
                  resume a1
                a0: mov rcx, [rax]
                a1: xor ecx, ecx
                  resume b1
                b0: div ecx
                b1: resume c1
                  mov eax, 0x2340
                c0: mov ds, ax
                c1: ret
                """)
            .expect("#DF(0) a0", "#DF(0) b0", "#DF(0) c0"),
        in64(
                "one after the other: benign exceptions",
                "SDM 3A table 6-5: handled serially, with EXT")
            .gate(6, 0x0e)
            .gate(3, 0x0e)
            .run(
                """
                main:
                  resume a1
                a0: ud2
                a1: resume b1
                b0: int3
                b1: ret
                """)
            .expect("#NP(33) a0", "#NP(1a) b0"),
        in64("triple fault", "SDM 3A 6.15 interrupt 8: shutdown")
            .gate(8, 0x0e)
            .gate(14, 0x0e)
            .run(
                """
                main:
                  obs rsp
                  call flush
                  mov rax, W
                  mov rcx, [rax]
                  ret
                """)
            .expect("11bff0", "shutdown"),
        in64("triple fault by an empty IDT", "SDM 3A 6.15 interrupt 8")
            .run(
                """
                main:
                  lidt [empty]
                  int3
                  ret
                empty: dw 0
                  dq 0
                """)
            .expect("shutdown"),
        in64("external interrupt", "SDM 3A 6.8.1: IF; 6.3.1")
            .show(FLAGS)
            .run(
                """
                main:
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  nop
                  push 0x202
                  popfq
                a0: nop
                  cli
                  mov dword [rbx+0xb0], 0
                  ret
                """)
            .expect("int 70 a0 flags=202"),
        in64("external interrupt through an absent gate", "SDM 3A 6.13: EXT")
            .gate(0x70, 0x0e)
            .run(
                """
                main:
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  push 0x202
                  popfq
                a0: nop
                  cli
                  ret
                """)
            .expect("#NP(383) a0"),
        in64("HLT ends with an interrupt", "SDM 2 HLT: the frame has the instruction after it")
            .run(
                """
                main:
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  sti
                  hlt
                after: cli
                  ret
                """)
            .expect("int 70 after"),
        in64("NMI is taken with IF clear, and blocks the next until IRET", "SDM 3A 6.7.1")
            .hideAddresses()
            .run(
                """
                main:
                  hook 2, handler
                  mov ebx, APIC
                  mov byte [again], 1
                  mov dword [rbx+0x300], 0x4400
                wait: cmp byte [last], 0
                  je wait
                  ret
                last: db 0
                handler:
                  mov eax, 0
                  cmp byte [again], 0
                  je done
                  mov byte [again], 0
                  mov eax, APIC
                  mov dword [rax+0x300], 0x4400
                  mov dword [rax+0x300], 0x4400
                  mov ecx, 20
                spin: loop spin
                  mov eax, 5
                  obs rax
                  ret
                done: obs rax
                  mov byte [last], 1
                  ret
                again: db 0
                """)
            .expect("NMI", "5", "NMI", "0"),
        in64("NMI on a stack of its own", "SDM 3A 6.7.1, 6.14.5")
            .hideAddresses()
            .ist(2)
            .run(
                """
                main:
                  hook 2, handler
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4400
                wait: cmp byte [last], 0
                  je wait
                  ret
                last: db 0
                handler:
                  obs rbx
                  mov byte [last], 1
                  ret
                """)
            .expect("NMI", "11dfd8"),
        in64("a second fault on the IST's stack overwrites the first frame", "SDM 3A 6.14.5")
            .ist(13, 14)
            .run(
                """
                main:
                  hook 14, inner
                  mov rax, W
                  resume a1
                a0: mov rcx, [rax]
                a1: ret
                inner: obs rbx
                  mov rax, [rbx]
                  mov [DATA], rax
                  mov [DATA+8], rsp
                  mov rsp, STACK-0x400
                  hook 14, 0
                  mov eax, 0x2340
                  resume b1
                b0: mov ds, ax
                b1: mov rax, [rbx]
                  sub rax, b1                 ; the frame is the second one's
                  obs rax
                  mov rax, [DATA]
                  mov [rbx], rax
                  mov qword [rbx+8], CODE64
                  pushfq
                  pop rax
                  mov [rbx+16], rax
                  mov rax, STACK-8
                  mov [rbx+24], rax
                  mov qword [rbx+32], DATA0
                  mov rsp, [DATA+8]
                  ret
                """)
            .expect("#PF(0) a0 cr2=40000000", "11dfd8", "#GP(2340) b0", "0"),
        in64("a stack of the TSS that is not canonical", "SDM 2 INT n, 64-bit mode: #SS(0)")
            .word(Layout.TSS + 0x24, 0x9000_0000_0000L)
            .ist(0x70)
            .run(
                """
                main:
                  resume a1
                a0: int 0x70
                a1: ret
                """)
            .expect("#SS(0) a0"),
        in64("a stack of the TSS that is absent", "SDM 3A 6.15 interrupt 14; 2 INT n")
            .word(Layout.TSS + 0x24, Layout.WINDOW + 0x1000)
            .ist(0x70)
            .run(
                """
                main:
                  resume a1
                a0: int 0x70
                a1: ret
                """)
            .expect("#PF(2) a0 cr2=40000ff8"),
        in64("an IRET in an NMI handler unblocks NMIs", "SDM 3A 6.7.1: until the next IRET")
            .hideAddresses()
            .run(
                """
                main:
                  hook 2, handler
                  mov ebx, APIC
                  mov byte [again], 1
                  mov dword [rbx+0x300], 0x4400
                wait: cmp byte [last], 0
                  je wait
                  ret
                last: db 0
                handler:
                  cmp byte [again], 0
                  je done
                  mov byte [again], 0
                  mov eax, APIC
                  mov dword [rax+0x300], 0x4400
                  mov ecx, 20
                spin: loop spin
                  obs 1
                  int3
                inside: obs 2
                  mov byte [last], 1
                done: ret
                again: db 0
                """)
            .expect("NMI", "1", "#BP", "NMI", "2"),
        in64("IRETQ checks", "SDM 2 IRET, 64-bit mode exceptions")
            .run(
                """
                main:
                  mov rbp, rsp
                  mov rdi, DATA0
                  mov rsi, CODE64
                  mov rdx, 2
                  resume a1
                  mov rsi, 0
                  call frame
                a1: mov rsp, rbp
                  resume b1
                  mov rsi, DATA0
                  call frame
                b1: mov rsp, rbp
                  resume c1
                  mov rsi, CODE64
                  mov rdi, CODE64
                  call frame
                c1: mov rsp, rbp
                  resume d1
                  mov rsi, CODE64_USER
                  mov rdi, 0
                  call frame
                d1: mov rsp, rbp
                  resume e1
                  mov rsi, CODE64_USER
                  mov rdi, DATA0
                  call frame
                e1: mov rsp, rbp
                  resume f1
                  mov rsi, CODE64
                  mov rdi, 1
                  call frame
                f1: mov rsp, rbp
                  push 0x4002
                  popfq
                  resume g1
                g0: iretq
                g1: push 2
                  popfq
                  mov rsi, CODE64
                  mov rdi, 0
                  call frame
                  mov rsp, rbp
                  mov rax, ss
                  obs rax
                  mov eax, DATA0
                  mov ss, ax
                  ret
                frame:
                  pop rax
                  push rdi
                  push rbp
                  push rdx
                  push rsi
                  push rax
                return: iretq
                """)
            .expect(
                "#GP(0) return",
                "#GP(10) return",
                "#GP(8) return",
                "#GP(0) return",
                "#GP(10) return",
                "#GP(0) return",
                "#GP(0) g0",
                "0"));
  }
}
