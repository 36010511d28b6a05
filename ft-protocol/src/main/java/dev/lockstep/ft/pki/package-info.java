/**
 * A small certificate authority in a folder, for hosts that have no other: EC P-256 keys, X.509 certificates (RFC 5280) whose names are in the subject alternative names, PEM files, keys mode 0600. Made by Bouncy Castle; read by the
 * package {@code tls}, which takes any other authority's files as well. Used by the command.
 */
@NullMarked
package dev.lockstep.ft.pki;

import org.jspecify.annotations.NullMarked;
