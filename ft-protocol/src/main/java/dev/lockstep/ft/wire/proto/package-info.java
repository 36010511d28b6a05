/** Generated from {@code replication.proto}. Only {@link dev.lockstep.ft.wire} and the transport use it. */
@NullMarked
package dev.lockstep.ft.wire.proto;

import org.jspecify.annotations.NullMarked;
