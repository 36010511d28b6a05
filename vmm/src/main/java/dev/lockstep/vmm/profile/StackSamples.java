package dev.lockstep.vmm.profile;

import dev.lockstep.softcpu.WorkKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordedStackTrace;
import jdk.jfr.consumer.RecordedThread;
import jdk.jfr.consumer.RecordingFile;

/**
 * What the vCPU's thread is at, by the Flight Recorder's samples of its stack: every few milliseconds in which it executes Java. A sample belongs to the innermost method of Lockstep's own on the stack.
 */
final class StackSamples implements AutoCloseable {
  static final String LOG = "log";
  static final String DEVICES = "devices";
  static final String OTHER = "other";

  private static final String EVENT = "jdk.ExecutionSample";

  /** What the recorder calls a frame that HotSpot interprets. */
  private static final String INTERPRETED = "Interpreted";

  private static final Duration PERIOD = Duration.ofMillis(5);
  private static final String OURS = "dev.lockstep.";
  private static final String MACHINE = "dev.lockstep.vmm.";
  private static final List<String> LOGGING =
      List.of("dev.lockstep.vmm.log.", "dev.lockstep.vmm.replay.");

  /**
   * What was seen.
   *
   * @param total samples of the thread
   * @param uncompiled those of them in which HotSpot interpreted the innermost method, as it had not compiled it
   * @param kinds samples by what the thread was at, most first; named by {@link WorkKind}s, {@link #LOG}, {@link #DEVICES} or {@link #OTHER}, in small letters
   * @param methods samples by method, most first
   */
  record Seen(long total, long uncompiled, Map<String, Long> kinds, Map<String, Long> methods) {}

  private final Recording recording = new Recording();

  /** Begins to sample. */
  StackSamples() {
    recording.enable(EVENT).withPeriod(PERIOD).withStackTrace();
    recording.start();
  }

  /**
   * Ends it.
   *
   * @throws IOException if the recorder's file cannot be written or read
   */
  Seen end() throws IOException {
    recording.stop();
    Path file = Files.createTempFile("lockstep-profile-", ".jfr");
    Map<String, Long> kinds = new HashMap<>();
    Map<String, Long> methods = new HashMap<>();
    long total = 0;
    long uncompiled = 0;
    try {
      recording.dump(file);
      try (RecordingFile events = new RecordingFile(file)) {
        while (events.hasMoreEvents()) {
          List<RecordedFrame> frames = framesOfVcpu(events.readEvent());
          if (!frames.isEmpty()) {
            List<StackTraceElement> stack = frames.stream().map(StackSamples::element).toList();
            total++;
            uncompiled += frames.getFirst().getType().equals(INTERPRETED) ? 1 : 0;
            kinds.merge(kind(stack), 1L, Long::sum);
            methods.merge(method(stack), 1L, Long::sum);
          }
        }
      }
    } finally {
      Files.deleteIfExists(file);
    }
    return new Seen(total, uncompiled, sorted(kinds), sorted(methods));
  }

  /** Empty for other threads, and other events. */
  private static List<RecordedFrame> framesOfVcpu(RecordedEvent event) {
    if (!event.getEventType().getName().equals(EVENT)) {
      return List.of();
    }
    RecordedThread thread = event.getThread("sampledThread");
    RecordedStackTrace stack = event.getStackTrace();
    String name = thread == null ? null : thread.getJavaName();
    if (name == null || stack == null || !name.startsWith("vcpu-")) {
      return List.of();
    }
    return stack.getFrames().stream().filter(RecordedFrame::isJavaFrame).toList();
  }

  private static StackTraceElement element(RecordedFrame frame) {
    return new StackTraceElement(
        frame.getMethod().getType().getName(), frame.getMethod().getName(), null, -1);
  }

  /** What a thread is at whose stack this is, the innermost frame first. */
  static String kind(List<StackTraceElement> stack) {
    for (StackTraceElement frame : stack) {
      String type = frame.getClassName();
      if (LOGGING.stream().anyMatch(type::startsWith)) {
        return LOG;
      }
      if (type.startsWith(MACHINE)) {
        return DEVICES;
      }
      if (type.startsWith(OURS)) {
        break;
      }
    }
    return WorkKind.of(stack).map(kind -> kind.name().toLowerCase(Locale.ROOT)).orElse(OTHER);
  }

  private static String method(List<StackTraceElement> stack) {
    StackTraceElement shown =
        stack.stream()
            .filter(frame -> frame.getClassName().startsWith(OURS))
            .findFirst()
            .orElse(stack.getFirst());
    String type = shown.getClassName();
    return type.substring(type.lastIndexOf('.') + 1) + "." + shown.getMethodName();
  }

  private static Map<String, Long> sorted(Map<String, Long> counts) {
    Map<String, Long> sorted = new LinkedHashMap<>();
    counts.entrySet().stream()
        .sorted(
            Map.Entry.<String, Long>comparingByValue(Comparator.reverseOrder())
                .thenComparing(Map.Entry.comparingByKey()))
        .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
    return sorted;
  }

  @Override
  public void close() {
    recording.close();
  }
}
