/** Generated from {@code vm.proto} and {@code control.proto}: the words of the control port, on both of its sides. */
@NullMarked
package dev.lockstep.ft.control.proto;

import org.jspecify.annotations.NullMarked;
