package dev.lockstep.cli.dashboard;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.console.Typist;
import dev.lockstep.ft.control.ControlledVm;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code /ws/console}: out come messages {@code opened} (run, offset, end: what is before it has been shown before) and then the run's bytes from there on, each piece with its offset before it (8
 * bytes, big-endian); {@code gone} tells that bytes up to an offset are not kept any more, {@code refused} that typed bytes did not reach the guest, {@code ended} that the run's console is
 * at its end. Binary messages from the browser are typed.
 */
final class ConsoleStream {
  private final Stream stream;
  private final ControlledVm vm;
  private final ConsoleHistory history;
  private final String run;
  private final JsonMapper mapper;
  private final Typist typist;

  /** The guest did not take what was typed last: what follows is not waited for until it takes something. */
  private volatile boolean refusing;

  ConsoleStream(
      Stream stream, ControlledVm vm, ConsoleHistory history, String run, JsonMapper mapper) {
    this.stream = stream;
    this.vm = vm;
    this.history = history;
    this.run = run;
    this.mapper = mapper;
    typist = new Typist(vm::type);
  }

  /**
   * Begins.
   *
   * @param from the first byte that the page wants; less than 0 for the oldest that is kept
   */
  void start(long from) {
    stream.start("dashboard-console", () -> show(from));
  }

  private void show(long from) throws InterruptedException {
    long offset = Math.max(from, 0);
    long oldest = history.oldest();
    if (offset < oldest) {
      if (from >= 0) {
        tell("gone", "offset", oldest);
      }
      offset = oldest;
    }
    stream.send(
        mapper.writeValueAsString(
            Map.of("type", "opened", "run", run, "offset", offset, "end", history.end())));
    while (true) {
      byte[] bytes;
      try {
        bytes = history.await(offset, DashboardLimits.MAX_CONSOLE_BYTES);
      } catch (IllegalArgumentException e) {
        offset = history.oldest();
        tell("gone", "offset", offset);
        continue;
      }
      if (bytes.length == 0) {
        tell("ended", "offset", offset);
        stream.close(WebSocketCloseStatus.NORMAL_CLOSURE);
        return;
      }
      stream.send(
          new BinaryWebSocketFrame(
              Unpooled.buffer(Long.BYTES + bytes.length).writeLong(offset).writeBytes(bytes)));
      offset += bytes.length;
    }
  }

  private void tell(String type, String field, Object value) throws InterruptedException {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("type", type);
    message.put(field, value);
    stream.send(mapper.writeValueAsString(message));
  }

  /**
   * Types, on a thread of its own. To be called again only after it is done.
   *
   * @param done run at the end
   */
  void type(byte[] bytes, Runnable done) {
    stream.start(
        "dashboard-typist",
        () -> {
          try {
            type(bytes);
          } finally {
            done.run();
          }
        });
  }

  private void type(byte[] bytes) throws InterruptedException {
    long deadline =
        System.nanoTime()
            + TimeUnit.MILLISECONDS.toNanos(refusing ? 0 : DashboardLimits.TYPE_TIMEOUT_MILLIS);
    try {
      if (typist.type(bytes, () -> System.nanoTime() - deadline <= 0)) {
        refusing = false;
      } else {
        refuse("the guest takes no input now; what is typed is dropped");
      }
    } catch (VmmException e) {
      refuse(e.getMessage() + ". " + e.advice());
    }
  }

  private void refuse(String why) throws InterruptedException {
    refusing = true;
    tell("refused", "why", why);
  }
}
