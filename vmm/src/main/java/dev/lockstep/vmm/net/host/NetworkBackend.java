package dev.lockstep.vmm.net.host;

import dev.lockstep.vmm.net.Offloads;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A way to a real network. One thread receives while another sends; neither is held up by a network that takes nothing. */
public interface NetworkBackend extends AutoCloseable {
  /**
   * Waits for frames.
   *
   * @param timeoutMillis how long at most
   * @param maxBytes that many bytes at most, packed; at least that of one frame
   * @return those that have come, packed as {@link dev.lockstep.vmm.net.Frames} says; null if none has
   * @throws IOException if the network is gone, with words for people
   */
  byte @Nullable [] receive(int timeoutMillis, int maxBytes) throws IOException;

  /**
   * Sends a frame; never waits.
   *
   * @param packed has the frame
   * @param at where it begins, behind its length
   * @param length of the frame
   * @return false if it is lost, since there is no room for it
   * @throws IOException if the network is gone, with words for people
   */
  boolean send(byte[] packed, int at, int length) throws IOException;

  /** Whether each frame goes behind its {@link dev.lockstep.vmm.net.OffloadHeader}. */
  boolean hasHeaders();

  /**
   * Tells the network what the guest does with frames in its place. One without headers knows no offloads.
   *
   * @throws IOException if the network is gone, with words for people
   */
  void offload(Offloads offloads) throws IOException;

  @Override
  void close();
}
