/** Tests of the wire format. */
@NullMarked
package dev.lockstep.ft.wire;

import org.jspecify.annotations.NullMarked;
