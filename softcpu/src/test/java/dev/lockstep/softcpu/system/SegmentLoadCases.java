package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in32;
import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Loads of segment registers from the stack and with far pointers (Intel SDM vol. 2, POP and LDS/LES/LFS/LGS/LSS), and stores of the tables' registers. */
final class SegmentLoadCases {
  /** A data segment whose offset 0 is DATA. */
  private static final long AT_DATA = ProtectedCases.segment(Layout.DATA, 0xffff, 0x4093);

  private SegmentLoadCases() {}

  static List<SystemCase> all() {
    return List.of(
        in32("far pointers", "SDM 2 LDS/LES/LFS/LGS/LSS")
            .word(Layout.GDT + 0x50, AT_DATA)
            .word(Layout.DATA, 0x1122_3344L)
            .word(Layout.DATA + 8, 0x0050_ffff_fffcL)
            .word(Layout.DATA + 16, 0x0050_0004L)
            .word(Layout.DATA + 24, 0x01f0_1234_5678L)
            .run(
                """
                main:
                  les ecx, [DATA+8]
                  mov eax, es:[ecx+4]
                  obs eax
                  lfs ecx, [DATA+8]
                  mov eax, fs:[ecx+4]
                  obs eax
                  mov ecx, 0x77770000
                  lgs cx, [DATA+16]           ; 16 bits leave the upper half
                  obs ecx
                  mov eax, gs:[0]
                  obs eax
                  lds edx, [DATA+8]
                  mov edx, [edx+4]
                  mov eax, DATA0
                  mov ds, ax
                  mov es, ax
                  obs edx
                  mov ecx, 0x55
                  resume a1
                a0: lfs ecx, [DATA+24]        ; past the table: neither register changes
                a1: obs ecx
                  mov eax, fs:[0]
                  obs eax
                  mov word [DATA+28], 0
                  resume b1
                b0: lss esp, [DATA+24]        ; null
                b1: mov [DATA+24], esp
                  mov word [DATA+28], DATA0
                  sub dword [DATA+24], 8
                  mov ebx, esp
                  lss esp, [DATA+24]
                  sub ebx, esp
                  add esp, 8
                  obs ebx
                  mov eax, ss
                  obs eax
                  lgs ecx, [DATA+40]          ; null is allowed
                  mov eax, gs
                  obs eax
                  ret
                """)
            .expect(
                "11223344",
                "11223344",
                "77770004",
                "11223344",
                "11223344",
                "#GP(1f0) a0",
                "55",
                "11223344",
                "#GP(0) b0",
                "8",
                "10",
                "0"),
        in32("POP of segment registers", "SDM 2 POP")
            .word(Layout.GDT + 0x50, AT_DATA)
            .word(Layout.DATA, 0x1122_3344L)
            .run(
                """
                main:
                  push dword 0x50
                  pop es
                  mov eax, es:[0]
                  obs eax
                  push dword 0x50
                  pop fs
                  mov eax, fs:[0]
                  obs eax
                  push dword 0x50
                  pop gs
                  mov eax, gs:[0]
                  obs eax
                  push dword DATA0
                  push dword 0x50
                  pop ds
                  mov edx, [0]
                  pop ds
                  obs edx
                  push ss
                  pop ss
                  push ds
                  pop es
                  mov eax, es
                  obs eax
                  mov ebx, esp
                  push dword 0x1f0
                  resume a1
                a0: pop fs                    ; past the table: the stack pointer stays
                a1: sub ebx, esp
                  obs ebx
                  pop eax
                  push dword 0
                  resume b1
                b0: pop ss                    ; null
                b1: pop eax
                  mov ebx, esp
                  mov ax, 0x50
                  push ax
                  db 0x66                     ; 16 bits
                  pop gs
                  sub ebx, esp
                  obs ebx
                  mov eax, gs
                  obs eax
                  sidt [DATA+32]
                  movzx eax, word [DATA+32]
                  obs eax
                  mov eax, [DATA+34]
                  sub eax, IDT
                  obs eax
                  sgdt [DATA+32]
                  movzx eax, word [DATA+32]
                  obs eax
                  mov eax, [DATA+34]
                  sub eax, GDT
                  obs eax
                  invd
                  wbinvd
                  ret
                """)
            .expect(
                "11223344",
                "11223344",
                "11223344",
                "11223344",
                "10",
                "#GP(1f0) a0",
                "4",
                "#GP(0) b0",
                "0",
                "50",
                "7ff",
                "0",
                "1ff",
                "0"),
        in64("FS, GS and SS with far pointers and from the stack", "SDM 2 LFS, LGS, LSS, POP")
            .word(Layout.GDT + 0x50, AT_DATA)
            .word(Layout.DATA, 0x1122_3344L)
            .word(Layout.DATA + 8, 0x0050_0000_0000L)
            .word(Layout.DATA + 16, 0x01f0_0000_0000L)
            .run(
                """
                main:
                  lfs ecx, [DATA+8]
                  mov eax, fs:[rcx]
                  obs rax
                  lgs ecx, [DATA+8]
                  mov eax, gs:[rcx]
                  obs rax
                  mov rcx, 0x5555555555
                  resume a1
                a0: lgs ecx, [DATA+16]
                a1: obs rcx
                  mov rbx, rsp
                  push 0
                  pop fs
                  push 0x50
                  pop gs
                  sub rbx, rsp
                  obs rbx
                  mov eax, fs
                  obs rax
                  mov eax, gs:[0]
                  obs rax
                  push 0x1f0
                  resume b1
                b0: pop gs
                b1: pop rax
                  obs rax
                  mov rbx, rsp
                  mov [DATA+16], esp
                  mov word [DATA+20], DATA0
                  lss esp, [DATA+16]
                  sub rbx, rsp
                  obs rbx
                  sidt [DATA+32]
                  movzx eax, word [DATA+32]
                  obs rax
                  mov rax, [DATA+34]
                  sub rax, IDT
                  obs rax
                  invd
                  ret
                """)
            .expect(
                "11223344",
                "11223344",
                "#GP(1f0) a0",
                "5555555555",
                "0",
                "0",
                "11223344",
                "#GP(1f0) b0",
                "1f0",
                "0",
                "fff",
                "0"));
  }
}
