/**
 * The contract's test suite: what {@link dev.lockstep.engine.Vcpu} promises, subject by subject, on small guests, for any engine. An engine's own tests make it run by extending {@link
 * dev.lockstep.engine.contract.EngineContract} and naming the {@link dev.lockstep.engine.contract.EngineUnderTest}; nothing here knows an engine. What an engine cannot do on this host is a {@link
 * dev.lockstep.engine.contract.Capability} that it says it lacks, with the reason: the tests that need it are skipped, printed and counted. For tests only.
 */
@NullMarked
package dev.lockstep.engine.contract;

import org.jspecify.annotations.NullMarked;
