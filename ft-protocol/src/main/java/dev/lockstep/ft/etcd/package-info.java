/**
 * The little that Lockstep asks of etcd (v3 API), over jetcd: create a key if it is absent, read it, list a prefix, hold a lease. Reads are linearizable. Every question is bounded in time, and whoever
 * asks seldom opens a {@linkplain dev.lockstep.ft.etcd.EtcdSession session} for it and closes it afterwards: a connection that idled for days may be dead without anybody having noticed, a client that was
 * refused for long waits minutes before it dials again, and what is closed cannot leak while etcd is away. Used by the arbiter and by the registry of hosts.
 */
@NullMarked
package dev.lockstep.ft.etcd;

import org.jspecify.annotations.NullMarked;
