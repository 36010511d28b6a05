/** Replication of a machine to a backup: protocol cores, transport, arbiters. Everything is in sub-packages. */
@NullMarked
package dev.lockstep.ft;

import org.jspecify.annotations.NullMarked;
