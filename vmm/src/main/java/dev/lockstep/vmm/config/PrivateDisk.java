package dev.lockstep.vmm.config;

import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.disk.DiskOverlay;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** An image that is only read, with a private layer for what is written: both close together. */
final class PrivateDisk implements BlockStore {
  private final DiskImage image;
  private final DiskOverlay layer;

  private PrivateDisk(DiskImage image, DiskOverlay layer) {
    this.image = image;
    this.layer = layer;
  }

  /**
   * @throws dev.lockstep.engine.VmmException if the image cannot be opened or there is no place for the layer
   */
  static PrivateDisk open(Path path, String owner) {
    DiskImage image = DiskImage.open(path, DiskImage.Access.READ_ONLY, owner);
    try {
      Path folder = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
      return new PrivateDisk(image, DiskOverlay.over(image, folder));
    } catch (RuntimeException e) {
      try {
        image.close();
      } catch (IOException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  @Override
  public String name() {
    return layer.name();
  }

  @Override
  public long sizeBytes() {
    return layer.sizeBytes();
  }

  @Override
  public boolean readOnly() {
    return false;
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    layer.read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from) throws IOException {
    layer.write(offset, from);
  }

  @Override
  public void flush() {
    layer.flush();
  }

  @Override
  public void close() throws IOException {
    try {
      layer.close();
    } finally {
      image.close();
    }
  }
}
