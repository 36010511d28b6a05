package dev.lockstep.softcpu.system;

import java.util.ArrayList;
import java.util.List;

/** All cases of the suite. */
final class SystemCases {
  private SystemCases() {}

  static List<SystemCase> all() {
    List<SystemCase> cases = new ArrayList<>();
    cases.addAll(PagingCases.all());
    cases.addAll(AccessCases.all());
    cases.addAll(TranslationCases.all());
    cases.addAll(CanonicalCases.all());
    cases.addAll(StringCases.all());
    cases.addAll(DeliveryCases.all());
    cases.addAll(ShadowCases.all());
    cases.addAll(SelfModifyingCases.all());
    cases.addAll(SegmentCases.all());
    cases.addAll(SegmentLoadCases.all());
    cases.addAll(ControlCases.all());
    cases.addAll(ProtectedCases.all());
    cases.addAll(ProtectedPagingCases.all());
    cases.addAll(TaskCases.all());
    return cases;
  }
}
