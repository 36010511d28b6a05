; What every case in 64-bit mode runs on: entry from 32-bit protected mode, exception log, end.
bits 32
entry:
  cli
  mov esp, STACK
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  lgdt [gdtr]
  mov eax, 0x6a8            ; OSXMMEXCPT OSFXSR PGE PAE DE
  mov cr4, eax
  mov eax, TABLES
  mov cr3, eax
  mov ecx, 0xc0000080
  mov eax, 0x901            ; NXE LME SCE
  xor edx, edx
  wrmsr
  mov eax, 0x80010033       ; PG WP NE ET MP PE
  mov cr0, eax
  jmp CODE64:long
bits 64
long:
  mov eax, DATA0
  mov ds, ax
  mov es, ax
  mov ss, ax
  xor eax, eax
  mov fs, ax
  mov gs, ax
  lidt [idtr]
  mov eax, TASK
  ltr ax
  mov rsp, STACK
  mov ebx, 0xfee000f0       ; the local APIC takes interrupts
  mov dword [rbx], 0x1ff
  push 2
  popfq
  mov rax, MAIN
  call rax
finish:
  call flush
  mov al, 0
  out 0xf4, al
  hlt
  jmp finish

; Sends the log to the host.
flush:
  cld
  mov rsi, LOG
  mov rcx, [rsi]
  shl rcx, 6
  add rcx, 64
  mov dx, 0xe9
  rep outsb
  ret

; Logs RAX, changes nothing.
observe:
  pushfq
  push rbx
  push rcx
  mov rbx, LOG
  mov rcx, [rbx]
  inc qword [rbx]
  shl rcx, 6
  mov qword [rbx+rcx+64], 0x100
  mov [rbx+rcx+72], rax
  pop rcx
  pop rbx
  popfq
  ret

; Stack: RCX RBX RAX vector error RIP CS RFLAGS RSP SS
common:
  push rax
  push rbx
  push rcx
  mov rbx, LOG
  mov rax, [rbx]
  inc qword [rbx]
  shl rax, 6
  lea rbx, [rbx+rax+64]
  mov rax, [rsp+24]
  mov [rbx], rax
  mov rax, [rsp+32]
  mov [rbx+8], rax
  mov rax, [rsp+40]
  mov [rbx+16], rax
  mov rax, [rsp+48]
  mov [rbx+24], rax
  mov rax, [rsp+56]
  mov [rbx+32], rax
  mov rax, [rsp+64]
  mov [rbx+40], rax
  mov rax, [rsp+72]
  mov [rbx+48], rax
  mov rax, cr2
  mov [rbx+56], rax
  mov rax, [resumeAt]
  test rax, rax
  je keep
  mov [rsp+40], rax
  mov qword [resumeAt], 0
keep:
  mov rcx, [rsp+24]
  mov rax, [hooks+rcx*8]
  test rax, rax
  je back
  lea rbx, [rsp+40]
  call rax
back:
  pop rcx
  pop rbx
  pop rax
  add rsp, 16
  iretq

align 16
gdtr:
  dw 0x1ff
  dd GDT
  dd 0
idtr:
  dw 0xfff
  dd IDT
  dd 0
align 16
resumeAt:
  dq 0
  dq 0
hooks:
  resb 2048
align 16
stubs:
