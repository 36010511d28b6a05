package dev.lockstep.it.network;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;

/** What a client has to say to one service, question by question. */
interface Conversation {
  /**
   * Asks, and checks the answer.
   *
   * @return how many bytes it had
   * @throws IOException if the connection fails, or the answer is not what it must be
   */
  int ask(DataInputStream in, OutputStream out) throws IOException;
}
