/**
 * Looking at logs and at machines that stand still, for people and programs: what a log holds, how two logs differ, where two
 * executions part. Reads only; drives machines by their seams. Used by the command line and by tests.
 */
@NullMarked
package dev.lockstep.vmm.inspect;

import org.jspecify.annotations.NullMarked;
