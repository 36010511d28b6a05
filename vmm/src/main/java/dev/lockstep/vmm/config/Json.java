package dev.lockstep.vmm.config;

import java.util.List;
import java.util.Map;

/** A JSON document with the places where its parts stand. */
sealed interface Json {
  /** Where the value begins. */
  Place place();

  /** What kind of value it is, in messages. */
  String kind();

  /**
   * @param line from 1
   * @param column from 1
   */
  record Place(int line, int column) {}

  /** A key of an object and what stands behind it. */
  record Member(Place keyPlace, Json value) {}

  /** An object; keys are unique and in the document's order. */
  record Object(Place place, Map<String, Member> members) implements Json {
    @Override
    public String kind() {
      return "an object";
    }
  }

  /** An array. */
  record Array(Place place, List<Json> values) implements Json {
    @Override
    public String kind() {
      return "an array";
    }
  }

  /** A string. */
  record Text(Place place, String value) implements Json {
    @Override
    public String kind() {
      return "a string";
    }
  }

  /** A whole number that fits 64 bits. */
  record Whole(Place place, long value) implements Json {
    @Override
    public String kind() {
      return "a whole number";
    }
  }

  /** Any other number. */
  record Fraction(Place place, String text) implements Json {
    @Override
    public String kind() {
      return "the number " + text;
    }
  }

  /** true or false. */
  record Flag(Place place, boolean value) implements Json {
    @Override
    public String kind() {
      return value ? "true" : "false";
    }
  }

  /** null. */
  record Null(Place place) implements Json {
    @Override
    public String kind() {
      return "null";
    }
  }
}
