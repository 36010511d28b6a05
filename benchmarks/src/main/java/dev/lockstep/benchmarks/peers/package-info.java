/** Whole machines side by side: Lockstep and its peers run the same guest in turn, each in a process of its own, and the guest's marks on its console say what the CPU seconds were spent on. */
@NullMarked
package dev.lockstep.benchmarks.peers;

import org.jspecify.annotations.NullMarked;
