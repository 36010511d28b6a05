package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Nothing that comes is passed over, whoever takes the turns; never two at once. */
@Timeout(60)
class TurnsTest {
  private static final long NEVER = Long.MAX_VALUE;

  /** So many are taken in a turn at most. */
  private static final int BATCH = 8;

  /** Takes what has come; does {@code each} in each turn. */
  private static final class Taking implements Turns.Work {
    private final AtomicInteger inside = new AtomicInteger();
    private final List<Object> taken = new ArrayList<>();
    private final BooleanSupplier each;
    private final Turns turns = new Turns(this, System::nanoTime);
    private final Inbox inbox = new Inbox(turns::wake);
    private volatile long due = NEVER;
    private volatile int count;

    /** As {@code count}, behind the turn that has taken the last of them. */
    private volatile int done;

    Taking(BooleanSupplier each) {
      this.each = each;
    }

    @Override
    public boolean turn() {
      if (inside.incrementAndGet() != 1) {
        throw new AssertionError("two turns at once");
      }
      Object item = inbox.poll();
      for (int n = 0; item != null && n < BATCH; n++) {
        taken.add(item);
        item = n + 1 < BATCH ? inbox.poll() : null;
      }
      count = taken.size();
      boolean more = each.getAsBoolean();
      inside.decrementAndGet();
      done = count;
      return more;
    }

    @Override
    public boolean hasCome() {
      return inbox.hasItems();
    }

    @Override
    public long dueNanos() {
      return due;
    }
  }

  private volatile @Nullable Taking made;

  /** For what is done in its turns. */
  private Taking made() {
    return Objects.requireNonNull(made);
  }

  private static Thread start(Taking work, AtomicReference<@Nullable Throwable> thrown) {
    return Thread.ofPlatform()
        .start(() -> {
          try {
            work.turns.takeUntilOver();
          } catch (Throwable e) {
            thrown.set(e);
          }
        });
  }

