package dev.lockstep.ft.net;

import io.netty.channel.Channel;
import java.util.Iterator;
import java.util.LinkedHashSet;

/** Connections that have not said yet who they are. There are at most so many; when one more comes, the oldest has to go: whoever holds them open keeps nobody out. */
final class Newcomers {
  private final int max;
  private final LinkedHashSet<Channel> waiting = new LinkedHashSet<>();

  Newcomers(int max) {
    this.max = max;
  }

  synchronized void arrived(Channel channel) {
    waiting.add(channel);
    if (waiting.size() > max) {
      Iterator<Channel> oldest = waiting.iterator();
      Channel first = oldest.next();
      // First out of the set: closing it may come back here at once.
      oldest.remove();
      first.close();
    }
  }

  /** It has said who it is, or is closed. */
  synchronized void left(Channel channel) {
    waiting.remove(channel);
  }

  synchronized int count() {
    return waiting.size();
  }
}
