/** Tests of the control port itself; what it steers is tested where that is made. */
@NullMarked
package dev.lockstep.ft.control;

import org.jspecify.annotations.NullMarked;
