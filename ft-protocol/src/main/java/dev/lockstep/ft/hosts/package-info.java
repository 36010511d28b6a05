/**
 * Which hosts there are for replicas, and which of them is to take a new backup. Each process that runs replicas registers a report in etcd, with a lease that it renews: a host that dies or is cut off is gone
 * from the table when the lease has run out. Nothing of a pair's safety rests on it. The key is {@code PREFIX/hosts/HOST/PROCESS}, the value JSON; keys of other releases may have more in it, which is
 * ignored. Used by the command and the daemon.
 */
@NullMarked
package dev.lockstep.ft.hosts;

import org.jspecify.annotations.NullMarked;
