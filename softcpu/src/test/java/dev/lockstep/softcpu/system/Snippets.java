package dev.lockstep.softcpu.system;

/** Pieces of source that several cases need. */
final class Snippets {
  /** The interrupt by which ring 3 code ends its case; it is not shown. */
  static final int LEAVE_VECTOR = 0x60;

  /** Goes on at {@code user} in 64-bit mode in ring 3, with {@link #FROM_USER} to come back by. */
  static final String TO_USER =
      """
      main:
        mov [savedRsp], rsp
        hook 96, fromUser
        push DATA_USER
        push USER_STACK
        pushfq
        push CODE64_USER
        mov rax, user
        push rax
        iretq
      """;

  /** {@code leave} ends the case from ring 3; {@code fromUser} is the hook that leads back to ring 0. */
  static final String FROM_USER =
      """
      leave: int 0x60
      fromUser:
        mov qword [rbx], back
        mov qword [rbx+8], CODE64
        mov rax, [savedRsp]
        mov [rbx+24], rax
        mov qword [rbx+32], DATA0
        ret
      back: ret
      align 8
      savedRsp: dq 0
      """;

  /** As {@link #TO_USER}, in protected mode. DS and ES are null in {@code user} until it loads them. */
  static final String TO_USER32 =
      """
      main:
        mov [savedEsp], esp
        hook 96, fromUser
        push DATA_USER
        push USER_STACK
        pushfd
        push CODE32_USER
        push user
        iretd
      """;

  /** As {@link #FROM_USER}, in protected mode. */
  static final String FROM_USER32 =
      """
      leave: int 0x60
      fromUser:
        mov dword [ebx], back
        mov dword [ebx+4], CODE32
        ret
      back:
        mov eax, DATA0
        mov ds, ax
        mov es, ax
        mov esp, [savedEsp]
        ret
      align 8
      savedEsp: dd 0
      """;

  /** Maps the first 4 MiB to themselves and the window by {@code PT}, in 32-bit tables, and turns paging on. */
  static final String PAGING32 =
      """
      main:
        mov edi, TABLES
        mov dword [edi], TABLES+0x1007
        mov dword [edi+0x400], PT+7
        mov eax, 7
        add edi, 0x1000
      fill: mov [edi], eax
        add edi, 4
        add eax, 0x1000
        cmp eax, 0x400007
        jne fill
        mov eax, TABLES
        mov cr3, eax
        mov eax, 0x80010033
        mov cr0, eax
      """;

  private Snippets() {}
}
