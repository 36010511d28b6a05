/** Ways to real networks, against the kernel's tap devices, a real passt, and sockets that misbehave. */
@NullMarked
package dev.lockstep.vmm.net.host;

import org.jspecify.annotations.NullMarked;
