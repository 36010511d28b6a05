/**
 * Points that need no counter. The exits that a guest makes in program order (ports, device memory, HLT) come in the same order in every execution, so their numbers name moments: <i>anchors</i>. An input takes effect at
 * the next anchor, an interrupt at the next one where the guest is interruptible; time stands still between two anchors and is a logged value at each. {@link dev.lockstep.counting.anchor.AnchoredVcpu} makes this of any
 * engine, so a log recorded on one repeats on every other.
 *
 * <p>A guest that computes without an exit has no anchor to offer. After some patience it is given back where it happens to be: its owner may let it go on, or may make do with that point, and must then say that the
 * execution is certain up to the last anchor and no further.
 */
@NullMarked
package dev.lockstep.counting.anchor;

import org.jspecify.annotations.NullMarked;
