/**
 * Messages as bytes: protobuf frames, and the codec between them and the protocol cores' own records. Everything that comes from a peer is checked here, so
 * that the cores see only well-formed messages. Called by the transport and by tests.
 */
@NullMarked
package dev.lockstep.ft.wire;

import org.jspecify.annotations.NullMarked;
