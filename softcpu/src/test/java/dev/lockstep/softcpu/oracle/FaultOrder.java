package dev.lockstep.softcpu.oracle;

import java.io.ByteArrayOutputStream;

/**
 * Of an instruction with two memory operands that would both fault, which fault is raised: "exceptions within each class are implementation-dependent and may vary from processor to processor" (Intel SDM
 * vol. 3A, Priority Among Simultaneous Exceptions and Interrupts). CMPS looks at [rSI] first on ours and on some of AMD's, at ES:[rDI] on others. Either is right; a third is not.
 */
final class FaultOrder {
  /** From CMPS to the SCAS of the same size, in the opcode. */
  private static final int CMPS_TO_SCAS = 8;

  private FaultOrder() {}

  /** Whether the form's operands may be looked at in either order. */
  static boolean isOpen(Form form) {
    return form.has("anyorder");
  }

  /**
   * The access to ES:[rDI] alone, of the iteration in which a CMPS faulted: a SCAS of the same size without repetition.
   *
   * @param fault what CMPS did
   */
  static OracleCase secondOperand(OracleCase cmps, OracleResult fault) {
    ByteArrayOutputStream code = new ByteArrayOutputStream();
    for (byte one : cmps.code()) {
      int value = one & 0xff;
      if (value != 0xf2 && value != 0xf3) {
        code.write(value);
      }
    }
    byte[] scas = code.toByteArray();
    scas[scas.length - 1] += CMPS_TO_SCAS;
    return cmps.withCode(scas).withGpr(fault.gpr());
  }
}
