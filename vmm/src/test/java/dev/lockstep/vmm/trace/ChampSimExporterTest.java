package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.trace.ChampSimReader.Input;
import dev.lockstep.vmm.trace.ChampSimReader.Type;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What ChampSim makes of an exported trace is what the guest executed. */
final class ChampSimExporterTest {
  private static final int RAX = 10, RSI = 4, RDI = 3, RCX = 9, R8 = 11, FLAGS = 25;
  private static final int XMM0 = 100, STACK = 6, IP = 26;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  @TempDir Path folder = Path.of("unset");
  private TracedGuest guest = TracedGuest.random(new Random(seed));
  private List<TraceRecord> records = List.of();
  private List<Input> inputs = List.of();
  private List<StepJournal.Step> executed = List.of();

  @BeforeEach
  void export() throws Exception {
    System.out.println("ChampSimExporterTest seed " + seed);
    RecordedGuest recorded = RecordedGuest.record(guest.loader(), folder);
    assertThat(recorded.end().exitCode()).isEqualTo(7);
    records = recorded.records(TraceSelection.all());
    inputs = exported(records);
    executed = recorded.steps().stream().filter(step -> !step.delivery()).toList();
  }

  private static List<Input> exported(List<TraceRecord> records) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, false, StandardCharsets.UTF_8);
    ChampSimExporter exporter = new ChampSimExporter(out, EnumSet.allOf(TraceKind.class));
    records.forEach(exporter);
    exporter.finish();
    return ChampSimReader.read(bytes.toByteArray());
  }

  @Test
  void everyInstructionIsThereAndEveryBranchOfItsType() {
    assertThat(inputs).as("seed %d", seed).hasSameSizeAs(executed);
    Set<Type> seen = EnumSet.noneOf(Type.class);
    for (int i = 0; i < inputs.size(); i++) {
      Input input = inputs.get(i);
      StepJournal.Step step = executed.get(i);
      assertThat(input.ip()).isEqualTo(step.rip());
      Type type = type(step);
      assertThat(input.type()).as("%s, %s, seed %d", input, step, seed).isEqualTo(type);
      assertThat(input.isBranch()).isEqualTo(type != Type.NOT_BRANCH);
      if (type == Type.CONDITIONAL) {
        int length = (step.code()[0] & 0xff) == 0x0f ? 6 : 2;
        assertThat(input.taken())
            .as("%s, seed %d", step, seed)
            .isEqualTo(step.nextRip() != step.rip() + length);
      } else {
        assertThat(input.taken()).isEqualTo(input.isBranch());
      }
      seen.add(type);
    }
    assertThat(seen).isEqualTo(EnumSet.allOf(Type.class));
  }

  /** By the opcodes that the guest has (Intel SDM vol. 2D, appendix A), all without prefixes but for IRETQ and SYSRETQ. */
  private static Type type(StepJournal.Step step) {
    int opcode = step.code()[0] & 0xff;
    int second = step.code()[1] & 0xff;
    if (step.begins(0x48, 0xcf) || step.begins(0x48, 0x0f, 0x07) || step.begins(0x0f, 0x05)) {
      return Type.OTHER;
    }
    return switch (opcode) {
      case 0x0f -> second >> 4 == 8 ? Type.CONDITIONAL : Type.NOT_BRANCH;
      case 0xcd -> Type.OTHER;
      case 0xe2, 0xe3 -> Type.CONDITIONAL;
      case 0xe8 -> Type.DIRECT_CALL;
      case 0xe9, 0xeb -> Type.DIRECT_JUMP;
      case 0xc2, 0xc3 -> Type.RETURN;
      case 0xff ->
          switch (second >> 3 & 7) {
            case 2 -> Type.INDIRECT_CALL;
            case 4 -> Type.INDIRECT;
            default -> Type.NOT_BRANCH;
          };
      default -> Type.NOT_BRANCH;
    };
  }

  @Test
  void operandsInMemoryAreThoseOfTheTrace() {
    int at = -1;
    List<List<TraceRecord.Access>> accesses = new ArrayList<>();
    for (TraceRecord record : records) {
      if (record instanceof TraceRecord.Instruction) {
        accesses.add(new ArrayList<>());
        at++;
      } else if (record instanceof TraceRecord.Access it
          && !it.system()
          && it.at().nanos() == TracePosition.UNKNOWN) {
        accesses.get(at).add(it);
      }
    }
    for (int i = 0; i < inputs.size(); i++) {
      Input input = inputs.get(i);
      String what = "%s, %s, seed %d".formatted(executed.get(i), accesses.get(i), seed);
      for (boolean write : new boolean[] {false, true}) {
        List<Long> addresses = write ? input.stores() : input.loads();
        List<TraceRecord.Access> own =
            accesses.get(i).stream().filter(access -> access.write() == write).toList();
        // All of the guest's operands lie apart, but for those of CMPSQ, and none is as long as
        // another is away.
        List<Long> wanted = new ArrayList<>();
        long end = 0;
        for (TraceRecord.Access access : own) {
          if (access.linear() != end || executed.get(i).begins(0x48, 0xa7)) {
            wanted.add(access.linear());
          }
          end = access.linear() + access.size();
        }
        assertThat(addresses).as(what).isEqualTo(wanted);
      }
    }
    Input compare = first(0x48, 0xa7);
    assertThat(compare.loads()).containsExactly(0x5_1000L, 0x5_1008L);
    assertThat(first(0xf3, 0xa4).loads()).containsExactly(0x5_1000L);
    assertThat(first(0xf3, 0xa4).stores()).containsExactly(0x5_1040L);
    assertThat(first(0x0f, 0x28, 0x06).loads()).containsExactly(0x5_1000L);
    assertThat(first(0x0f, 0x11, 0x46, 0x21).stores()).containsExactly(0x5_1021L);
    assertThat(first(0x0f, 0xae).stores()).containsExactly(0x5_1100L);
    // Over a page's end.
    assertThat(first(0x83, 0x86).loads()).containsExactly(0x5_1ffdL);
  }

  private Input first(int... code) {
    for (int i = 0; i < executed.size(); i++) {
      if (executed.get(i).begins(code)) {
        return inputs.get(i);
      }
    }
    throw new AssertionError("never executed");
  }

  @Test
  void registersAreThoseOfTheInstructions() {
    Input compare = first(0x48, 0xa7);
    assertThat(compare.read()).containsExactly(RSI, RDI, FLAGS);
    assertThat(compare.written()).containsExactly(RSI, RDI);
    Input move = first(0xf3, 0xa4);
    assertThat(move.read()).containsExactly(RCX, RSI, RDI, FLAGS);
    assertThat(first(0x0f, 0x28, 0x06).written()).containsExactly(XMM0);
    assertThat(first(0x0f, 0x11, 0x46, 0x21).read()).containsExactly(RSI, XMM0);
    assertThat(first(0xf0, 0x48, 0x0f, 0xc1).read()).containsExactly(RAX, RSI);
    assertThat(first(0xf0, 0x48, 0x0f, 0xc1).written()).containsExactly(RAX, FLAGS);
    assertThat(first(0x49, 0xff, 0xc0).written()).containsExactly(R8, FLAGS);
    assertThat(first(0x50).read()).containsExactly(RAX, STACK);
    assertThat(first(0xff, 0xd0).read()).containsExactly(IP, STACK, RAX);
    assertThat(first(0xff, 0x15).read())
        .containsExactly(IP, STACK, ChampSimRegisters.MEMORY_TARGET);
  }

  @Test
  void aBranchThatLeadsNowhereIsLeftOut() {
    int last = records.size() - 1;
    while (!(records.get(last) instanceof TraceRecord.Branch)) {
      last--;
    }
    List<TraceRecord> cut = records.subList(0, last);
    List<Input> all = exported(records.subList(0, last + 1));
    assertThat(exported(cut)).isEqualTo(all.subList(0, all.size() - 1));
  }

  @Test
  void aTraceWithoutInstructionsOrBranchesIsRefused() {
    PrintStream none = new PrintStream(OutputStream.nullOutputStream());
    for (TraceKind kind : List.of(TraceKind.INSTRUCTIONS, TraceKind.BRANCHES)) {
      assertThatThrownBy(() -> new ChampSimExporter(none, EnumSet.complementOf(EnumSet.of(kind))))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("does not have both");
    }
  }
}
