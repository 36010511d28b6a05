package dev.lockstep.cli.dashboard;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;

/** The answer to one request, with what every answer of the dashboard tells the browser: run nothing foreign, keep nothing, show it in no frame. Given once. */
final class Answer {
  private final ChannelHandlerContext context;
  private final String host;
  private boolean keepAlive;

  Answer(ChannelHandlerContext context, FullHttpRequest request) {
    this.context = context;
    this.host = request.headers().get(HttpHeaderNames.HOST, "");
    this.keepAlive = HttpUtil.isKeepAlive(request);
  }

  /** The connection ends with it. */
  Answer andClose() {
    keepAlive = false;
    return this;
  }

  /** A sentence. */
  void text(HttpResponseStatus status, String sentence) {
    send(response(status, "text/plain; charset=utf-8", sentence.getBytes(StandardCharsets.UTF_8)));
  }

  /** An object. */
  void json(HttpResponseStatus status, byte[] json) {
    send(response(status, "application/json", json));
  }

  /** A file. */
  void ok(String type, byte[] content) {
    send(response(HttpResponseStatus.OK, type, content));
  }

  /** The page. Its host has been checked. */
  void page(byte[] content, String nonce) {
    FullHttpResponse response =
        response(HttpResponseStatus.OK, "text/html; charset=utf-8", content);
    // The terminal makes style sheets (with the nonce) and style attributes; scripts are files of
    // ours alone.
    response
        .headers()
        .set(
            HttpHeaderNames.CONTENT_SECURITY_POLICY,
            ("default-src 'none'; script-src 'self'; style-src-elem 'self' 'nonce-%s'; style-src-attr 'unsafe-inline'; "
                    + "img-src 'self'; connect-src 'self' ws://%s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
                .formatted(nonce, host));
    send(response);
  }

  /** The browser is let in, and goes on without the token in its address. */
  void letIn(String cookie) {
    FullHttpResponse response =
        response(HttpResponseStatus.SEE_OTHER, "text/plain; charset=utf-8", new byte[0]);
    response.headers().set(HttpHeaderNames.SET_COOKIE, cookie).set(HttpHeaderNames.LOCATION, "/");
    send(response);
  }

  /** There is something of this name, but not for this method. */
  void notAllowed(String method) {
    FullHttpResponse response =
        response(
            HttpResponseStatus.METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "Only %s does something here.".formatted(method).getBytes(StandardCharsets.UTF_8));
    response.headers().set(HttpHeaderNames.ALLOW, method);
    send(response);
  }

  private static FullHttpResponse response(HttpResponseStatus status, String type, byte[] content) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(content));
    HttpHeaders headers = response.headers();
    headers.set(HttpHeaderNames.CONTENT_TYPE, type);
    headers.set(HttpHeaderNames.CACHE_CONTROL, "no-store");
    headers.set(
        HttpHeaderNames.CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    headers.set("x-content-type-options", "nosniff");
    headers.set("referrer-policy", "no-referrer");
    headers.set("cross-origin-resource-policy", "same-origin");
    headers.set("cross-origin-opener-policy", "same-origin");
    return response;
  }

  private void send(FullHttpResponse response) {
    HttpUtil.setContentLength(response, response.content().readableBytes());
    if (!keepAlive) {
      response.headers().set(HttpHeaderNames.CONNECTION, "close");
    }
    var sent = context.writeAndFlush(response);
    if (!keepAlive) {
      sent.addListener(ChannelFutureListener.CLOSE);
    }
  }
}
