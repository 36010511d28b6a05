/**
 * Instructions as text, for traces, dumps and the debugger: {@link dev.lockstep.kvm.disassembly.Disassembler} over libcapstone, which is used where it is installed and missed politely where it is not. JNA
 * serves: nothing here is on a path where time counts, and nothing decides by it.
 */
@NullMarked
package dev.lockstep.kvm.disassembly;

import org.jspecify.annotations.NullMarked;
