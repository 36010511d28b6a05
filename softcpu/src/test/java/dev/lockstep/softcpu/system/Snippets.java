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

  private Snippets() {}
}
