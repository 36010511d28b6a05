/**
 * Which engine runs a machine when nobody has said: {@link dev.lockstep.vmm.engine.EngineChooser}, with the self-test that {@code kvm} must pass first. Called by the commands and by {@code lockstep doctor}.
 */
@NullMarked
package dev.lockstep.vmm.engine;

import org.jspecify.annotations.NullMarked;
