package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.boot.KernelMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Where a kernel in guest memory reads the time-stamp counter: found by decoding every instruction of its code, of its boot code, and of the alternatives that it pastes over both when it boots. The
 * two bytes of RDTSC occur more often inside other instructions than as one.
 *
 * @param sites by section and address
 * @param controls moves from and to CR4, whose bit TSD forbids programs to read the counter
 * @param doubtful virtual addresses of moves from or to CR4 that cannot be patched, or are none
 * @param rejected virtual addresses of the bytes 0F 31 that are not RDTSC
 * @param instructions how many were decoded
 * @param boundaries how many addresses were known beforehand to begin an instruction
 * @param resynchronised how often decoding had lost its step at such an address: behind data among code
 * @param undecodable bytes that begin no instruction
 */
public record RdtscSites(
    List<TscSite> sites,
    List<TscSite> controls,
    List<Long> doubtful,
    List<Long> rejected,
    long instructions,
    int boundaries,
    int resynchronised,
    int undecodable) {
  /** The section that holds what is pasted over text by CPU features. */
  static final String ALTERNATIVES = ".altinstr_replacement";

  public RdtscSites {
    sites = List.copyOf(sites);
    controls = List.copyOf(controls);
    doubtful = List.copyOf(doubtful);
    rejected = List.copyOf(rejected);
  }

  /** Of a loaded kernel that has not run. */
  public static RdtscSites find(KernelMap map, GuestMemory memory) {
    Boundaries boundaries = Boundaries.of(map, memory);
    List<CodeScan> scans = new ArrayList<>();
    for (KernelMap.Section section : map.code()) {
      byte[] code = new byte[Math.toIntExact(section.size())];
      memory.read(section.physical(), code, 0, code.length);
      scans.add(
          new CodeScan(section.name(), code, section.virtual(), section.physical(), boundaries)
              .run());
    }
    return of(scans, boundaries.count());
  }

  /** Of one stretch of code without tables: a module's text, say, with its functions' addresses. */
  static RdtscSites find(
      String name, byte[] code, long virtual, long physical, Boundaries boundaries) {
    CodeScan scan = new CodeScan(name, code, virtual, physical, boundaries).run();
    return of(List.of(scan), boundaries.count());
  }

  static RdtscSites of(List<CodeScan> scans, int boundaries) {
    Map<Boolean, List<TscSite>> found =
        scans.stream()
            .flatMap(scan -> scan.sites().stream())
            .collect(Collectors.partitioningBy(site -> site.kind().readsCounter()));
    return new RdtscSites(
        found.getOrDefault(true, List.of()),
        found.getOrDefault(false, List.of()),
        scans.stream().flatMap(scan -> scan.doubtful().stream()).toList(),
        scans.stream().flatMap(scan -> scan.rejected().stream()).toList(),
        scans.stream().mapToLong(CodeScan::instructions).sum(),
        boundaries,
        scans.stream().mapToInt(CodeScan::resynchronised).sum(),
        scans.stream().mapToInt(CodeScan::undecodable).sum());
  }

  /** How many of a kind stand in a section. */
  public long count(String section, TscSite.Kind kind) {
    return sites.stream()
        .filter(site -> site.kind() == kind && site.section().equals(section))
        .count();
  }

  /** How many there are of a kind. */
  public long count(TscSite.Kind kind) {
    return sites.stream().filter(site -> site.kind() == kind).count();
  }

  /** Figures, for people. */
  public String summary() {
    return "%d RDTSC and %d RDTSCP (text %d, init text %d, alternatives %d and %d) among %d byte matches; %d instructions decoded with %d known boundaries, %d resynchronised, %d bytes undecodable"
        .formatted(
            count(TscSite.Kind.RDTSC),
            count(TscSite.Kind.RDTSCP),
            count(".text", TscSite.Kind.RDTSC),
            count(".init.text", TscSite.Kind.RDTSC),
            count(ALTERNATIVES, TscSite.Kind.RDTSC),
            count(ALTERNATIVES, TscSite.Kind.RDTSCP),
            count(TscSite.Kind.RDTSC) + rejected.size(),
            instructions,
            boundaries,
            resynchronised,
            undecodable);
  }
}
