package dev.lockstep.cli.control;

import dev.lockstep.ft.control.proto.DiskImage;
import dev.lockstep.ft.control.proto.ImageState;
import dev.lockstep.vmm.config.DriveConfig;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.disk.DiskMarker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a VM's images are worth after both replicas were lost: their markers, compared with those of the other replica's images where this host can read them.
 *
 * @param images the VM's own that the guest can write, then the others
 * @param startable whether its own can be the right ones to start
 * @param verdict one sentence
 */
record DiskStanding(List<DiskImage> images, boolean startable, String verdict) {

  /**
   * Reads the markers.
   *
   * @param others images of the other replica
   * @throws dev.lockstep.engine.VmmException if a marker is damaged
   */
  static DiskStanding of(MachineConfig config, List<Path> others) {
    String vm = config.name();
    List<Path> own =
        config.drives().stream().filter(drive -> !drive.readOnly()).map(DriveConfig::path).toList();
    List<DiskImage> images = new ArrayList<>();
    own.forEach(image -> images.add(describe(image, vm)));
    others.forEach(image -> images.add(describe(image, vm)));
    List<DiskImage> mine = images.subList(0, own.size());
    for (DiskImage image : mine) {
      switch (image.getState()) {
        case IMAGE_STATE_STALE -> {
          return refused(
              images,
              "image '%s' is stale: the VM has gone on without it since epoch %d"
                  .formatted(image.getPath(), image.getEpoch()));
        }
        case IMAGE_STATE_FOREIGN -> {
          return refused(
              images, "image '%s' belongs to VM '%s'".formatted(image.getPath(), image.getOwner()));
        }
        case IMAGE_STATE_MISSING -> {
          return refused(images, "image '%s' is not there".formatted(image.getPath()));
        }
        default -> {}
      }
    }
    return compared(images, own, others, vm);
  }

  private static DiskStanding refused(List<DiskImage> images, String verdict) {
    return new DiskStanding(List.copyOf(images), false, verdict);
  }

  private static DiskStanding compared(
      List<DiskImage> images, List<Path> own, List<Path> others, String vm) {
    Optional<DiskMarker> mine = least(own, vm);
    Optional<DiskMarker> theirs = least(others, vm);
    if (theirs.isPresent()
        && theirs.get().state() != DiskMarker.State.STALE
        && (mine.isEmpty() || DiskMarker.byTrust().compare(mine.get(), theirs.get()) < 0)) {
      return refused(
          images,
          "the other replica's image is the right one: it is %s".formatted(describe(theirs.get())));
    }
    if (mine.isEmpty()) {
      return new DiskStanding(
          List.copyOf(images),
          true,
          "no replica has used these images; there is nothing to recover from");
    }
    String are = describe(mine.get());
    return switch (mine.get().state()) {
      case LIVE ->
          new DiskStanding(
              List.copyOf(images),
              true,
              "these images are the right ones, unless another host has one of a higher epoch: they are "
                  + are);
      case IN_SYNC ->
          // Its primary may have gone on alone since.
          refused(
              images,
              "these images were a backup's, %s: they are the right ones only if the primary's are lost"
                  .formatted(are));
      case STALE -> throw new IllegalStateException("a stale image came so far");
    };
  }

  /** The least trusted marker of one replica's images: all are written together. */
  private static Optional<DiskMarker> least(List<Path> images, String vm) {
    return images.stream()
        .filter(Files::exists)
        .map(DiskMarker::read)
        .flatMap(Optional::stream)
        .filter(marker -> marker.vm().equals(vm))
        .min(DiskMarker.byTrust());
  }

  private static String describe(DiskMarker marker) {
    return "%s of epoch %d"
        .formatted(
            switch (marker.state()) {
              case LIVE -> "a primary's";
              case IN_SYNC -> "in sync";
              case STALE -> "stale";
            },
            marker.epoch());
  }

  private static DiskImage describe(Path image, String vm) {
    DiskImage.Builder told = DiskImage.newBuilder().setPath(image.toString());
    if (!Files.exists(image)) {
      return told.setState(ImageState.IMAGE_STATE_MISSING).build();
    }
    Optional<DiskMarker> marker = DiskMarker.read(image);
    if (marker.isEmpty()) {
      return told.setState(ImageState.IMAGE_STATE_UNMARKED).build();
    }
    DiskMarker found = marker.get();
    told.setEpoch(found.epoch()).setOwner(found.vm());
    if (!found.vm().equals(vm)) {
      return told.setState(ImageState.IMAGE_STATE_FOREIGN).build();
    }
    return told.setState(
            switch (found.state()) {
              case STALE -> ImageState.IMAGE_STATE_STALE;
              case IN_SYNC -> ImageState.IMAGE_STATE_IN_SYNC;
              case LIVE -> ImageState.IMAGE_STATE_LIVE;
            })
        .build();
  }
}
