/**
 * Ethernet to the host: a tap device ({@link dev.lockstep.kvm.net.TapDevice}), which is a network interface of Linux whose frames this process reads and writes
 * (Documentation/networking/tuntap.rst; netdevice(7)), and which may be the port of a bridge: the kernel tells by rtnetlink ({@link dev.lockstep.kvm.net.RouteSocket}). A network device of the machine calls
 * it.
 */
@NullMarked
package dev.lockstep.kvm.net;

import org.jspecify.annotations.NullMarked;
