/** Machine code for x86-64 hosts as bytes: an assembler that knows instructions and nothing of what they are for. Encodings: Intel SDM vol. 2. */
@NullMarked
package dev.lockstep.softcpu.x64;

import org.jspecify.annotations.NullMarked;
