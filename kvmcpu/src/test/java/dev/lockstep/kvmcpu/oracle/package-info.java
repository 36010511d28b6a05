/** The instruction oracle on a guest's ring 3: {@code softcpu}'s tests bring the forms, the cases and the comparison, KVM the real CPU. */
@NullMarked
package dev.lockstep.kvmcpu.oracle;

import org.jspecify.annotations.NullMarked;
