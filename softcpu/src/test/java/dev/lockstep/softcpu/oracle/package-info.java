/**
 * The instruction oracle: every form of every ring-3 instruction of x86-64-v1, executed on the host's own CPU by a small native stub and on the software CPU, and compared in all that they did.
 */
@NullMarked
package dev.lockstep.softcpu.oracle;

import org.jspecify.annotations.NullMarked;
