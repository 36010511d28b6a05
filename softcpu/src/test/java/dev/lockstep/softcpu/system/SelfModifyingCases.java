package dev.lockstep.softcpu.system;

import static dev.lockstep.softcpu.system.SystemCase.in64;

import java.util.List;

/** Code that changes: by a store close by or far away, through another mapping, by DMA, by the page walker (Intel SDM vol. 3A 12.6, 13.8.3). */
final class SelfModifyingCases {
  private static final long PW = 3;
  private static final String SELF =
      "SDM 3A 12.6: a write to the code segment takes effect for the instructions after it";

  private SelfModifyingCases() {}

  static List<SystemCase> all() {
    return List.of(
        in64("the next instruction", SELF)
            .run(
                """
                main:
                  mov eax, 1
                  mov byte [a0+1], 7
                a0: mov eax, 2
                  obs rax
                  mov byte [b0], 0x90
                b0: hlt
                  obs rax
                  ret
                """)
            .expect("7", "7"),
        in64("further on in the same block", SELF)
            .run(
                """
                main:
                  mov ecx, 5
                  mov byte [a0+1], 8
                  add ecx, ecx
                  nop
                  add ecx, 1
                a0: mov eax, 2
                  add eax, ecx
                  obs rax
                  ret
                """)
            .expect("13"),
        in64("a loop that changes itself", SELF)
            .run(
                """
                main:
                  mov ecx, 4
                  xor eax, eax
                again:
                a0: add eax, 1
                  inc byte [a0+2]
                  dec ecx
                  jne again
                  obs rax
                  ret
                """)
            .expect("a"),
        in64("an instruction that overwrites itself", "SDM 3A 12.6: it completes as it was fetched")
            .run(
                """
                main:
                  mov ecx, 3
                again:
                a0: mov dword [a0+7], 0x11223344
                  mov eax, [a0+7]
                  obs rax
                  mov byte [a0+6], 0
                  dec ecx
                  cmp ecx, 3
                  jae again
                  ret
                """)
            .expect("11223344"),
        in64("a read-modify-write of code", SELF)
            .run(
                """
                main:
                  mov edx, 6
                  lock add [a0+1], dl
                a0: mov eax, 2
                  obs rax
                  xor byte [b0], 0x0f        ; 90 to 9f: LAHF
                  mov eax, 0
                  cmp eax, eax
                b0: nop
                  obs rax
                  ret
                """)
            .expect("8", "4600"),
        in64("an instruction across two pages", SELF)
            .map(0, 0, PW)
            .map(1, 1, PW)
            .run(
                """
                main:
                  mov dword [FRAMES+0xffd], 0x00000bb8  ; mov eax, 0xb
                  mov dword [FRAMES+0x1001], 0xc300
                  mov dword [FRAMES+0x1002], 0xc3
                  mov rdx, W+0xffd
                  call rdx
                  obs rax
                  mov byte [W+0x1001], 2
                  call rdx
                  obs rax
                  mov byte [FRAMES+0xffe], 0x0c
                  call rdx
                  obs rax
                  mov byte [FRAMES+0x2001], 3
                  mov dword [FRAMES+0x2002], 0xc3
                  mov qword [PT+8], FRAMES+0x2003
                  invlpg [W+0x1000]
                  call rdx
                  obs rax
                  ret
                """)
            .expect("b", "200000b", "200000c", "300000c"),
        in64("an instruction across two pages, second absent", "SDM 3A 4.7: CR2 is the second page")
            .map(0, 0, PW)
            .run(
                """
                main:
                  hook 14, mapIt
                  mov dword [FRAMES+0xffd], 0x00000bb8
                  mov dword [FRAMES+0x1000], 0xc30100
                  mov rdx, W+0xffd
                  call rdx
                  obs rax
                  ret
                mapIt: mov qword [PT+8], FRAMES+0x1003
                  ret
                """)
            .expect("#PF(10) 40000ffd cr2=40001000", "100000b"),
        in64("a store into the page that runs, beside the code", SELF)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rdi, W
                  mov rsi, code
                  mov ecx, end-code
                  rep movsb
                  mov rdx, W
                  call rdx
                  obs rax
                  ret
                code:
                  mov ecx, 300
                  xor eax, eax
                again: add eax, [rdx+0x100]
                  inc dword [rdx+0x100]
                  dec ecx
                  jne short again
                  ret
                end:
                """)
            .expect("af32"),
        in64("a long block, far from its beginning", SELF)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rdi, W
                  mov al, 0x90
                  mov ecx, 0x90
                  rep stosb                   ; NOPs
                  mov dword [W+0x40], 0xff3d8d48  ; LEA RDI, [RIP-1]
                  mov dword [W+0x44], 0x90ffffff
                  mov dword [W+0x7e], 0x0001b890  ; MOV EAX, 1 from 0x7f on
                  mov dword [W+0x82], 0xc30000
                  mov rdx, W
                  call rdx
                  obs rax
                  mov byte [W+0x80], 2
                  call rdx
                  obs rax
                  mov dword [W+0x3d], 0x04c0c748  ; across 64 bytes: MOV RAX, 4
                  mov dword [W+0x41], 0xc3000000
                  call rdx
                  obs rax
                  ret
                """)
            .expect("1", "2", "4"),
        in64("a page that was written before it had code", SELF)
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rdx, W
                  mov dword [rdx+8], 7
                  mov dword [rdx], 0xc301b0    ; MOV AL, 1; RET
                  xor eax, eax
                  call rdx
                  obs rax
                  mov byte [rdx+1], 2
                  call rdx
                  obs rax
                  mov dword [rdx+8], 8
                  mov byte [rdx+1], 3
                  call rdx
                  obs rax
                  ret
                """)
            .expect("1", "2", "3"),
        in64("through an alias", SELF)
            .map(0, 0, PW)
            .map(1, 0, PW)
            .run(
                """
                main:
                  mov rdi, W
                  mov rsi, code
                  mov ecx, end-code
                  rep movsb
                  mov rdx, W
                  mov rbx, W+0x1000
                  call rdx
                  obs rax
                  mov byte [FRAMES+1], 0x55
                  call rdx
                  obs rax
                  ret
                code:
                  mov eax, 1
                  mov byte [rbx+1], 0x33
                  mov byte [rbx+20], 0x44
                  mov ah, 2
                  ret
                end:
                """)
            .expect("4401", "4455"),
        in64("by REP MOVSB, over what comes next", SELF)
            .run(
                """
                main:
                  mov rdi, a0
                  mov rsi, new
                  mov ecx, 5
                  rep movsb
                a0: mov eax, 1
                  obs rax
                  mov rdi, b0
                  mov ecx, 4
                  mov eax, 0x90909090
                  stosd
                b0: hlt
                  hlt
                  hlt
                  hlt
                  obs rcx
                  ret
                new: mov eax, 0x99
                """)
            .expect("99", "4"),
        in64("by a push", SELF)
            .run(
                """
                main:
                  mov rbp, rsp
                  mov rsp, a0+8
                  mov rax, 0x90909090c0ff9090
                  push rax
                  mov rsp, rbp
                  xor eax, eax
                  jmp a0
                align 16
                a0: hlt
                  hlt
                  hlt
                  hlt
                  hlt
                  hlt
                  hlt
                  hlt
                  obs rax
                  ret
                """)
            .expect("1"),
        in64("by DMA", "SDM 3A 12.6: other agents' writes, seen after a serialising instruction")
            .run(
                """
                main:
                  mov rdx, code
                  call rdx
                  mov rbx, command
                  mov eax, code
                  db 0x0f, 0xc8              ; BSWAP EAX: the command is big-endian
                  mov [rbx+12], eax
                  mov dx, 0x514
                  xor eax, eax
                  out dx, eax
                  mov dx, 0x518
                  mov eax, command
                  db 0x0f, 0xc8
                  out dx, eax
                wait: mov eax, [rbx]
                  test eax, eax
                  jne wait
                  mov rdx, code
                  mov rcx, 0x11
                  mov r13, 0x22
                  call rdx
                  obs rcx
                  obs r13
                  ret
                align 16
                code: nop                  ; becomes PUSH RCX, PUSH R13 (51 45 4d 55)
                  nop
                  nop
                  nop
                  cmp rsp, STACK-24
                  jae short leave
                  pop rcx
                  pop r13
                leave: ret
                align 16
                command: db 0, 0, 0, 0x0a    ; select item 0, read; big-endian
                  db 0, 0, 0, 4
                  dd 0
                  db 0, 0, 0, 0
                """)
            .expect("22", "11"),
        in64("by the page walker", "SDM 3A 4.8: A is set in memory, wherever the entry lies")
            .map(8, 0, PW)
            .run(
                """
                main:
                  mov qword [PT+72], 0xc3      ; the entry after: RET, and not used
                  mov rax, DATA
                  mov dword [rax], 0x0ff0
                  mov ecx, 0
                  mov rdx, PT+64
                  mov rdi, W+0x8000
                  mov eax, 3
                  mov rbx, DATA
                  push rbx
                  pop rax
                  mov byte [DATA], 0
                  call rdx                     ; 03 00: ADD EAX, [RAX]; 20 00: AND [RAX], AL; 00 00 ...
                  obs rax
                  mov rax, DATA
                  mov dword [rax], -1
                  mov cl, [rdi]                ; 03 becomes 23: AND EAX, [RAX]
                  call rdx
                  obs rax
                  obs [PT+64]
                  ret
                """)
            .expect("140f00", "140000", "200023"),
        in64("new code behind the same address", "SDM 3A 4.10.4: after INVLPG")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov dword [FRAMES], 0xc301b0
                  mov dword [FRAMES+0x1000], 0xc302b0
                  mov rdx, W
                  xor eax, eax
                  call rdx
                  obs rax
                  mov qword [PT], FRAMES+0x1003
                  invlpg [rdx]
                  call rdx
                  obs rax
                  mov qword [PT], FRAMES+3
                  mov rax, cr3
                  mov cr3, rax
                  xor eax, eax
                  call rdx
                  obs rax
                  ret
                """)
            .expect("1", "2", "1"));
  }
}
