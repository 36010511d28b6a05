package dev.lockstep.cli.dashboard;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlException;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.timeout.IdleStateEvent;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/** The requests of one connection, one after the other: who asks, what for, and the answer. On the event loop; actions on threads of their own. */
final class PageHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  /** Name of the handler that holds back what comes while a request is worked on. */
  static final String FLOW = "flow";

  private static final Logger LOG = LoggerFactory.getLogger(PageHandler.class);
  private static final int NONCE_BYTES = 16;

  private final Admission admission;
  private final Assets assets;
  private final Actions actions;
  private final Sampler sampler;
  private final Streams streams;
  private final JsonMapper mapper;
  private boolean admitted;
  private boolean acting;

  PageHandler(
      Admission admission,
      Assets assets,
      Actions actions,
      Sampler sampler,
      Streams streams,
      JsonMapper mapper) {
    this.admission = admission;
    this.assets = assets;
    this.actions = actions;
    this.sampler = sampler;
    this.streams = streams;
    this.mapper = mapper;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    context
        .executor()
        .schedule(
            () -> {
              if (!admitted) {
                context.close();
              }
            },
            DashboardLimits.ADMISSION_SECONDS,
            TimeUnit.SECONDS);
    context.fireChannelActive();
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    Answer answer = new Answer(context, request);
    if (request.decoderResult().isFailure()) {
      answer.andClose().text(HttpResponseStatus.BAD_REQUEST, "The request is no HTTP.");
      return;
    }
    QueryStringDecoder query = new QueryStringDecoder(request.uri());
    try {
      serve(context, request, query, answer);
    } catch (IllegalArgumentException e) {
      answer.andClose().text(HttpResponseStatus.BAD_REQUEST, "The address is no URL.");
    }
  }

  private void serve(
      ChannelHandlerContext context,
      FullHttpRequest request,
      QueryStringDecoder query,
      Answer answer) {
    String refused = admission.refusedHost(request.headers());
    String path = query.path();
    boolean post = request.method().equals(HttpMethod.POST);
    if (refused == null && path.equals("/") && query.parameters().containsKey("token")) {
      letIn(request, query, answer);
      return;
    }
    if (refused == null && !path.equals("/")) {
      refused = admission.refusedSite(request.headers());
    }
    if (refused == null && (post || Streams.exists(path))) {
      refused = admission.refusedOrigin(request.headers());
    }
    if (refused == null) {
      refused = admission.refusedUser(request.headers());
    }
    if (refused != null) {
      answer.andClose().text(HttpResponseStatus.FORBIDDEN, refused);
      return;
    }
    admitted = true;
    if (path.startsWith("/api/") && Actions.exists(path.substring("/api/".length()))) {
      if (post) {
        act(context, request, path.substring("/api/".length()), answer);
      } else {
        answer.notAllowed("POST");
      }
    } else if (!request.method().equals(HttpMethod.GET)) {
      answer.notAllowed("GET");
    } else if (Streams.exists(path)) {
      open(context, request, query, answer);
    } else {
      read(path, query, answer);
    }
  }

  private void letIn(FullHttpRequest request, QueryStringDecoder query, Answer answer) {
    List<String> given = query.parameters().getOrDefault("token", List.of());
    if (!request.method().equals(HttpMethod.GET)) {
      answer.notAllowed("GET");
    } else if (given.size() == 1 && admission.isToken(given.getFirst())) {
      admitted = true;
      answer.letIn(admission.setCookie());
    } else {
      answer
          .andClose()
          .text(
              HttpResponseStatus.FORBIDDEN,
              "The token is not this dashboard's. Open it by the address that Lockstep printed at its last start.");
    }
  }

  private void read(String path, QueryStringDecoder query, Answer answer) {
    byte[] content = assets.content(path.substring(1));
    if (path.equals("/")) {
      String nonce = Admission.random(NONCE_BYTES);
      answer.page(assets.page(nonce), nonce);
    } else if (content != null) {
      answer.ok(assets.type(path.substring(1)), content);
    } else if (path.equals("/api/samples")) {
      List<String> vm = query.parameters().getOrDefault("vm", List.of());
      answer.json(
          HttpResponseStatus.OK,
          mapper.writeValueAsBytes(
              Map.of("samples", vm.isEmpty() ? List.of() : sampler.samples(vm.getFirst()))));
    } else {
      answer.text(HttpResponseStatus.NOT_FOUND, "The dashboard has nothing of this name.");
    }
  }

  private void open(
      ChannelHandlerContext context,
      FullHttpRequest request,
      QueryStringDecoder query,
      Answer answer) {
    try {
      streams.open(context, request, query);
    } catch (VmmException e) {
      failed(answer, e);
    }
  }

  private void act(
      ChannelHandlerContext context, FullHttpRequest request, String action, Answer answer) {
    String type = request.headers().get("content-type");
    if (type == null || !type.startsWith("application/json")) {
      answer.text(HttpResponseStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON.");
      return;
    }
    byte[] body = ByteBufUtil.getBytes(request.content());
    acting = true;
    context.channel().config().setAutoRead(false);
    Thread.ofVirtual()
        .name("dashboard-" + action)
        .start(() -> {
          Throwable failure = attempt(action, body);
          context.executor().execute(() -> acted(context, answer, failure));
        });
  }

  private @Nullable Throwable attempt(String action, byte[] body) {
    try {
      actions.run(action, body);
      return null;
    } catch (ExecutionException e) {
      return e.getCause() == null ? e : e.getCause();
    } catch (InterruptedException | RuntimeException e) {
      return e;
    }
  }

  private void acted(ChannelHandlerContext context, Answer answer, @Nullable Throwable failure) {
    acting = false;
    if (failure == null) {
      answer.json(HttpResponseStatus.OK, mapper.writeValueAsBytes(Map.of("done", true)));
    } else {
      failed(answer, failure);
    }
    context.channel().config().setAutoRead(true);
  }

  private void failed(Answer answer, Throwable failure) {
    VmmException told =
        switch (failure) {
          case VmmException it -> it;
          default -> {
            LOG.error("a request of the dashboard failed", failure);
            yield new VmmException(
                "a defect of Lockstep: " + failure, "Report it, with the log of the process.");
          }
        };
    answer.json(
        status(failure),
        mapper.writeValueAsBytes(
            Map.of("error", String.valueOf(told.getMessage()), "advice", told.advice())));
  }

  private static HttpResponseStatus status(Throwable failure) {
    return switch (failure) {
      case ControlException it ->
          switch (it.kind()) {
            case NOT_FOUND -> HttpResponseStatus.NOT_FOUND;
            case EXISTS, WRONG_STATE -> HttpResponseStatus.CONFLICT;
            case INVALID -> HttpResponseStatus.BAD_REQUEST;
            case GONE -> HttpResponseStatus.GONE;
            case BUSY -> HttpResponseStatus.SERVICE_UNAVAILABLE;
            case UNSUPPORTED -> HttpResponseStatus.NOT_IMPLEMENTED;
          };
      case VmmException it -> HttpResponseStatus.CONFLICT;
      default -> HttpResponseStatus.INTERNAL_SERVER_ERROR;
    };
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event instanceof IdleStateEvent && !acting) {
      context.close();
    } else {
      context.fireUserEventTriggered(event);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // The connection broke; what is wrong in a request does not come this way.
    LOG.debug("a connection of the dashboard broke", cause);
    context.close();
  }
}
