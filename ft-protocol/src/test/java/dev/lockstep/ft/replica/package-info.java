/** Tests of whole replicas: real machines, real sockets, tiny guests. */
@NullMarked
package dev.lockstep.ft.replica;

import org.jspecify.annotations.NullMarked;
