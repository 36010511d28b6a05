package dev.lockstep.cli;

import dev.lockstep.ft.replica.ReplicaEnd;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.machine.MachineEnd;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** What a replica says of itself, for people or for programs. Called on several threads. */
interface ReplicaReporter extends ReplicaListener {
  /** It is up. */
  void listening(InetSocketAddress address, int consolePort);

  /** How it is doing, told from time to time. */
  void status(ReplicaStatus status);

  /** It has come to its end. */
  void ended(ReplicaEnd end, int exitStatus);

  /** A status in one line. */
  static String describe(ReplicaStatus status) {
    String reason = status.reason();
    return "%s, %s%s, epoch %d; lag %d ms (%d records); %d outputs held; %,d records and %,d bytes of log%s"
        .formatted(
            words(status.role()),
            status.phase().toLowerCase(Locale.ROOT).replace('_', ' '),
            reason == null
                ? ""
                : " (%s)".formatted(reason.toLowerCase(Locale.ROOT).replace('_', ' ')),
            status.epoch(),
            status.lagMillis(),
            status.lagRecords(),
            status.heldOutputs(),
            status.logRecords(),
            status.logBytes(),
            status.throttlePercent() == 0
                ? ""
                : "; slowed by %d %%".formatted(status.throttlePercent()));
  }

  private static String words(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  /** Sentences, on standard error. */
  final class Text implements ReplicaReporter {
    private final Consumer<String> notes;
    private String said = "";

    Text(Consumer<String> notes) {
      this.notes = notes;
    }

    @Override
    public void listening(InetSocketAddress address, int consolePort) {
      say(
          "listens for the other replica at %s:%d%s"
              .formatted(
                  address.getAddress().getHostAddress(),
                  address.getPort(),
                  consolePort < 0 ? "" : "; the console is at port " + consolePort));
    }

    @Override
    public synchronized void changed(ReplicaStatus status) {
      String reason = status.reason();
      String now =
          "%s, %s%s, epoch %d"
              .formatted(
                  words(status.role()),
                  status.phase().toLowerCase(Locale.ROOT).replace('_', ' '),
                  reason == null
                      ? ""
                      : " (%s)".formatted(reason.toLowerCase(Locale.ROOT).replace('_', ' ')),
                  status.epoch());
      if (!now.equals(said)) {
        said = now;
        say(now);
      }
    }

    @Override
    public void note(String sentence) {
      say(sentence);
    }

    @Override
    public void status(ReplicaStatus status) {
      // Changes are told; the rest on request.
    }

    @Override
    public void ended(ReplicaEnd end, int exitStatus) {
      MachineEnd machine = end.machineEnd();
      say(
          switch (end.outcome()) {
            case GUEST_ENDED ->
                machine == null ? "the guest ended" : ExitStatus.describe(machine.reason());
            case FENCED -> "the other replica goes on with the guest; this one has stopped";
            case LEFT -> "this replica has left the pair";
          });
    }

    private void say(String sentence) {
      notes.accept("lockstep: " + sentence);
    }
  }

  /** One object a line. */
  final class Json implements ReplicaReporter {
    private final JsonMapper mapper = new JsonMapper();
    private final PrintStream out;

    Json(PrintStream out) {
      this.out = out;
    }

    @Override
    public void listening(InetSocketAddress address, int consolePort) {
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      values.put("listening", address.getPort());
      values.put("console", consolePort < 0 ? null : consolePort);
      print(values);
    }

    @Override
    public void changed(ReplicaStatus status) {
      status(status);
    }

    @Override
    public void note(String sentence) {
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      values.put("note", sentence);
      print(values);
    }

    @Override
    public void status(ReplicaStatus status) {
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      values.put("role", status.role().name().toLowerCase(Locale.ROOT));
      values.put("phase", status.phase().toLowerCase(Locale.ROOT));
      values.put("epoch", status.epoch());
      String reason = status.reason();
      values.put("reason", reason == null ? null : reason.toLowerCase(Locale.ROOT));
      values.put("lag_millis", status.lagMillis());
      values.put("lag_records", status.lagRecords());
      values.put("held_outputs", status.heldOutputs());
      values.put("log_records", status.logRecords());
      values.put("log_bytes", status.logBytes());
      values.put("throttle_percent", status.throttlePercent());
      values.put("protection", status.protection().word());
      values.put("reason_word", status.reasonWord());
      values.put("divergences", status.divergences());
      values.put("resynchronisations", status.resynchronisations());
      values.put("last_pause_micros", status.lastPauseMicros());
      values.put("protocol_version", status.protocolVersion());
      print(values);
    }

    @Override
    public void ended(ReplicaEnd end, int exitStatus) {
      MachineEnd machine = end.machineEnd();
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      values.put("ended", end.outcome().name().toLowerCase(Locale.ROOT));
      values.put(
          "guest", machine == null ? null : machine.reason().name().toLowerCase(Locale.ROOT));
      values.put("exit_status", exitStatus);
      print(values);
    }

    private void print(Map<String, @Nullable Object> values) {
      String line = mapper.writeValueAsString(values);
      synchronized (out) {
        out.println(line);
        out.flush();
      }
    }
  }
}
