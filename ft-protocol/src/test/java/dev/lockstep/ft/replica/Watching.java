package dev.lockstep.ft.replica;

import java.util.ArrayList;
import java.util.List;

/** Remembers what a replica says of itself. */
final class Watching implements ReplicaListener {
  private final String name;
  private final List<String> phases = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  Watching(String name) {
    this.name = name;
  }

  @Override
  public synchronized void changed(ReplicaStatus status) {
    phases.add(status.phase());
    notifyAll();
  }

  @Override
  public synchronized void note(String sentence) {
    notes.add(sentence);
    notifyAll();
  }

  synchronized List<String> notes() {
    return List.copyOf(notes);
  }

  /** Waits until it has been in a phase, counting from the {@code times}-th. */
  synchronized void await(String phase, int times) throws InterruptedException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (phases.stream().filter(phase::equals).count() < times) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new AssertionError(
            "%s never came to %s: %s %s".formatted(name, phase, phases, notes));
      }
      wait(left / 1_000_000 + 1);
    }
  }

  /** Waits until a note has such words in it. */
  void awaitNote(String words) throws InterruptedException {
    if (!notes(words, 60_000)) {
      throw new AssertionError("%s never noted '%s': %s %s".formatted(name, words, phases, notes));
    }
  }

  /** Whether a note has such words in it within that time. */
  synchronized boolean notes(String words, long millis) throws InterruptedException {
    long deadline = System.nanoTime() + millis * 1_000_000;
    while (notes.stream().noneMatch(note -> note.contains(words))) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      wait(left / 1_000_000 + 1);
    }
    return true;
  }

  void await(String phase) throws InterruptedException {
    await(phase, 1);
  }
}
