/**
 * Code for the host's processor that was made while the JVM runs: memory for it ({@link dev.lockstep.kvm.code.CodeMemory}), which is nowhere writable and executable at once, and the call of it
 * ({@link dev.lockstep.kvm.code.CodeCall}). What the code does is its maker's: nothing here checks it, and a wrong instruction ends the JVM.
 */
@NullMarked
package dev.lockstep.kvm.code;

import org.jspecify.annotations.NullMarked;
