/** Tests of the transport, over loopback. */
@NullMarked
package dev.lockstep.ft.net;

import org.jspecify.annotations.NullMarked;
