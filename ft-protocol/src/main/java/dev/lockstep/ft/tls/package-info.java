/**
 * Mutual TLS 1.3 by the JDK's provider, for every port that other hosts reach: replication, control, etcd. An end has one {@linkplain dev.lockstep.ft.tls.TlsIdentity identity}, made of three PEM files, and
 * gets its client's and its server's context from it. The files are looked at again at every handshake, so a renewed certificate counts from the next connection on. Knows nothing of what is said inside.
 */
@NullMarked
package dev.lockstep.ft.tls;

import org.jspecify.annotations.NullMarked;
