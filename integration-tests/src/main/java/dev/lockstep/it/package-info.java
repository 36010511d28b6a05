/** Tests that need several modules: layering, style, guests, failover. */
@NullMarked
package dev.lockstep.it;

import org.jspecify.annotations.NullMarked;
