package dev.lockstep.vmm.debug;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.trace.SymbolTable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The protocol, byte by byte, and clients that do not keep to it. */
class DebugServerTest {
  @TempDir Path folder = Path.of("unset");

  /** What a client does. */
  private interface Script {
    void run(Client client) throws Exception;
  }

  /** A client on a connection of its own. */
  private static final class Client implements AutoCloseable {
    private final String target;
    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;

    Client(String target) throws IOException {
      this.target = target;
      int colon = target.lastIndexOf(':');
      socket =
          new Socket(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)));
      socket.setSoTimeout(60_000);
      in = socket.getInputStream();
      out = socket.getOutputStream();
    }

    void raw(String bytes) throws IOException {
      out.write(bytes.getBytes(StandardCharsets.ISO_8859_1));
      out.flush();
    }

    void packet(String data) throws IOException {
      int sum = data.chars().sum() & 0xff;
      raw("$%s#%02x".formatted(data, sum));
    }

    /** What comes up to and with a packet, acknowledgements too. */
    String reply() throws IOException {
      StringBuilder text = new StringBuilder();
      while (text.length() < 3 || text.charAt(text.length() - 3) != '#') {
        int next = in.read();
        if (next < 0) {
          throw new EOFException("after " + text);
        }
        text.append((char) next);
      }
      return text.toString();
    }

    /** What a monitor command shows. */
    String monitor(String command) throws IOException {
      HexFormat hex = HexFormat.of();
      String shown = ask("qRcmd," + hex.formatHex(command.getBytes(StandardCharsets.US_ASCII)));
      return new String(hex.parseHex(shown), StandardCharsets.UTF_8);
    }

    /** Asks and answers without frames. */
    String ask(String data) throws IOException {
      packet(data);
      String reply = reply();
      raw("+");
      assertThat(reply).startsWith("+$");
      String answer = reply.substring(2, reply.length() - 3);
      assertThat(reply).endsWith("#%02x".formatted(answer.chars().sum() & 0xff));
      return answer;
    }

    int read() throws IOException {
      return in.read();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private void served(Script... scripts) throws Exception {
    served(SymbolTable.EMPTY, scripts);
  }

  private void served(SymbolTable symbols, Script... scripts) throws Exception {
    try (Recorded recorded = Recorded.open(folder, 64 << 20);
        DebugServer server = DebugServer.listen("127.0.0.1:0")) {
      CompletableFuture<Void> clients = new CompletableFuture<>();
      Thread.ofVirtual()
          .start(() -> {
            try {
              for (Script script : scripts) {
                try (Client client = new Client(server.target())) {
                  script.run(client);
                }
              }
              clients.complete(null);
            } catch (Throwable e) {
              clients.completeExceptionally(e);
            } finally {
              server.stop();
              recorded.cursor.interrupt();
            }
          });
      server.serve(recorded.travel, symbols);
      clients.get(1, TimeUnit.MINUTES);
    }
  }

  @Test
  void answersTheCommandsOfASession() throws Exception {
    served(
        client -> {
          assertThat(client.ask("qSupported:swbreak+;xmlRegisters=i386"))
              .contains("PacketSize=4000", "ReverseStep+", "ReverseContinue+", "swbreak+");
          assertThat(client.ask("?")).isEqualTo("T05thread:01;");
          assertThat(client.ask("qXfer:features:read:target.xml:0,10"))
              .isEqualTo("m<?xml version=\"1");
          assertThat(client.ask("qXfer:features:read:target.xml:fffff,10")).isEqualTo("l");
          assertThat(client.ask("g")).hasSize(2 * (17 * 8 + 7 * 4 + 80 + 8 * 4 + 256 + 4 + 16));
          // RIP: the guest's first instruction.
          assertThat(client.ask("p10")).matches("[0-9a-f]{4}100000000000");
          assertThat(client.ask("m100000,4")).hasSize(8);
          assertThat(client.ask("m7fffffffffffff00,8")).isEqualTo("E0e");
          assertThat(client.ask("M100000,1:90")).startsWith("E.");
          assertThat(client.ask("G00")).startsWith("E.");
          assertThat(client.ask("P0=00")).startsWith("E.");
          assertThat(client.ask("bs")).isEqualTo("T05thread:01;replaylog:begin;");
          assertThat(client.ask("Z0,1,1")).isEqualTo("OK");
          assertThat(client.ask("z0,1,1")).isEqualTo("OK");
          assertThat(client.ask("s")).isEqualTo("T05thread:01;");
          assertThat(client.ask("s100000")).startsWith("E.");
          assertThat(client.ask("bc")).isEqualTo("T05thread:01;replaylog:begin;");
          assertThat(client.ask("Z2,50000,8")).isEqualTo("OK");
          assertThat(client.ask("c")).isEqualTo("T05thread:01;watch:50000;");
          assertThat(client.ask("z2,50000,8")).isEqualTo("OK");
          assertThat(client.ask("vMustReplyEmpty")).isEmpty();
          assertThat(client.ask("D")).isEqualTo("OK");
        },
        // The next one finds it where it was left.
        client -> assertThat(client.ask("bs")).isEqualTo("T05thread:01;"));
  }

  @Test
  void monitorNamesAddresses() throws Exception {
    Path map =
        Files.writeString(folder.resolve("System.map"), "100000 T first_of_all\n100004 T second\n");
    served(
        SymbolTable.read(map),
        client -> {
          assertThat(client.monitor("info"))
              .contains("point        0@0x100000 rcx=0x0 <first_of_all>\n");
          assertThat(client.monitor("symbol second")).isEqualTo("0x100004 <second>\n");
          assertThat(client.monitor("symbol 0x100006")).isEqualTo("0x100006 <second+0x2>\n");
          assertThat(client.monitor("symbol 0xfffff")).isEqualTo("0xfffff has no symbol\n");
          assertThat(client.monitor("symbol third")).isEqualTo("There is no symbol 'third'.\n");
          assertThat(client.monitor("goto 1000"))
              .containsPattern("^at 1000@0x[^ ]+ .*<second\\+0x");
          // As monitor goto takes it.
          assertThat(client.monitor("point")).doesNotContain("<");
        });
  }

  @Test
  void withoutSymbolsMonitorSaysHowToGiveThem() throws Exception {
    served(client -> {
      assertThat(client.monitor("info")).doesNotContain("<");
      assertThat(client.monitor("symbol second")).contains("--symbols");
    });
  }

  @Test
  void malformedPacketsAreAnsweredAndNeverEndTheSession() throws Exception {
    Random random = new Random();
    long seed = random.nextLong();
    System.out.println("DebugServerTest seed " + seed);
    random.setSeed(seed);
    served(client -> {
      client.raw("$g#00");
      assertThat(client.read()).isEqualTo('-');
      client.raw("noise$cut off$?#3f");
      assertThat(client.reply()).isEqualTo("+$T05thread:01;#%02x".formatted(sum("T05thread:01;")));
      client.raw("-");
      assertThat(client.reply()).isEqualTo("$T05thread:01;#%02x".formatted(sum("T05thread:01;")));
      client.raw("$" + "m".repeat(70_000) + "#00");
      assertThat(client.read()).isEqualTo('-');
      for (String bad :
          new String[] {
            "m",
            "m,",
            "mzz,1",
            "m0,-1",
            "p",
            "pffff",
            "Z",
            "Z0",
            "Z0,",
            "Z0,1",
            "Z9,1,1",
            "z2,1,0",
            "Z2,0,ffffffffffff",
            "qXfer:features:read:target.xml:",
            "qRcmd,7",
            "qRcmd,zz",
            "",
            "b",
            "bx",
            "m0,ffffffffffffffffff",
            "S",
            "C05;1"
          }) {
        client.packet(bad);
        client.reply();
      }
      for (int i = 0; i < 300; i++) {
        byte[] noise = new byte[random.nextInt(12)];
        random.nextBytes(noise);
        // Not those that end the session.
        String text =
            "mpZzqQbHTvMXGP".charAt(random.nextInt(14))
                + new String(noise, StandardCharsets.ISO_8859_1).replaceAll("[#$}\\x03]", "0");
        if (!text.startsWith("vKill") && !text.equals("QStartNoAckMode")) {
          client.packet(text);
          client.reply();
        }
      }
      assertThat(client.ask("?")).startsWith("T05");
    });
  }

  private static int sum(String text) {
    return text.chars().sum() & 0xff;
  }

  @Test
  void withoutAcknowledgementsNothingIsAcknowledged() throws Exception {
    served(client -> {
      assertThat(client.ask("QStartNoAckMode")).isEqualTo("OK");
      client.packet("qC");
      assertThat(client.reply()).startsWith("$QC01#");
      // An escaped byte: 'C' as '}' and 'C' ^ 0x20.
      client.raw("$q}c#%02x".formatted(sum("q}c")));
      assertThat(client.reply()).startsWith("$QC01#");
      client.raw("-");
      client.packet("qAttached");
      assertThat(client.reply()).startsWith("$1#");
    });
  }

  @Test
  void aSecondClientIsTurnedAway() throws Exception {
    served(client -> {
      assertThat(client.ask("qC")).isEqualTo("QC01");
      try (Client second = new Client(client.target)) {
        assertThat(second.read()).isEqualTo(-1);
      }
      assertThat(client.ask("qC")).isEqualTo("QC01");
    });
  }

  @Test
  void anInterruptStopsARunningGuest() throws Exception {
    served(client -> {
      // Never written: read watched, the guest runs to its end unless it is stopped.
      assertThat(client.ask("Z2,60000,1")).isEqualTo("OK");
      client.packet("c");
      client.raw("\003");
      String reply = client.reply();
      assertThat(reply).contains("T02thread:01;");
    });
  }

  @Test
  void listensOnASocketFileToo() throws Exception {
    Path file = folder.resolve("gdb.socket");
    try (Recorded recorded = Recorded.open(folder, 64 << 20);
        DebugServer server = DebugServer.listen(file.toString())) {
      assertThat(server.target()).isEqualTo(file.toString());
      try (SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX)) {
        client.connect(UnixDomainSocketAddress.of(file));
        client.write(ByteBuffer.wrap("$k#6b".getBytes(StandardCharsets.US_ASCII)));
        server.serve(recorded.travel, SymbolTable.EMPTY);
      }
    }
    assertThat(Files.exists(file)).isFalse();
  }

  @Test
  void saysWhatIsWrongWithAnAddress() {
    for (String bad :
        new String[] {"here", "localhost:x", "localhost:99999", "/no/such/folder/s"}) {
      assertThatThrownBy(() -> DebugServer.listen(bad))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("cannot listen on '%s'".formatted(bad));
    }
  }
}
