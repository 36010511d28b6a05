package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in32;

import java.util.List;

/** Hardware task switches (Intel SDM vol. 3A chapter 8). */
final class TaskCases {
  private static final long TSS = ProtectedCases.segment(Layout.DATA, 0x67, 0x89);
  private static final long TSS16 = ProtectedCases.segment(Layout.DATA, 0x2b, 0x81);

  /** A task at DATA that begins at {@code task}. */
  private static final String NEW_TASK =
      """
      main:
        mov dword [DATA+0x20], task
        mov dword [DATA+0x24], 2
        mov dword [DATA+0x28], 0x1111
        mov dword [DATA+0x34], 0x4444
        mov dword [DATA+0x38], RING0_STACK
        mov dword [DATA+0x48], DATA0
        mov dword [DATA+0x4c], CODE32
        mov dword [DATA+0x50], DATA0
        mov dword [DATA+0x54], DATA0
      """;

  private TaskCases() {}

  static List<SystemCase> all() {
    return List.of(
        in32("JMP to a task and back", "SDM 3A 8.3, table 8-2: busy flags, TS, no link")
            .word(Layout.GDT + 0x50, TSS)
            .run(NEW_TASK)
            .run(
                """
                  mov ebx, 0x5555
                  mov edi, 0x7777
                  jmp 0x50:0
                after:
                  obs ebx
                  obs edi
                  mov eax, cr0
                  and eax, 8
                  obs eax
                  mov eax, [GDT+0x24]
                  obs eax
                  mov eax, [GDT+0x54]
                  obs eax
                  str eax
                  obs eax
                  clts
                  ret
                task:
                  obs eax
                  obs ebx
                  obs esp
                  mov eax, [GDT+0x24]
                  obs eax
                  mov eax, [GDT+0x54]
                  obs eax
                  mov eax, [TSS+0x20]
                  sub eax, after
                  obs eax
                  mov eax, [TSS+0x44]
                  obs eax
                  mov eax, [DATA]
                  obs eax
                  str eax
                  obs eax
                  pushfd
                  pop eax
                  obs eax
                  jmp TASK:0
                """)
            .expect(
                "1111", "4444", "11fffc", "8910", "8b14", "0", "7777", "0", "50", "46", "5555",
                "7777", "8", "8b10", "8914", "20"),
        in32("CALL to a task and IRET", "SDM 3A 8.4: NT and the link")
            .word(Layout.GDT + 0x50, TSS)
            .run(NEW_TASK)
            .run(
                """
                  push 2
                  popfd
                  call 0x50:0
                after:
                  mov eax, [GDT+0x54]
                  obs eax
                  pushfd
                  pop eax
                  obs eax
                  mov eax, [DATA+0x20]
                  sub eax, end
                  obs eax
                  clts
                  ret
                task:
                  mov eax, [GDT+0x24]
                  obs eax
                  mov eax, [DATA]
                  obs eax
                  pushfd
                  pop eax
                  obs eax
                  mov eax, [TSS+0x24]
                  obs eax
                  iretd
                end: nop
                """)
            .expect("8b10", "20", "4002", "2", "8914", "2", "0"),
        in32(
                "an exception through a task gate",
                "SDM 3A 6.12.2, 6.14: the error code goes onto the new stack")
            .word(Layout.GDT + 0x50, TSS)
            .word(Layout.IDT + 8 * 13, 0x0000_8500_0050_0000L)
            .run(NEW_TASK)
            .run(
                """
                  mov eax, 0x1f0
                a0: mov es, ax
                a1: obs ecx
                  mov eax, 0x1e8
                b0: mov es, ax
                b1: obs ecx
                  clts
                  ret
                task:
                  pop edx
                  obs edx
                  mov eax, [TSS+0x20]
                  sub eax, a0
                  obs eax
                  mov eax, [TSS+0x24]
                  and eax, 0x10000
                  obs eax
                  mov eax, a1
                  cmp dword [TSS+0x20], a0
                  je first
                  mov eax, b1
                first: mov [TSS+0x20], eax
                  mov dword [TSS+0x2c], 9
                  iretd
                  jmp task
                """)
            .expect("1f0", "0", "10000", "9", "1e8", "10", "10000", "9"),
        in32(
                "tasks that cannot be switched to",
                "SDM 3A table 8-1, 2 JMP: #GP, #NP, #TS in the old task")
            .word(Layout.GDT + 0x50, ProtectedCases.segment(Layout.DATA, 0x66, 0x89))
            .word(Layout.GDT + 0x58, ProtectedCases.segment(Layout.DATA, 0x67, 0x09))
            .word(Layout.GDT + 0x60, ProtectedCases.segment(Layout.DATA, 0x67, 0x8b))
            .word(Layout.GDT + 0x68, 0x0000_8500_0010_0000L)
            .word(Layout.GDT + 0x70, 0x0000_8500_0054_0000L)
            .word(Layout.GDT + 0x78, 0x0000_0500_0050_0000L)
            .run(
                """
                main:
                  resume a1
                a0: jmp 0x50:0
                a1: resume b1
                b0: jmp 0x58:0
                b1: resume c1
                c0: call 0x60:0
                c1: resume d1
                d0: jmp 0x68:0
                d1: resume e1
                e0: jmp 0x70:0
                e1: resume f1
                f0: jmp 0x78:0
                f1: resume g1
                g0: jmp TASK:0
                g1: push 0x4002
                  popfd
                  mov dword [TSS], 0x50
                  resume h1
                h0: iretd
                h1: push 2
                  popfd
                  str eax
                  obs eax
                  ret
                """)
            .expect(
                "#TS(50) a0",
                "#NP(58) b0",
                "#GP(60) c0",
                "#GP(10) d0",
                "#GP(54) e0",
                "#NP(78) f0",
                "#GP(20) g0",
                "#TS(50) h0",
                "20"),
        in32("faults in the new task", "SDM 3A table 8-1: #TS and #NP at its first instruction")
            .word(Layout.GDT + 0x50, TSS)
            .word(Layout.GDT + 0x58, ProtectedCases.segment(0, 0xfffff, 0x4013))
            .run(NEW_TASK)
            .run(
                """
                  mov dword [DATA+0x58], 0x1f0    ; FS
                  jmp 0x50:0
                after:
                  clts
                  ret
                task:
                  str eax
                  obs eax
                  jmp TASK:0
                """)
            .expect("#TS(1f0) task", "50"),
        in32("the trap bit of a TSS", "SDM 3A 8.2.1, 3B 18.3.1.5: BT")
            .word(Layout.GDT + 0x50, TSS)
            .run(NEW_TASK)
            .run(
                """
                  mov dword [DATA+0x64], 1
                  mov eax, 0x755
                  mov dr7, eax
                  jmp 0x50:0
                after:
                  mov eax, dr7
                  obs eax
                  mov eax, 0x400
                  mov dr7, eax
                  clts
                  ret
                task:
                  mov eax, dr6
                  obs eax
                  xor eax, eax
                  mov dr6, eax
                  jmp TASK:0
                """)
            .expect("#DB task", "ffff8ff0", "600"),
        in32("a 16-bit TSS", "SDM 3A 8.6")
            .word(Layout.GDT + 0x50, TSS16)
            .run(
                """
                main:
                  mov dword [DATA+0xe], task-MAIN
                  mov word [DATA+0x10], 2
                  mov word [DATA+0x12], 0xaaaa
                  mov word [DATA+0x1a], 0x1000
                  mov word [DATA+0x22], DATA0
                  mov word [DATA+0x24], 0x58
                  mov word [DATA+0x26], DATA0
                  mov word [DATA+0x28], DATA0
                  mov word [DATA+0x2a], 0
                  mov ebx, 0x12345678
                  call 0x50:0
                after:
                  obs ebx
                  mov eax, [TSS+0x20]
                  sub eax, after
                  obs eax
                  clts
                  ret
                task:
                  mov [DATA+0x100], esp
                  mov [DATA+0x104], eax
                  mov esp, RING0_STACK
                  mov ecx, [DATA+0x100]
                  movzx ecx, cx
                  obs ecx
                  mov ecx, [DATA+0x104]
                  movzx ecx, cx
                  obs ecx
                  movzx ecx, word [DATA]
                  obs ecx
                  iretd
                """)
            .word(Layout.GDT + 0x58, ProtectedCases.segment(Layout.MAIN, 0xfffff, 0xc09b))
            .expect("1000", "aaaa", "20", "12345678", "0"));
  }
}
