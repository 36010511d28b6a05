package dev.lockstep.ft.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.ListVmsRequest;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The control port's socket: whose it is, who may open it, and what becomes of what was there. */
final class SocketFileTest {
  @TempDir Path folder;

  private static ControlServer serve(Path socket) {
    return ControlServer.start(new NoVms(), List.of(new ControlAddress.Socket(socket)));
  }

  private static void answers(Path socket) {
    try (ControlClient client = new ControlClient(new ControlAddress.Socket(socket))) {
      assertThat(client.calls().listVms(ListVmsRequest.getDefaultInstance()).getVmsList())
          .isEmpty();
    }
  }

  @Test
  void onlyItsUserCanOpenIt() throws Exception {
    Path socket = folder.resolve("new").resolve("control.sock");
    try (ControlServer _ = serve(socket)) {
      answers(socket);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
          .isEqualTo("rw-------");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket.getParent())))
          .isEqualTo("rwx------");
      try (Stream<Path> files = Files.list(socket.getParent())) {
        assertThat(files.map(file -> file.getFileName().toString()))
            .containsExactlyInAnyOrder("control.sock", "control.sock.lock");
      }
    }
    assertThat(socket).doesNotExist();
  }

  @Test
  void aLiveServersIsLeftToIt() {
    Path socket = folder.resolve("s");
    try (ControlServer _ = serve(socket)) {
      assertThatThrownBy(() -> serve(socket))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("is in use by process " + ProcessHandle.current().pid());
      answers(socket);
    }
  }

  @Test
  void aDeadServersIsReplaced() throws Exception {
    Path socket = folder.resolve("s");
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(socket));
    }
    assertThat(socket).exists();
    try (ControlServer _ = serve(socket)) {
      answers(socket);
    }
  }

  @Test
  void whatIsNotOursStays() throws Exception {
    Path socket = folder.resolve("other");
    try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      other.bind(UnixDomainSocketAddress.of(socket));
      assertThatThrownBy(() -> serve(socket))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("another program listens");
    }
    Path file = Files.writeString(folder.resolve("file"), "precious");
    assertThatThrownBy(() -> serve(file))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("is no socket");
    assertThat(file).hasContent("precious");
    assertThatThrownBy(() -> serve(folder.resolve("x".repeat(100))))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("too long");
  }
}
