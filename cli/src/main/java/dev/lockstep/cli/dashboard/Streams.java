package dev.lockstep.cli.dashboard;

import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.ControlledVms;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** The dashboard's WebSockets: opens them, within their number. */
final class Streams {
  private final ControlledVms vms;
  private final ConsoleRuns runs;
  private final Sampler sampler;
  private final JsonMapper mapper;
  private final Semaphore slots = new Semaphore(DashboardLimits.MAX_STREAMS);

  Streams(ControlledVms vms, ConsoleRuns runs, Sampler sampler, JsonMapper mapper) {
    this.vms = vms;
    this.runs = runs;
    this.sampler = sampler;
    this.mapper = mapper;
  }

  /** How many are open. */
  int open() {
    return DashboardLimits.MAX_STREAMS - slots.availablePermits();
  }

  /** Whether there is a stream of this path. */
  static boolean exists(String path) {
    return path.equals("/ws/state") || path.equals("/ws/console");
  }

  /**
   * Opens the stream that an admitted request asks for. On the event loop.
   *
   * @throws ControlException if it cannot be opened; the request is to be answered then
   */
  void open(ChannelHandlerContext context, FullHttpRequest request, QueryStringDecoder query) {
    WebSocketServerHandshaker handshaker = handshaker(request);
    if (handshaker == null) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "the request is no WebSocket of version 13",
          "Use a current browser.");
    }
    StreamHandler handler = handler(query);
    if (!slots.tryAcquire()) {
      throw new ControlException(
          ControlException.Kind.BUSY,
          "%d streams of the dashboard are open".formatted(DashboardLimits.MAX_STREAMS),
          "Close some of its pages.");
    }
    context.channel().closeFuture().addListener(closed -> slots.release());
    ChannelPipeline pipeline = context.pipeline();
    pipeline.replace(context.handler(), "stream", handler);
    handshaker
        .handshake(context.channel(), request)
        .addListener(done -> {
          if (done.isSuccess()) {
            handler.begin(new Stream(context.channel()));
          } else {
            context.close();
          }
        });
    pipeline.addBefore(
        PageHandler.FLOW, "frames", new WebSocketFrameAggregator(DashboardLimits.MAX_TYPED_BYTES));
  }

  private static @Nullable WebSocketServerHandshaker handshaker(FullHttpRequest request) {
    HttpHeaders headers = request.headers();
    if (!"13".equals(headers.get("sec-websocket-version"))
        || !headers.contains("sec-websocket-key")
        || !headers.containsValue("upgrade", "websocket", true)) {
      return null;
    }
    return new WebSocketServerHandshakerFactory(
            "ws://" + headers.get("host") + request.uri(),
            null,
            WebSocketDecoderConfig.newBuilder()
                .maxFramePayloadLength(DashboardLimits.MAX_TYPED_BYTES)
                .allowExtensions(false)
                .build())
        .newHandshaker(request);
  }

  private StreamHandler handler(QueryStringDecoder query) {
    if (query.path().equals("/ws/state")) {
      long after = number(query, "after");
      return new StreamHandler(stream -> {
        new StateStream(stream, sampler, vms.events(), mapper).start(after);
        return null;
      });
    }
    ControlledVm vm = vms.find(text(query, "vm"));
    ConsoleHistory history = vm.console();
    String run = runs.name(history);
    long from = text(query, "run").equals(run) ? number(query, "from") : -1;
    return new StreamHandler(stream -> {
      ConsoleStream console = new ConsoleStream(stream, vm, history, run, mapper);
      console.start(from);
      return console;
    });
  }

  private static String text(QueryStringDecoder query, String name) {
    List<String> values = query.parameters().getOrDefault(name, List.of());
    return values.size() == 1 ? values.getFirst() : "";
  }

  /** A number that the page has from us; -1 for anything else. */
  private static long number(QueryStringDecoder query, String name) {
    String text = text(query, name);
    return text.matches("\\d{1,18}") ? Long.parseLong(text) : -1;
  }
}