  /** With turns that are due soon, so that both kinds of waking meet, and with none, so that nothing makes up for one that was forgotten. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void nothingIsPassedOverWhereverTurnsAreTaken(boolean dueSoon) throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("TurnsTest seed " + seed);
    Random random = new Random(seed);
    int each = 20_000;
    Taking work =
        new Taking(() -> {
          Taking it = made();
          it.due =
              dueSoon && random.nextInt(8) > 0 ? System.nanoTime() + random.nextInt(20_000) : NEVER;
          return it.count < 3 * each;
        });
    made = work;
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Thread own = start(work, thrown);
    List<Thread> fillers = new ArrayList<>();
    for (int filler = 0; filler < 3; filler++) {
      int from = filler;
      fillers.add(Thread.ofPlatform().start(() -> fill(work.inbox, from, each)));
    }
    // Links come and go meanwhile; one that is gone takes no turns any more.
    Random links = new Random(seed + 1);
    while (own.isAlive()) {
      try (ExecutorService link = Executors.newSingleThreadExecutor()) {
        work.turns.takeNearLink(link);
        own.join(links.nextInt(1, 20));
      }
    }
    for (Thread filler : fillers) {
      filler.join();
    }
    assertThat(thrown.get()).as("seed %d", seed).isNull();
    int[] next = new int[3];
    for (Object item : work.taken) {
      int[] it = (int[]) item;
      assertThat(it[1]).as("of filler %d, seed %d", it[0], seed).isEqualTo(next[it[0]]++);
    }
    assertThat(next).as("seed %d", seed).containsOnly(each);
  }

  private static void fill(Inbox inbox, int filler, int count) {
    for (int i = 0; i < count; i++) {
      int[] item = {filler, i};
      switch (filler) {
        case 0 -> inbox.put(item);
        case 1 -> assertThat(inbox.offerFromPeer(item)).isTrue();
        default -> inbox.putFromVcpu(List.of(item));
      }
    }
  }

  @Test
  void whatALinkBringsIsTakenOnItsThread() throws Exception {
    AtomicReference<@Nullable Thread> by = new AtomicReference<>();
    CountDownLatch first = new CountDownLatch(1);
    Taking work =
        new Taking(() -> {
          by.set(Thread.currentThread());
          first.countDown();
          return true;
        });
    work.due = NEVER;
    Thread own = start(work, new AtomicReference<>());
    first.await();
    assertThat(by.get()).isSameAs(own);
    await(() -> own.getState() == Thread.State.TIMED_WAITING);
    try (ExecutorService link = Executors.newSingleThreadExecutor()) {
      work.turns.takeNearLink(link);
      link.submit(() -> work.inbox.offerFromPeer("a message")).get();
      Thread linkThread = link.submit(Thread::currentThread).get();
      awaitCount(work, 1);
      assertThat(by.get()).isSameAs(linkThread);
    }
    work.inbox.put("behind the link's end");
    awaitCount(work, 2);
    assertThat(by.get()).isSameAs(own);
    work.turns.end();
    own.join();
  }

  @Test
  void aLinkThatStandsStillDelaysNothingBeyondWhatIsDue() throws Exception {
    Taking work =
        new Taking(() -> {
          made().due = System.nanoTime() + 1_000_000;
          return true;
        });
    made = work;
    Thread own = start(work, new AtomicReference<>());
    work.turns.takeNearLink(task -> {});
    work.inbox.put("whatever");
    awaitCount(work, 1);
    work.turns.end();
    own.join();
  }

  @Test
  void whatIsDueSoonerThanBeforeWakesTheOwnThread() throws Exception {
    AtomicInteger ownTurns = new AtomicInteger();
    AtomicReference<@Nullable Thread> self = new AtomicReference<>();
    Taking work =
        new Taking(() -> {
          if (Thread.currentThread() == self.get()) {
            ownTurns.incrementAndGet();
            made().due = NEVER;
          } else {
            made().due = System.nanoTime() + 100_000;
          }
          return true;
        });
    made = work;
    Thread own = start(work, new AtomicReference<>());
    self.set(own);
    try (ExecutorService link = Executors.newSingleThreadExecutor()) {
      work.turns.takeNearLink(link);
      await(() -> own.getState() == Thread.State.TIMED_WAITING);
      int before = ownTurns.get();
      work.inbox.put("a message");
      await(() -> ownTurns.get() > before);
    }
    assertThat(work.count).isEqualTo(1);
    work.turns.end();
    own.join();
  }

  @Test
  void whatATurnThrowsEndsThemWhoeverTookIt() throws Exception {
    IllegalStateException what = new IllegalStateException("of a turn");
    Taking work =
        new Taking(() -> {
          if (made().count > 0) {
            throw what;
          }
          return true;
        });
    made = work;
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Thread own = start(work, thrown);
    try (ExecutorService link = Executors.newSingleThreadExecutor()) {
      work.turns.takeNearLink(link);
      work.inbox.put("bad");
      own.join();
    }
    assertThat(thrown.get()).isSameAs(what);
  }

  @Test
  void theEndWaitsForATurnUnderWay() throws Exception {
    CountDownLatch inTurn = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger ended = new AtomicInteger();
    Taking work =
        new Taking(() -> {
          if (made().count > 0) {
            inTurn.countDown();
            awaitQuietly(go);
            ended.incrementAndGet();
          }
          return true;
        });
    made = work;
    try (ExecutorService link = Executors.newSingleThreadExecutor()) {
      work.turns.takeNearLink(link);
      Thread own = start(work, new AtomicReference<>());
      await(() -> own.getState() == Thread.State.TIMED_WAITING);
      work.inbox.put("something long");
      inTurn.await();
      work.turns.end();
      own.join(20);
      assertThat(own.isAlive()).isTrue();
      assertThat(ended).hasValue(0);
      go.countDown();
      own.join();
      assertThat(ended).hasValue(1);
    }
  }

  @Test
  void anEndBeforeTheBeginningIsOne() throws Throwable {
    Taking work = new Taking(() -> true);
    work.turns.end();
    work.turns.takeUntilOver();
    work.inbox.put("late");
    assertThat(work.taken).isEmpty();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void awaitCount(Taking work, int count) {
    await(() -> work.done >= count);
  }

  private static void await(BooleanSupplier what) {
    while (!what.getAsBoolean()) {
      if (Thread.interrupted()) {
        throw new IllegalStateException("waited too long");
      }
      Thread.onSpinWait();
    }
  }
}
