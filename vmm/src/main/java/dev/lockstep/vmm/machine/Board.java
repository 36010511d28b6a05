package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.bus.Bus;
import dev.lockstep.vmm.device.DebugExit;
import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.I8042;
import dev.lockstep.vmm.device.PicPair;
import dev.lockstep.vmm.device.Pit8254;
import dev.lockstep.vmm.device.PmTimer;
import dev.lockstep.vmm.device.PostCode;
import dev.lockstep.vmm.device.PowerControl;
import dev.lockstep.vmm.device.Rtc146818;
import dev.lockstep.vmm.device.TimedDevice;
import dev.lockstep.vmm.device.TscPort;
import dev.lockstep.vmm.device.Uart16550;
import dev.lockstep.vmm.device.VirtualTime;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.Offloads;
import dev.lockstep.vmm.net.flow.FlowTranslation;
import dev.lockstep.vmm.pci.PciBus;
import dev.lockstep.vmm.pci.PciFunction;
import dev.lockstep.vmm.pci.PciHostBridge;
import dev.lockstep.vmm.virtio.VirtioConsole;
import dev.lockstep.vmm.virtio.VirtioDevice;
import dev.lockstep.vmm.virtio.VirtioEntropy;
import dev.lockstep.vmm.virtio.VirtioNet;
import dev.lockstep.vmm.virtio.VirtioPci;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The devices of one machine, made and wired as {@link MachineLayout} says. Vcpu's thread. */
final class Board {
  /**
   * The guest has ended itself.
   *
   * @param detail for people
   */
  record PowerRequest(EndReason reason, int exitCode, String detail) {}

  private final Bus bus = new Bus();
  private final PicPair pic = new PicPair(MachineLayout.levelTriggeredIrqs());
  private final Uart16550 uart0;
  private final VirtioConsole console;
  private final VirtioEntropy entropy;
  private final @Nullable VirtioNet network;
  private final I8042 keyboard;
  private final Rtc146818 rtc;
  private final Pit8254 pit;
  private final TscPort tsc;
  private final DiskSet disks;
  private final GuestMemory memory;
  private final List<Device> devices = new ArrayList<>();
  private final List<TimedDevice> timed = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  private final FlowTranslation translation = new FlowTranslation();
  private @Nullable PowerRequest powerRequest;
  private Runnable frameSent = () -> {};

  /**
   * @param time the machine's clock, at the vCPU's present count
   * @param outputs takes what devices put out, by their index
   * @param wallClockNanos what the RTC shows when virtual time is zero
   * @param interfaceSpec of the network; null for none
   * @param unconnected have a state but no registers
   */
  Board(
      VirtualTime time,
      OutputCollector outputs,
      GuestMemory memory,
      DiskSet disks,
      long wallClockNanos,
      @Nullable NetworkSpec interfaceSpec,
      List<Device> unconnected) {
    this.memory = memory;
    this.disks = disks;
    PowerControl power = new Power();
    tsc = new TscPort(time);
    uart0 =
        new Uart16550(
            pic.connect(MachineLayout.IRQ_UART0), value -> outputs.put(DeviceIndexes.UART0, value));
    console = new VirtioConsole(memory, value -> outputs.put(DeviceIndexes.CONSOLE, value));
    // The machine looks at what is wanted at each boundary.
    entropy = new VirtioEntropy(memory, wanted -> {});
    network =
        interfaceSpec == null
            ? null
            : new VirtioNet(
                memory,
                interfaceSpec.address(),
                interfaceSpec.offload(),
                frame -> send(outputs, disks.count(), frame));
    keyboard = new I8042(pic.connect(MachineLayout.IRQ_KEYBOARD), power);
    long below = Math.min(memory.size(), MachineLayout.HOLE_START);
    rtc =
        new Rtc146818(
            time, pic.connect(MachineLayout.IRQ_RTC), wallClockNanos, below, memory.size() - below);
    pit = new Pit8254(time, pic.connect(MachineLayout.IRQ_PIT));
    legacyDevices(time, power);
    names.add(uart0.kind());
    names.add("console");
    names.add("entropy");
    PciBus pci = new PciBus(bus, power);
    slot(pci, MachineLayout.SLOT_HOST_BRIDGE, new PciHostBridge());
    virtio(pci, MachineLayout.SLOT_ENTROPY, entropy);
    virtio(pci, MachineLayout.SLOT_CONSOLE, console);
    for (int i = 0; i < disks.count(); i++) {
      virtio(pci, MachineLayout.SLOT_FIRST_DISK + i, disks.device(i));
      names.add("disk" + i);
    }
    if (network != null) {
      virtio(pci, MachineLayout.SLOT_NETWORK, network);
      names.add("network");
    }
    ports(MachineLayout.PCI_CONFIG, 8, pci, 0, 4);
    unconnected.forEach(this::add);
  }

