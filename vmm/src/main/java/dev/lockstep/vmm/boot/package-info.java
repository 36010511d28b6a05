/**
 * The direct boot loader: takes a Linux kernel (bzImage or vmlinux), an initramfs, a command line and a
 * seed, and makes of fresh memory and a blank CPU the state that the 64-bit boot protocol asks for. There is
 * no firmware in between. {@link dev.lockstep.vmm.boot.BootLoader} is the way in; the machine calls it once,
 * before its vCPU runs.
 */
@NullMarked
package dev.lockstep.vmm.boot;

import org.jspecify.annotations.NullMarked;
