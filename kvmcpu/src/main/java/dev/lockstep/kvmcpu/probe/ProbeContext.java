package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.Vm;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** What one run of a probe may use: the host's KVM, and guests that are closed when it is over. */
final class ProbeContext implements AutoCloseable {
  private final List<ProbeGuest> guests = new CopyOnWriteArrayList<>();
  private final Kvm kvm;
  private volatile boolean cut;

  ProbeContext(Kvm kvm) {
    this.kvm = kvm;
  }

  Kvm kvm() {
    return kvm;
  }

  /** A guest that begins with {@code code} at {@link ProbeGuest#CODE}. */
  ProbeGuest guest(Ring ring, int... code) {
    return guest(ring, vm -> {}, code);
  }

  /**
   * As {@link #guest(Ring, int...)}.
   *
   * @param prepare what is done to the VM before its vCPU is made
   */
  ProbeGuest guest(Ring ring, Consumer<Vm> prepare, int... code) {
    ProbeGuest guest = new ProbeGuest(kvm, ring, prepare, code);
    guests.add(guest);
    if (cut) {
      throw new HostProbe.CutOff();
    }
    return guest;
  }

  /** Ends whatever runs, and whatever is begun from now on. Any thread. */
  void cutOff() {
    cut = true;
    guests.forEach(guest -> guest.vcpu.kick());
  }

  @Override
  public void close() {
    guests.forEach(ProbeGuest::close);
  }
}