  private void send(OutputCollector outputs, int disks, byte[] frame) {
    outputs.putFrame(DeviceIndexes.network(disks), translation.outbound(frame));
    frameSent.run();
  }

  private void legacyDevices(VirtualTime time, PowerControl power) {
    ports(MachineLayout.PIC_MASTER, 2, pic, 0, 1);
    ports(MachineLayout.PIC_SLAVE, 2, pic, 2, 1);
    ports(MachineLayout.PIC_ELCR, 2, pic, 4, 1);
    ports(MachineLayout.PIT, 4, pit, 0, 1);
    ports(MachineLayout.SYSTEM_CONTROL_B, 1, pit, 4, 1);
    ports(MachineLayout.UART0, 8, uart0, 0, 1);
    ports(MachineLayout.PM_TIMER, 4, new PmTimer(time), 0, 4);
    ports(MachineLayout.DEBUG_EXIT, 1, new DebugExit(power), 0, 4);
    ports(MachineLayout.I8042_DATA, 1, keyboard, 0, 1);
    ports(MachineLayout.I8042_COMMAND, 1, keyboard, 1, 1);
    ports(MachineLayout.SYSTEM_CONTROL_A, 1, keyboard, 2, 1);
    ports(MachineLayout.RTC, 2, rtc, 0, 1);
    ports(MachineLayout.DELAY_PORT, 1, new PostCode(), 0, 1);
    ports(MachineLayout.TSC, 4, tsc, 0, 4);
  }

  private void virtio(PciBus pci, int slot, VirtioDevice device) {
    int irq = MachineLayout.pciIrq(slot);
    slot(
        pci,
        slot,
        new VirtioPci(device, memory, MachineLayout.pciMmioBase(slot), irq, pic.connect(irq)));
  }

  private void slot(PciBus pci, int slot, PciFunction function) {
    pci.attach(slot, function);
    add(function);
  }

  private void ports(int first, int count, Device device, int firstOffset, int maxWidth) {
    bus.mapPorts(first, count, device, firstOffset, maxWidth);
    add(device);
  }

  private void add(Device device) {
    if (!devices.contains(device)) {
      devices.add(device);
      if (device instanceof TimedDevice it) {
        timed.add(it);
      }
    }
  }

  Bus bus() {
    return bus;
  }

  /** The devices that log entries name, by index. */
  List<String> names() {
    return names;
  }

  /** What a read of the time-stamp counter gives now. */
  long timeStamp() {
    return tsc.now();
  }

  /** The high half of what a read of {@link MachineLayout#TSC} answers now. */
  int timeStampHigh() {
    return tsc.high();
  }

  boolean interruptPending() {
    return pic.interruptPending();
  }

  int acknowledgeInterrupt() {
    return pic.acknowledge();
  }

  /**
   * Whether some timer could still interrupt a halted guest that nothing else reaches: it is armed, its line is neither masked nor outranked by what is in service, and it is not one that the guest has left
   * asserted, which makes no edge any more.
   */
  boolean timerCanInterrupt() {
    boolean byPit =
        pit.nextDeadlineNanos() != TimedDevice.NO_DEADLINE
            && pic.wouldInterrupt(MachineLayout.IRQ_PIT);
    boolean byRtc =
        rtc.nextDeadlineNanos() != TimedDevice.NO_DEADLINE
            && !pic.isAsserted(MachineLayout.IRQ_RTC)
            && pic.wouldInterrupt(MachineLayout.IRQ_RTC);
    return byPit || byRtc;
  }

  /** Virtual time at which the next device wants to be advanced, or {@link TimedDevice#NO_DEADLINE}. */
  long nextDeadlineNanos() {
    long next = TimedDevice.NO_DEADLINE;
    for (int i = 0; i < timed.size(); i++) {
      next = Math.min(next, timed.get(i).nextDeadlineNanos());
    }
    return next;
  }

  /** Lets every device do what is due. */
  void advance(long nowNanos) {
    for (int i = 0; i < timed.size(); i++) {
      timed.get(i).advance(nowNanos);
    }
  }

  /** What is to happen when the guest has sent a frame, while it still runs. */
  void onFrameSent(Runnable action) {
    frameSent = action;
  }

  /** Whether the guest takes frames at all; while it does not they are lost. */
  boolean takesFrames() {
    return network != null && network.receives();
  }

  /** How many bytes the first of packed frames have that the guest has buffers for now. */
  int fittingFrames(byte[] packed) {
    return network == null ? 0 : network.fitting(packed);
  }

  /** What the guest does with frames that it receives, in place of this host. Any thread. */
  Offloads networkOffloads() {
    return network == null ? Offloads.NONE : network.receiveOffloads();
  }

