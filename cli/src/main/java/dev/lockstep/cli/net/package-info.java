/**
 * Networks: a guest's on this host, joined to its machine or replica; and the host's bridge and tap devices, as {@code lockstep net} makes, shows and removes them, by ip(8), since that is what an operator
 * would use, and can repeat.
 */
@NullMarked
package dev.lockstep.cli.net;

import org.jspecify.annotations.NullMarked;
