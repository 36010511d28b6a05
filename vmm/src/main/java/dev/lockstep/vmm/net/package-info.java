/**
 * What a network frame is, to the device, the log and the host alike: {@link dev.lockstep.vmm.net.Frames} are Ethernet frames packed behind each other, {@link
 * dev.lockstep.vmm.net.MacAddress} names an interface. Received frames reach a machine as one input event for each batch; frames that the guest sends are bytes of the network
 * device's output stream, so that they pass the same gate as the console's. Who moves them to and from a real network is in {@link dev.lockstep.vmm.net.host}.
 */
@NullMarked
package dev.lockstep.vmm.net;

import org.jspecify.annotations.NullMarked;
