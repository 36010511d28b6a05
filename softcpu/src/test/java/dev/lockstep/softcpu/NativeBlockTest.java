package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.NativeBlock.Edge;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What leads to a translation is known once, however often it is told, and to one translation only. */
final class NativeBlockTest {
  private static NativeBlock block(int number) {
    return new NativeBlock(Block.STOP, Block.STOP, number);
  }

  private static List<Edge> take(NativeBlock block) {
    List<Edge> all = new ArrayList<>();
    for (Edge edge = block.takeIncoming(); edge != null; edge = block.takeIncoming()) {
      all.add(edge);
    }
    return all;
  }

  @Test
  void anEdgeIsKnownToOneBlockAndOnce() {
    NativeBlock from = block(0);
    NativeBlock one = block(1);
    NativeBlock other = block(2);
    List<Edge> edges = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      edges.add(new Edge(from, i, 0, 0, true));
      edges.get(i).lead(one);
      edges.get(i).lead(one);
    }
    // From the middle, the front and the end of the list.
    edges.get(1).lead(other);
    edges.get(3).lead(other);
    edges.get(0).lead(other);
    edges.get(1).lead(one);
    assertThat(edges.get(1).leadsTo(one)).isTrue();
    assertThat(take(one)).containsExactlyInAnyOrder(edges.get(1), edges.get(2));
    assertThat(take(other)).containsExactlyInAnyOrder(edges.get(0), edges.get(3));
    assertThat(edges).noneMatch(edge -> edge.leadsTo(one) || edge.leadsTo(other));
    assertThat(take(one)).isEmpty();
  }
}
