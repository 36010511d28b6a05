/** Pairs on two hosts, each a network namespace of the test's own, with a client on a third: what is cut, killed or frozen here is seen by nobody else. */
@NullMarked
package dev.lockstep.it.network;

import org.jspecify.annotations.NullMarked;
