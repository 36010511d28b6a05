package dev.lockstep.ft.core;

import java.util.Locale;

/** What an operator may ask of a primary, and how the VM is handed over to its backup. */
final class OperatorOrders {
  private final PrimaryState primary;

  OperatorOrders(PrimaryState primary) {
    this.primary = primary;
  }

  void ordered(long now, OperatorOrder order) {
    OperatorOrder before = primary.orders.current();
    if (before == OperatorOrder.PROTECT && order == OperatorOrder.UNPROTECT) {
      primary.orders.end(before, "it was taken back", primary.effects);
    } else if (before != null) {
      refuse(order, "the order before, %s, is still being carried out".formatted(words(before)));
      return;
    }
    switch (order) {
      case FAILOVER -> {
        if (primary.phase == PrimaryPhase.PROTECTED && primary.endSequence == 0) {
          primary.orders.begin(order, now);
          primary.enter(PrimaryPhase.HANDING_OVER);
          primary.effects.add(new PrimaryEffect.PauseGuest());
        } else {
          refuseHere(order);
        }
      }
      case UNPROTECT -> unprotect(now);
      case PROTECT -> {
        if (primary.phase == PrimaryPhase.NOT_PROTECTED || primary.phase == PrimaryPhase.STARTING) {
          primary.orders.begin(order, now);
          primary.orders.wantBackup(true);
          if (primary.reason == NotProtectedReason.USER_ACTION) {
            primary.reason = NotProtectedReason.NEED_BACKUP;
          }
          primary.announce();
        } else {
          refuseHere(order);
        }
      }
    }
  }

  private void unprotect(long now) {
    switch (primary.phase) {
      case ARMING, PROTECTED, RESYNCHRONISING -> {
        primary.orders.begin(OperatorOrder.UNPROTECT, now);
        primary.orders.wantBackup(false);
        primary.suspect(now, NotProtectedReason.USER_ACTION);
      }
      case TRANSFERRING, NOT_PROTECTED -> {
        primary.orders.begin(OperatorOrder.UNPROTECT, now);
        primary.orders.wantBackup(false);
        if (primary.phase == PrimaryPhase.TRANSFERRING) {
          primary.abandonJoin(NotProtectedReason.USER_ACTION);
        } else {
          primary.reason = NotProtectedReason.USER_ACTION;
          primary.announce();
        }
        primary.orders.end(OperatorOrder.UNPROTECT, null, primary.effects);
      }
      case STARTING, HANDING_OVER, HANDED_OVER, ARBITRATING, FENCED, ENDED ->
          refuseHere(OperatorOrder.UNPROTECT);
    }
  }

  private void refuseHere(OperatorOrder order) {
    refuse(order, "the VM is " + words(primary.phase));
  }

  private void refuse(OperatorOrder order, String why) {
    primary.effects.add(new PrimaryEffect.OrderEnded(order, why));
  }

  private static String words(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  void expire(long now) {
    if (primary.orders.is(OperatorOrder.PROTECT)
        && primary.phase != PrimaryPhase.TRANSFERRING
        && primary.phase != PrimaryPhase.ARMING
        && primary.orders.ageNanos(now) >= 3 * primary.timing.joinProgressNanos()) {
      primary.orders.end(
          OperatorOrder.PROTECT,
          "no standby has joined yet; one is still welcome",
          primary.effects);
    }
  }

  /** The guest stands still, or is about to. Until the backup is told, everything can be taken back. */
  void paused(PrimaryInput input) {
    if (input instanceof PrimaryInput.GuestPaused) {
      primary.guestPaused = true;
    }
  }

  /** A backup that does not get ready, or a guest that ends, ends it. */
  void takeBackIfLate(long now) {
    if (primary.phase == PrimaryPhase.HANDING_OVER
        && (primary.endSequence != 0
            || primary.orders.ageNanos(now) >= 2 * primary.timing.ackTimeoutNanos())) {
      primary.takeBack(
          primary.endSequence != 0
              ? "the guest has ended"
              : "the backup did not get ready in time");
      primary.enter(PrimaryPhase.PROTECTED);
    }
  }

  void handOverIfReady(long now) {
    if (primary.phase == PrimaryPhase.HANDING_OVER
        && primary.guestPaused
        && primary.outputs.pending() == 0
        && primary.backup().openWindow().size() == 0
        && primary.backup().replayedThrough >= primary.lastSequence) {
      primary.handedOverNanos = now;
      primary.enter(PrimaryPhase.HANDED_OVER);
      primary.send(new Message.HandOver(primary.epoch, primary.lastSequence));
    }
  }

  /** The backup may have asked already: only the arbiter can give the guest back to this replica. */
  void handedOver(long now, PrimaryInput input) {
    boolean lost = input instanceof PrimaryInput.LinkLost;
    switch (input) {
      case PrimaryInput.Received(Message.TookOver message)
          when primary.canary.hears(primary.epoch, message.epoch()) ->
          primary.fence();
      case PrimaryInput.Tick() -> {
        if (primary.stream != null && primary.stream.heartbeatDue(now)) {
          primary.send(new Message.HandOver(primary.epoch, primary.lastSequence));
        }
      }
      default -> {}
    }
    if (primary.phase == PrimaryPhase.HANDED_OVER
        && (lost || now - primary.handedOverNanos >= primary.timing.backupSilenceNanos())) {
      primary.reason = NotProtectedReason.LOST_CONNECTION;
      if (primary.canary.asksAfterHandOver()) {
        primary.suspect(now, NotProtectedReason.LOST_CONNECTION);
      } else {
        primary.goOnAlone();
      }
    }
  }
}
