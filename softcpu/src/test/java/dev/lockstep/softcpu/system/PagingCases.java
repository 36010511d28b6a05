package dev.lockstep.softcpu.system;

import java.util.List;

/** Page faults, accesses across pages, A and D bits, stale translations. */
final class PagingCases {
  private static final long P = 1;
  private static final long PW = 3;

  private PagingCases() {}

  static List<SystemCase> all() {
    return List.of(
        SystemCase.in64("load, page absent", "SDM 3A 4.7, 6.15 #PF")
            .run(
                """
                main:
                  mov rax, W+0x2abc
                  resume after
                load: mov rcx, [rax]
                after: ret
                """)
            .expect("#PF(0) load cr2=40002abc"),
        SystemCase.in64(
                "store across pages, second absent",
                "SDM 3A 4.7: CR2 is the first byte that faults")
            .map(0, 0, PW)
            .run(
                """
                main:
                  mov rax, W+0xffc
                  mov rcx, 0x1122334455667788
                  mov [rax-4], rcx
                  resume after
                store: mov [rax], rcx
                after:
                  obs [rax-4]
                  obs dword [PT]
                  ret
                """)
            .expect("#PF(2) store cr2=40001000", "1122334455667788", "200063"));
  }
}
