/** What fuzz tests of several packages share. Each such test is a class {@code …FuzzTest} with one method, since a JVM can fuzz only one. */
@NullMarked
package dev.lockstep.vmm.fuzz;

import org.jspecify.annotations.NullMarked;
