/** An etcd of its own for a test, and what can happen between it and those who ask it. */
@NullMarked
package dev.lockstep.ft.etcd;

import org.jspecify.annotations.NullMarked;
