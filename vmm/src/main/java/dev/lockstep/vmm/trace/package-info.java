/**
 * Traces of what a recorded guest executed, collected while it is replayed. {@link dev.lockstep.vmm.trace.TraceCollector} sees the vCPU through its observer, keeps what {@link
 * dev.lockstep.vmm.trace.TraceSelection} wants and writes a trace file; {@link dev.lockstep.vmm.trace.TraceFile} reads one back as {@link dev.lockstep.vmm.trace.TraceRecord}s; exporters print them. Nothing
 * here changes the replay.
 *
 * <p>The file, all numbers big-endian, mode 0600 since it holds what guest memory held:
 *
 * <pre>
 * magic "LSTRACE\n", version u32
 * section*          kind u8, length u32, payload, CRC-32C of all that u32
 *   'H'             the header (TraceHeader): what log it is of, CPU model, branch semantics, selection; first, once
 *   'B'             a block: where it begins, what it counts (BlockSummary), the sizes of its columns, the columns, each compressed by zstd
 *   'I'             the index: offset and summary of every block; last, once
 * trailer           offset of the index u64, magic "LSTREND\n"
 * </pre>
 *
 * A file without trailer was torn: its blocks up to the damage can still be read.
 *
 * <p>A block's columns ({@link dev.lockstep.vmm.trace.BlockColumns}) are read side by side. FLOW is the master: a guest executes <em>groups</em>, pieces of straight-line code that CODE defines at their first
 * use, and most groups follow from the last three by what followed last time ({@link dev.lockstep.vmm.trace.FlowModel}); FLOW holds the lengths of such runs and what comes between them. Of memory accesses, SHAPES has
 * which of a group's instructions access how many bytes, where that differs from last time; tokens say which guess of {@link dev.lockstep.vmm.trace.AccessModel} about address and value was right, and
 * ADDRESSES, PAGES and VALUES have what nothing guessed. EVENTS has everything rare. All guesses start afresh with each block, so that a block can be read without those before it, except for its CODE.
 */
@NullMarked
package dev.lockstep.vmm.trace;

import org.jspecify.annotations.NullMarked;
