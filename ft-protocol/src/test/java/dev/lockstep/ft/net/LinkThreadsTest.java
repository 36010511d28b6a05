package dev.lockstep.ft.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import org.junit.jupiter.api.Test;

/** The JDK's selector would do the same, less well: nobody would see that it does. */
class LinkThreadsTest {
  @Test
  void linksWaitByEpollWhereItsLibraryIsFor() {
    assumeTrue(
        System.getProperty("os.arch").equals("amd64"),
        "SKIPPED: Netty's epoll comes for x86-64 here");
    assertThat(Epoll.unavailabilityCause()).isNull();
    assertThat(LinkThreads.connection()).isEqualTo(EpollSocketChannel.class);
    assertThat(LinkThreads.listener()).isEqualTo(EpollServerSocketChannel.class);
  }
}
