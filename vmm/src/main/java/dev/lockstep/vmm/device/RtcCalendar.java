package dev.lockstep.vmm.device;

import java.time.LocalDate;

/**
 * The calendar registers of the real-time clock: between seconds since 1970 and the bytes that the
 * guest sees, in the format that register B says (BCD or binary, 12 or 24 hours).
 */
final class RtcCalendar {
  /** {@link #untilAlarm} of an alarm that never comes. */
  static final long NO_ALARM = -1;

  private static final int SECONDS = 0x00;
  private static final int MINUTES = 0x02;
  private static final int HOURS = 0x04;
  private static final int WEEKDAY = 0x06;
  private static final int DAY = 0x07;
  private static final int MONTH = 0x08;
  private static final int YEAR = 0x09;
  private static final int CENTURY = 0x32;
  private static final int[] REGISTERS = {
    SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY
  };

  private static final int B_BINARY = 0x04;
  private static final int B_24_HOURS = 0x02;
  private static final int PM = 0x80;
  private static final int ANY = 0xc0;
  private static final int INVALID = -1;
  private static final long DAY_SECONDS = 86_400;
  // 1970-01-01 was a Thursday; the clock counts days of the week from Sunday.
  private static final int EPOCH_WEEKDAY = 4;

  private RtcCalendar() {}

  static boolean isCalendar(int register) {
    return register == CENTURY
        || register <= YEAR && register != 1 && register != 3 && register != 5;
  }

  /** Zeroes the calendar's bytes. */
  static void clear(byte[] cmos) {
    for (int register : REGISTERS) {
      cmos[register] = 0;
    }
  }

  /** Shows a time. */
  static void encode(byte[] cmos, long seconds, int weekdayShift, int registerB) {
    long days = Math.floorDiv(seconds, DAY_SECONDS);
    int ofDay = (int) Math.floorMod(seconds, DAY_SECONDS);
    LocalDate date = LocalDate.ofEpochDay(days);
    put(cmos, SECONDS, ofDay % 60, registerB);
    put(cmos, MINUTES, ofDay / 60 % 60, registerB);
    putHour(cmos, ofDay / 3600, registerB);
    put(cmos, WEEKDAY, weekday(days, weekdayShift), registerB);
    put(cmos, DAY, date.getDayOfMonth(), registerB);
    put(cmos, MONTH, date.getMonthValue(), registerB);
    put(cmos, YEAR, Math.floorMod(date.getYear(), 100), registerB);
    put(cmos, CENTURY, Math.floorMod(date.getYear(), 10_000) / 100, registerB);
  }

  private static int weekday(long days, int shift) {
    return (int) Math.floorMod(days + EPOCH_WEEKDAY + shift, 7L) + 1;
  }

  private static void put(byte[] cmos, int register, int value, int registerB) {
    boolean binary = (registerB & B_BINARY) != 0;
    cmos[register] = (byte) (binary ? value : value / 10 << 4 | value % 10);
  }

  private static void putHour(byte[] cmos, int hour, int registerB) {
    if ((registerB & B_24_HOURS) != 0) {
      put(cmos, HOURS, hour, registerB);
    } else {
      put(cmos, HOURS, (hour + 11) % 12 + 1, registerB);
      cmos[HOURS] |= (byte) (hour >= 12 ? PM : 0);
    }
  }

  /**
   * The time that the bytes say; what no clock can show counts on beyond its end, or as the least.
   */
  static long decode(byte[] cmos, int registerB) {
    int century = Math.max(0, value(cmos[CENTURY], registerB));
    int year = Math.max(0, value(cmos[YEAR], registerB));
    int month = Math.max(1, value(cmos[MONTH], registerB));
    int day = Math.max(1, value(cmos[DAY], registerB));
    LocalDate date =
        LocalDate.of((century == 0 ? 20 : century) * 100 + year, 1, 1)
            .plusMonths(month - 1L)
            .plusDays(day - 1L);
    long hour = Math.max(0, hour(cmos[HOURS], registerB));
    long minute = Math.max(0, value(cmos[MINUTES], registerB));
    long second = Math.max(0, value(cmos[SECONDS], registerB));
    return date.toEpochDay() * DAY_SECONDS + hour * 3600 + minute * 60 + second;
  }

  /**
   * How far the day of the week that was set, which is a counter of its own, is from the date's.
   */
  static int weekdayShift(byte[] cmos, long seconds) {
    int shown = cmos[WEEKDAY] & 7;
    return shown == 0
        ? 0
        : Math.floorMod(shown - weekday(Math.floorDiv(seconds, DAY_SECONDS), 0), 7);
  }

  private static int value(int octet, int registerB) {
    int bits = octet & 0xff;
    if ((registerB & B_BINARY) != 0) {
      return bits;
    }
    return (bits & 0xf) > 9 || bits > 0x99 ? INVALID : (bits >> 4) * 10 + (bits & 0xf);
  }

  private static int hour(int octet, int registerB) {
    if ((registerB & B_24_HOURS) != 0) {
      return value(octet, registerB);
    }
    int hour = value(octet & ~PM, registerB);
    if (hour < 1 || hour > 12) {
      return INVALID;
    }
    return hour % 12 + ((octet & PM) != 0 ? 12 : 0);
  }

  /**
   * Seconds until an alarm, at least 1 and at most a day.
   *
   * @return {@link #NO_ALARM} if its bytes are no time of day
   */
  static long untilAlarm(long now, int hours, int minutes, int seconds, int registerB) {
    int wantedHour = hours >= ANY ? ANY : hour(hours, registerB);
    int wantedMinute = minutes >= ANY ? ANY : value(minutes, registerB);
    int wantedSecond = seconds >= ANY ? ANY : value(seconds, registerB);
    long ofDay = Math.floorMod(now, DAY_SECONDS);
    long at = ofDay + 1;
    while (at <= ofDay + DAY_SECONDS) {
      if (!matches(wantedHour, at / 3600 % 24)) {
        at = (at / 3600 + 1) * 3600;
      } else if (!matches(wantedMinute, at / 60 % 60)) {
        at = (at / 60 + 1) * 60;
      } else if (!matches(wantedSecond, at % 60)) {
        at++;
      } else {
        return at - ofDay;
      }
    }
    return NO_ALARM;
  }

  private static boolean matches(int wanted, long value) {
    return wanted == ANY || wanted == value;
  }
}
