/** Tests of the configuration. */
@NullMarked
package dev.lockstep.vmm.config;

import org.jspecify.annotations.NullMarked;
