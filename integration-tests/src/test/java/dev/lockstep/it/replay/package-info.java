/** Record, replay and snapshots of Debian's stock kernel on the guest image. */
@NullMarked
package dev.lockstep.it.replay;

import org.jspecify.annotations.NullMarked;
