/**
 * Mutations of the software CPU: mistakes put into its source on purpose, each of which named tests must notice. The table is {@code mutations.txt} among the test resources. Nothing calls in here.
 */
@NullMarked
package dev.lockstep.softcpu.mutation;

import org.jspecify.annotations.NullMarked;
