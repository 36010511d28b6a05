package dev.lockstep.kvmcpu.probe;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What one probe found.
 *
 * @param id the probe's name for programs: lower case, stable
 * @param what the thing that was looked at
 * @param verdict how good it is
 * @param found what was found, with figures
 * @param meaning what it means for a user
 * @param advice what the user can do; empty for nothing
 * @param values figures and facts for programs, by lower-case names: booleans, numbers, strings, lists of strings
 */
public record Finding(
    String id,
    String what,
    Verdict verdict,
    String found,
    String meaning,
    String advice,
    Map<String, Object> values) {
  public Finding {
    values = Map.copyOf(values);
  }

  /** A finding without figures or advice. */
  public static Finding of(String id, String what, Verdict verdict, String found, String meaning) {
    return new Finding(id, what, verdict, found, meaning, "", Map.of());
  }

  /** The same with advice. */
  public Finding advise(String what) {
    return new Finding(id, this.what, verdict, found, meaning, what, values);
  }

  /** The same with one fact more. */
  public Finding with(String name, Object value) {
    Map<String, Object> more = new TreeMap<>(values);
    more.put(name, value);
    return new Finding(id, what, verdict, found, meaning, advice, more);
  }

  /** A fact that is true or false; empty if this finding does not have it. */
  public Optional<Boolean> flag(String name) {
    return values.get(name) instanceof Boolean it ? Optional.of(it) : Optional.empty();
  }

  /** A figure; empty if this finding does not have it. */
  public Optional<Double> number(String name) {
    return values.get(name) instanceof Number it ? Optional.of(it.doubleValue()) : Optional.empty();
  }
}
