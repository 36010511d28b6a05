/**
 * Linux's KVM through the Foreign Function &amp; Memory API: {@link dev.lockstep.kvm.Kvm} (/dev/kvm), {@link dev.lockstep.kvm.Vm}, {@link dev.lockstep.kvm.KvmVcpuHandle} and {@link
 * dev.lockstep.kvm.MemorySlot} are its four kinds of handle, one method an ioctl, named as Linux's Documentation/virt/kvm/api.rst names them. {@link dev.lockstep.kvm.Libc} holds the calls underneath, with errno.
 * The structures' layouts are generated and live in {@code dev.lockstep.kvm.layout}.
 *
 * <p>Errors are {@link dev.lockstep.kvm.KvmException}; what is not an error for who runs a VM (EINTR, EAGAIN of KVM_RUN) is a result. Nothing here allocates Java objects on the path of a run. A
 * structure is handed in by the caller as a segment with the generated layout, allocated once. This module and its sub-packages are the only home of native code; it uses nothing of ours.
 */
@NullMarked
package dev.lockstep.kvm;

import org.jspecify.annotations.NullMarked;
