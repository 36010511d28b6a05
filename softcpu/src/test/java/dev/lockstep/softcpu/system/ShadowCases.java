package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** What STI and loads of SS hold back, and single steps (Intel SDM vol. 3A 6.8, vol. 3B chapter 18). */
final class ShadowCases {
  private ShadowCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("STI holds interrupts back for one instruction", "SDM 2 STI")
            .run(
                """
                main:
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  sti
                a0: nop
                a1: nop
                  cli
                  ret
                """)
            .expect("int 70 a1"),
        in64("STI and CLI let nothing through", "SDM 2 STI")
            .run(
                """
                main:
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  sti
                  cli
                  nop
                  sti
                  nop
                a1: cli
                  ret
                """)
            .expect("int 70 a1"),
        in64("STI with IF set holds nothing back", "SDM 2 STI: only where IF was clear")
            .run(
                """
                main:
                  hook 112, more
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  sti
                  nop
                a0: sti
                a1: nop
                  cli
                  ret
                more:
                  cmp byte [sent], 0
                  jne done
                  mov byte [sent], 1
                  mov eax, APIC
                  mov dword [rax+0xb0], 0
                  mov dword [rax+0x300], 0x4071
                  mov qword [rbx], a0
                done: ret
                sent: db 0
                """)
            .expect("int 70 a0", "int 71 a0"),
        in64("a fault behind STI goes before the interrupt", "SDM 2 STI; 3A table 6-2")
            .run(
                """
                main:
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  resume a1
                  sti
                a0: ud2
                a1: nop
                  cli
                  ret
                """)
            .expect("#UD a0", "int 70 a1"),
        in64(
                "a load of SS behind STI",
                "SDM 2 MOV, STI: of a sequence only the first is sure to hold interrupts back; ours both do")
            .run(
                """
                main:
                  mov ecx, ss
                  mov ebx, APIC
                  mov dword [rbx+0x300], 0x4070
                  sti
                a0: mov ss, cx
                a1: nop
                a2: nop
                  cli
                  ret
                """)
            .expect("int 70 a2"),
        in64("MOV SS holds a data breakpoint back", "SDM 3A 6.8.3")
            .run(
                """
                main:
                  hook 1, status
                  mov rax, DATA
                  mov word [rax], DATA0
                  mov dr0, rax
                  mov ecx, 0x70401
                  mov dr7, rcx
                a0: mov ss, [rax]
                a1: nop
                a2: nop
                  mov ecx, 0x400
                  mov dr7, rcx
                  ret
                status: mov rax, dr6
                  obs rax
                  mov eax, 0
                  mov dr6, rax
                  ret
                """)
            .expect("#DB a2", "ffff0ff1"),
        in64("single step", "SDM 3B 18.3.1.4: BS, after the instruction")
            .run(
                """
                main:
                  hook 1, status
                  push 0x102
                  popfq
                a0: nop
                a1: xor eax, eax
                a2: push 2
                a3: popfq
                a4: nop
                  ret
                status: mov rax, dr6
                  obs rax
                  mov eax, 0
                  mov dr6, rax
                  ret
                """)
            .expect(
                "#DB a1",
                "ffff4ff0",
                "#DB a2",
                "ffff4ff0",
                "#DB a3",
                "ffff4ff0",
                "#DB a4",
                "ffff4ff0"),
        in64("MOV SS holds the single step back", "SDM 3A 6.8.3")
            .run(
                """
                main:
                  mov ecx, ss
                  push 0x102
                  popfq
                a0: nop
                a1: mov ss, cx
                a2: nop
                a3: nop
                a4: push 2
                a5: popfq
                a6: ret
                """)
            .expect("#DB a1", "#DB a3", "#DB a4", "#DB a5", "#DB a6"),
        in64(
                "single step over INT n and IRET",
                "SDM 3A 6.12.1.3: TF is cleared before the handler's first instruction")
            .run(
                """
                main:
                  push 0x102
                  popfq
                a0: int 0x70
                a1: nop
                a2: push 2
                a3: popfq
                a4: ret
                """)
            .expect("int 70 a1", "#DB a2", "#DB a3", "#DB a4"),
        in64("single step of a repeated instruction", "SDM 3B 18.3.1.4: after each iteration")
            .show(SystemCase.Show.FLAGS)
            .run(
                """
                main:
                  hook 1, count
                  mov rdi, DATA
                  mov ecx, 3
                  push 0x102
                  popfq
                a0: rep stosb
                a1: push 2
                a2: popfq
                a3: ret
                count: mov rax, [rsp+8]   ; RCX as the handler saved it
                  obs rax
                  ret
                """)
            .expect(
                "#DB a0 flags=10102",
                "2",
                "#DB a0 flags=10102",
                "1",
                "#DB a1 flags=102",
                "0",
                "#DB a2 flags=102",
                "0",
                "#DB a3 flags=2",
                "0"),
        in64("instruction breakpoint", "SDM 3B 18.3.1.1: a fault, which leaves RF as it is")
            .show(SystemCase.Show.FLAGS)
            .run(
                """
                main:
                  hook 1, once
                  mov rax, a1
                  mov dr0, rax
                  mov rax, 0x401
                  mov dr7, rax
                a0: nop
                a1: nop
                a2: mov eax, 0x400
                  mov dr7, rax
                  mov rax, dr6
                  obs rax
                  mov eax, 0
                  mov dr6, rax
                  ret
                once:
                  inc dword [times]
                  cmp dword [times], 3
                  jne done
                  or dword [rbx+16], 0x10000    ; RF: this time it goes on
                done: ret
                times: dd 0
                """)
            .expect("#DB a1 flags=2", "#DB a1 flags=2", "#DB a1 flags=2", "ffff0ff1"),
        in64("data breakpoints", "SDM 3B 18.2.4, 18.3.1.2: a trap after the access")
            .run(
                """
                main:
                  hook 1, status
                  mov rax, DATA+8
                  mov dr1, rax
                  mov dr3, rax
                  mov rax, 0x30d00488
                  mov dr7, rax
                  mov rcx, DATA
                  mov byte [rcx+7], 1
                  mov byte [rcx+12], 1
                a0: mov dword [rcx+5], 1
                a1: mov edx, [rcx+8]
                a2: mov dl, [rcx+9]
                a3: add byte [rcx+11], 1
                a4: mov eax, 0x400
                  mov dr7, rax
                  ret
                status: mov rax, dr6
                  obs rax
                  mov eax, 0
                  mov dr6, rax
                  ret
                """)
            .expect("#DB a1", "ffff0ffa", "#DB a2", "ffff0ff8", "#DB a4", "ffff0ff2"),
        in64("port breakpoint", "SDM 3B 18.2.4: R/W 10 with CR4.DE")
            .run(
                """
                main:
                  hook 1, status
                  mov eax, 0x80
                  mov dr2, rax
                  mov rax, 0x02000420
                  mov dr7, rax
                  mov dx, 0x80
                a0: out dx, al
                a1: in al, dx
                a2: mov dx, 0x81
                  out dx, al
                  mov eax, 0x400
                  mov dr7, rax
                  ret
                status: mov rax, dr6
                  obs rax
                  mov eax, 0
                  mov dr6, rax
                  ret
                """)
            .expect("#DB a1", "ffff0ff4", "#DB a2", "ffff0ff4"),
        in64("general detect", "SDM 3B 18.2.4: GD, cleared on the way to the handler; BD")
            .run(
                """
                main:
                  hook 1, status
                  mov eax, 0x2400
                  mov dr7, rax
                  resume a1
                a0: mov rcx, dr0
                a1: mov rcx, dr7
                  obs rcx
                  ret
                status: mov rax, dr6
                  obs rax
                  mov eax, 0
                  mov dr6, rax
                  ret
                """)
            .expect("#DB a0", "ffff2ff0", "400"),
        in64(
                "debug registers that are not there",
                "SDM 3B 18.2.2: #UD with CR4.DE; upper halves #GP")
            .run(
                """
                main:
                  resume a1
                a0: mov rcx, dr4
                a1: resume b1
                b0: mov dr5, rcx
                b1: mov rcx, 0x100000000
                  resume c1
                c0: mov dr6, rcx
                c1: resume d1
                d0: mov dr7, rcx
                d1: mov rcx, cr4
                  mov rdx, rcx
                  and rcx, -9
                  mov cr4, rcx
                  mov rcx, dr4
                  obs rcx
                  mov rcx, dr5
                  obs rcx
                  mov cr4, rdx
                  ret
                """)
            .expect("#UD a0", "#UD b0", "#GP(0) c0", "#GP(0) d0", "ffff0ff0", "400"),
        in64("INT1", "SDM 2 INT n: #DB, without the check of the gate's DPL")
            .run(Snippets.TO_USER)
            .run(
                """
                user: int1
                after: resume leave
                b0: int 1
                """)
            .run(Snippets.FROM_USER)
            .expect("#DB after", "#GP(a) b0"));
  }
}
