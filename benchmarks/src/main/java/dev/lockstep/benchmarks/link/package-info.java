/** The link between two replicas over loopback: guards what TLS may cost of its rate. */
@NullMarked
package dev.lockstep.benchmarks.link;

import org.jspecify.annotations.NullMarked;
