package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.bus.Bus;
import dev.lockstep.vmm.device.DebugExit;
import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.PicPair;
import dev.lockstep.vmm.device.Pit8254;
import dev.lockstep.vmm.device.PmTimer;
import dev.lockstep.vmm.device.PostCode;
import dev.lockstep.vmm.device.PowerControl;
import dev.lockstep.vmm.device.TimedDevice;
import dev.lockstep.vmm.device.Uart16550;
import dev.lockstep.vmm.device.VirtualTime;
import dev.lockstep.vmm.log.EndReason;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The devices of one machine, made and wired as {@link MachineLayout} says. Vcpu's thread. */
final class Board {
  /** Index in the log of the UART, both as a device that takes input and as an output stream. */
  static final int UART0 = 0;

  /** How many output streams there are. */
  static final int STREAMS = 1;

  /**
   * The guest has ended itself.
   *
   * @param detail for people
   */
  record PowerRequest(EndReason reason, int exitCode, String detail) {}

  private final Bus bus = new Bus();
  private final PicPair pic = new PicPair(MachineLayout.levelTriggeredIrqs());
  private final Uart16550 uart0;
  private final List<Device> devices = new ArrayList<>();
  private final List<TimedDevice> timed = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  private @Nullable PowerRequest powerRequest;

  /**
   * @param time the machine's clock, at the vCPU's present count
   * @param outputs takes what devices put out, by their index
   */
  Board(VirtualTime time, OutputCollector outputs) {
    PowerControl power = new Power();
    uart0 = new Uart16550(pic.connect(MachineLayout.IRQ_UART0), value -> outputs.put(UART0, value));
    Pit8254 pit = new Pit8254(time, pic.connect(MachineLayout.IRQ_PIT));
    PmTimer pmTimer = new PmTimer(time);
    DebugExit debugExit = new DebugExit(power);
    PostCode postCode = new PostCode();
    names.add(uart0.kind());

    ports(MachineLayout.PIC_MASTER, 2, pic, 0, 1);
    ports(MachineLayout.PIC_SLAVE, 2, pic, 2, 1);
    ports(MachineLayout.PIC_ELCR, 2, pic, 4, 1);
    ports(MachineLayout.PIT, 4, pit, 0, 1);
    ports(MachineLayout.SYSTEM_CONTROL_B, 1, pit, 4, 1);
    ports(MachineLayout.UART0, 8, uart0, 0, 1);
    ports(MachineLayout.PM_TIMER, 4, pmTimer, 0, 4);
    ports(MachineLayout.DEBUG_EXIT, 1, debugExit, 0, 4);
    ports(MachineLayout.DELAY_PORT, 1, postCode, 0, 1);
  }

  private void ports(int first, int count, Device device, int firstOffset, int maxWidth) {
    bus.mapPorts(first, count, device, firstOffset, maxWidth);
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

  boolean interruptPending() {
    return pic.interruptPending();
  }

  int acknowledgeInterrupt() {
    return pic.acknowledge();
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

  /** How the guest has ended itself, or null. */
  @Nullable PowerRequest powerRequest() {
    return powerRequest;
  }

  /** How many bytes a console device would take now. */
  int consoleRoom(int device) {
    return device == UART0 ? uart0.receiveRoom() : 0;
  }

  /** Whether input to a console device of that index is possible at all. */
  boolean isConsole(int device) {
    return device == UART0;
  }

  /**
   * Gives bytes to a console device.
   *
   * @return how many it took
   */
  int receive(int device, byte[] bytes) {
    return device == UART0 ? uart0.receive(bytes) : 0;
  }

  /** Every device's state, in the order of the board. */
  List<DeviceState> save() {
    List<DeviceState> states = new ArrayList<>(devices.size());
    for (Device device : devices) {
      states.add(device.save());
    }
    return states;
  }

  /** As {@link #save}, with what is needed besides to continue elsewhere. */
  List<DeviceState> snapshot() {
    return save();
  }

  /**
   * Restores every device.
   *
   * @throws VmmException if a state does not fit, naming device and field
   */
  void restore(List<DeviceState> states) {
    if (states.size() != devices.size()) {
      throw new VmmException(
          "the snapshot has %d devices, this machine has %d"
              .formatted(states.size(), devices.size()),
          "Restore it into a machine with the same configuration.");
    }
    for (int i = 0; i < states.size(); i++) {
      devices.get(i).restore(states.get(i));
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
