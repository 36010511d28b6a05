/**
 * Page faults of a range of memory handled by this process (userfaultfd(2), ioctl_userfaultfd(2)): {@link dev.lockstep.kvm.uffd.UserFaults} tells of first touches (missing pages) and of writes to
 * protected pages, while the thread that touched waits. Loading memory lazily and finding written pages are built on it.
 *
 * <p>Who touches such memory must be inside a native call, as a vCPU in KVM_RUN or a system call is, never in Java code: a Java thread that waits for a page cannot reach a safepoint, a collection then
 * waits for it, and the handler, a Java thread as well, waits for the collection, for ever.
 */
@NullMarked
package dev.lockstep.kvm.uffd;

import org.jspecify.annotations.NullMarked;
