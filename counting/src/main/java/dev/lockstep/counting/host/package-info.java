/**
 * Which counter this host's CPU should have: {@link dev.lockstep.counting.host.HostFactsReader} reads the host, everything else is a function of what it read ({@link dev.lockstep.counting.host.HostFacts}), so that machines
 * which are not there are tested by their facts. What comes out is a proposal: whether the counter is exact only calibration tells.
 */
@NullMarked
package dev.lockstep.counting.host;

import org.jspecify.annotations.NullMarked;
