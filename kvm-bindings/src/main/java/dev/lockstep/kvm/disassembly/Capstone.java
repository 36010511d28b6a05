package dev.lockstep.kvm.disassembly;

import com.sun.jna.Library;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.NativeLongByReference;
import com.sun.jna.ptr.PointerByReference;

/** The functions of libcapstone that are used (capstone/capstone.h); {@code size_t} and handles are words. */
interface Capstone extends Library {
  int CS_ARCH_X86 = 3;
  int CS_OPT_SKIPDATA = 5;
  long CS_OPT_ON = 3;

  /** Major and minor number; returns both in one. */
  int cs_version(IntByReference major, IntByReference minor);

  int cs_open(int architecture, int mode, NativeLongByReference handle);

  int cs_close(NativeLongByReference handle);

  int cs_option(NativeLong handle, int type, NativeLong value);

  NativeLong cs_disasm(
      NativeLong handle,
      byte[] code,
      NativeLong bytes,
      long address,
      NativeLong count,
      PointerByReference instructions);

  void cs_free(Pointer instructions, NativeLong count);

  String cs_strerror(int error);
}