  /** Gives frames to the network device with an index of the log; false if there is none. */
  boolean receiveFrames(int device, byte[] frames) {
    if (network == null || device != DeviceIndexes.network(disks.count())) {
      return false;
    }
    network.receive(translation.isEmpty() ? frames : translated(frames));
    return true;
  }

  private byte[] translated(byte[] frames) {
    ByteArrayOutputStream moved = new ByteArrayOutputStream(frames.length);
    for (byte[] frame : Frames.unpack(frames)) {
      moved.writeBytes(Frames.pack(translation.inbound(frame)));
    }
    return moved.toByteArray();
  }

  /** How the guest's connections are made those of the guest whose part it has taken; empty in a machine that has taken nobody's. */
  FlowTranslation translation() {
    return translation;
  }

  /** The network device's index in the log; -1 if there is none. */
  int networkIndex() {
    return network == null ? -1 : DeviceIndexes.network(disks.count());
  }

  /** Whether {@link #announceNetwork} would do something. */
  boolean canAnnounceNetwork() {
    return network != null && network.canAnnounce();
  }

  /** Asks the guest to announce its network interface; false if there is none or its driver cannot. */
  boolean announceNetwork() {
    return network != null && network.announce();
  }

  /** How the guest has ended itself, or null. */
  @Nullable PowerRequest powerRequest() {
    return powerRequest;
  }

  /** Forgets that the guest has ended itself: its state is replaced by an earlier one. */
  void forgetPowerRequest() {
    powerRequest = null;
  }

  DiskSet disks() {
    return disks;
  }

  /** How many bytes a console device would take now; 0 if there is no such console. */
  int consoleRoom(int device) {
    return switch (device) {
      case DeviceIndexes.UART0 -> uart0.receiveRoom();
      case DeviceIndexes.CONSOLE -> console.receiveRoom();
      default -> 0;
    };
  }

  /** Whether input to a console device of that index is possible at all. */
  static boolean isConsole(int device) {
    return device == DeviceIndexes.UART0 || device == DeviceIndexes.CONSOLE;
  }

  /**
   * Gives bytes to a console device.
   *
   * @return how many it took
   */
  int receive(int device, byte[] bytes) {
    return switch (device) {
      case DeviceIndexes.UART0 -> uart0.receive(bytes);
      case DeviceIndexes.CONSOLE -> console.receive(bytes);
      default -> 0;
    };
  }

  /** Presses Ctrl-Alt-Del; a keyboard whose buffer the guest does not empty drops it. */
  void ctrlAltDel() {
    keyboard.typeCtrlAltDelete();
  }

  /** Moves the wall clock. */
  void stepWallClock(long nanos) {
    rtc.step(nanos);
  }

  /** How many random bytes the guest waits for; 0 for none. */
  int entropyWanted() {
    return entropy.wantedBytes();
  }

  /** Gives the guest the random bytes it waits for; false if it waits for another number of bytes. */
  boolean provideEntropy(byte[] bytes) {
    return entropy.provide(bytes);
  }

  /** The disk with an index of the log, or -1. */
  int diskOf(int device) {
    int disk = device - DeviceIndexes.FIRST_DISK;
    return disk >= 0 && disk < disks.count() ? disk : -1;
  }

  /** Every device's state, in the order of the board: the same on every replica, whatever its host has done so far. */
  List<DeviceState> save() {
    List<DeviceState> states = new ArrayList<>(devices.size());
    for (Device device : devices) {
      states.add(device.save());
    }
    return states;
  }

  /** As {@link #save}, with what this host has done for the disks' requests, so that it is not done again. */
  List<DeviceState> snapshot() {
    disks.drain();
    List<DeviceState> states = save();
    for (int i = 0; i < disks.count(); i++) {
      states.add(disks.device(i).saveExecuted());
    }
    return states;
  }

  /**
   * Restores every device from a {@link #snapshot}.
   *
   * @throws VmmException if a state does not fit, naming device and field
   */
  void restore(List<DeviceState> states) {
    int wanted = devices.size() + disks.count();
    if (states.size() != wanted) {
      throw new VmmException(
          "the snapshot has %d device states, this machine has %d".formatted(states.size(), wanted),
          "Restore it into a machine with the same configuration.");
    }
    for (int i = 0; i < devices.size(); i++) {
      devices.get(i).restore(states.get(i));
    }
    for (int i = 0; i < disks.count(); i++) {
      disks.device(i).restoreExecuted(states.get(devices.size() + i));
    }
  }

  /** Takes the first request; the machine ends before the guest could make another. */
  private final class Power implements PowerControl {
    @Override
    public void requestReset(String source) {
      if (powerRequest == null) {
        powerRequest = new PowerRequest(EndReason.RESET, 0, "reset by " + source);
      }
    }

    @Override
    public void requestExit(int value) {
      if (powerRequest == null) {
        powerRequest = new PowerRequest(EndReason.GUEST_EXIT, value, "debug-exit port");
      }
    }
  }
}
