; What every case in 32-bit protected mode runs on: exception log, end. Paging is off.
bits 32
entry:
  cli
  mov esp, STACK
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  lgdt [gdtr]
  jmp CODE32:flat
flat:
  mov eax, DATA0
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov eax, 0x600            ; OSXMMEXCPT OSFXSR
  mov cr4, eax
  lidt [idtr]
  mov eax, TASK
  ltr ax
  mov ebx, 0xfee000f0
  mov dword [ebx], 0x1ff
  push 2
  popfd
  mov eax, MAIN
  call eax
finish:
  call flush
  mov al, 0
  out 0xf4, al
  hlt
  jmp finish

flush:
  cld
  mov esi, LOG
  mov ecx, [esi]
  shl ecx, 6
  add ecx, 64
  mov dx, 0xe9
  rep outsb
  ret

observe:
  pushfd
  push ebx
  push ecx
  mov ebx, LOG
  mov ecx, [ebx]
  inc dword [ebx]
  shl ecx, 6
  mov dword [ebx+ecx+64], 0x100
  mov [ebx+ecx+72], eax
  pop ecx
  pop ebx
  popfd
  ret

; Stack: DS ECX EBX EAX vector error EIP CS EFLAGS [ESP SS]
common:
  push eax
  push ebx
  push ecx
  push ds
  mov eax, DATA0
  mov ds, ax
  mov ebx, LOG
  mov eax, [ebx]
  inc dword [ebx]
  shl eax, 6
  lea ebx, [ebx+eax+64]
  mov eax, [esp+16]
  mov [ebx], eax
  mov eax, [esp+20]
  mov [ebx+8], eax
  mov eax, [esp+24]
  mov [ebx+16], eax
  mov eax, [esp+28]
  mov [ebx+24], eax
  mov eax, [esp+32]
  mov [ebx+32], eax
  lea eax, [esp+36]
  mov [ebx+40], eax
  mov eax, ss
  mov [ebx+48], eax
  mov eax, [esp+28]
  and eax, 3
  je sameStack
  mov eax, [esp+36]
  mov [ebx+40], eax
  mov eax, [esp+40]
  mov [ebx+48], eax
sameStack:
  mov eax, cr2
  mov [ebx+56], eax
  mov eax, [resumeAt]
  test eax, eax
  je keep
  mov [esp+24], eax
  mov dword [resumeAt], 0
keep:
  mov ecx, [esp+16]
  mov eax, [hooks+ecx*4]
  test eax, eax
  je back
  lea ebx, [esp+24]
  call eax
back:
  pop ds
  pop ecx
  pop ebx
  pop eax
  add esp, 8
  iretd

align 16
gdtr:
  dw 0x1ff
  dd GDT
idtr:
  dw 0x7ff
  dd IDT
align 16
resumeAt:
  dd 0
hooks:
  resb 1024
align 16
stubs:
