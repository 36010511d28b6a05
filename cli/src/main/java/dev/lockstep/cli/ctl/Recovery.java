package dev.lockstep.cli.ctl;

import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.DiskImage;
import dev.lockstep.ft.control.proto.ImageState;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What every endpoint's images of a VM are worth, compared.
 *
 * @param answers of those that know the VM
 * @param silent endpoints that gave no answer, with why
 */
public record Recovery(List<Answer> answers, List<String> silent) {

  /** What one endpoint says. */
  public record Answer(ControlClient client, RecoverVmResponse response) {
    /** The least of its images; all of a replica's are marked together. */
    private Optional<DiskImage> least() {
      return response.getImagesList().stream().min(Recovery::byTrust);
    }
  }

  /**
   * Asks every endpoint.
   *
   * @throws CallException if none knows the VM
   */
  public static Recovery ask(Endpoints endpoints, RecoverVmRequest request) {
    List<Answer> answers = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    CallException last = null;
    for (ControlClient client : endpoints.all()) {
      try {
        answers.add(new Answer(client, endpoints.call(client, calls -> calls.recoverVm(request))));
      } catch (CallException e) {
        if (e.kind() != CallException.Kind.NO_SUCH_VM) {
          silent.add(String.valueOf(e.getMessage()));
        }
        last = e;
      }
    }
    if (answers.isEmpty() && last != null) {
      throw last;
    }
    return new Recovery(List.copyOf(answers), List.copyOf(silent));
  }

  /** Orders images of one VM so that the last is the one to go on with; as the disk markers' own order. */
  private static int byTrust(DiskImage one, DiskImage other) {
    return Comparator.comparing(Recovery::usable)
        .thenComparingLong(DiskImage::getEpoch)
        .thenComparing(DiskImage::getState)
        .compare(one, other);
  }

  private static boolean usable(DiskImage image) {
    return image.getState() == ImageState.IMAGE_STATE_LIVE
        || image.getState() == ImageState.IMAGE_STATE_IN_SYNC;
  }

  /** The endpoint with the most trusted images, right or not. */
  public Optional<Answer> best() {
    return answers.stream()
        .filter(answer -> answer.least().isPresent())
        .max((one, other) -> byTrust(one.least().orElseThrow(), other.least().orElseThrow()));
  }

  /** The endpoint whose images are the right ones to start from; empty if that cannot be told. */
  public Optional<Answer> right() {
    return silent.isEmpty()
        ? best().filter(answer -> answer.response().getStartable())
        : Optional.empty();
  }

  /** One sentence. */
  public String verdict() {
    if (!silent.isEmpty()) {
      return "it cannot be told which image is right, since " + String.join("; ", silent);
    }
    Optional<Answer> best = best();
    if (best.isEmpty()) {
      return "the VM has no disk that the guest can write; there is nothing to recover from";
    }
    String where = best.get().client().address().toString();
    return right().isPresent() && answers.size() > 1
        ? "the images at %s are the right ones to go on with".formatted(where)
        : "%s: %s".formatted(where, best.get().response().getVerdict());
  }
}
