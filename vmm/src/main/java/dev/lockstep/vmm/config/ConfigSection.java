package dev.lockstep.vmm.config;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One object of a configuration file while it is read: hands out its known keys, refuses the others. */
final class ConfigSection {
  /** What takes a setting's value. */
  interface Setting<T> {
    void set(T value, Origin origin);
  }

  /** What takes a number. */
  interface NumberSetting {
    void set(long value, Origin origin);
  }

  private final String file;
  private final String title;
  private final Json json;
  private final MachineConfigBuilder builder;
  private final Map<String, Json.Member> members;
  private final TreeSet<String> known = new TreeSet<>();

  ConfigSection(Json json, String file, String title, MachineConfigBuilder builder) {
    this.json = json;
    this.file = file;
    this.title = title;
    this.builder = builder;
    if (json instanceof Json.Object object) {
      members = object.members();
    } else {
      members = new LinkedHashMap<>();
      wrongKind(json, title, "an object");
    }
  }

  static Origin origin(String file, Json.Place place) {
    return new Origin(file + ":" + place.line() + ":" + place.column());
  }

  MachineConfigBuilder builder() {
    return builder;
  }

  /** Where the object begins. */
  Origin origin() {
    return origin(file, json.place());
  }

  ConfigSection text(String key, Setting<String> setting) {
    Json value = take(key);
    if (value instanceof Json.Text text) {
      setting.set(text.value(), origin(file, value.place()));
    } else if (value != null && !(value instanceof Json.Null)) {
      wrongKind(value, key, "a string");
    }
    return this;
  }

  ConfigSection whole(String key, NumberSetting setting) {
    Json value = take(key);
    if (value instanceof Json.Whole whole) {
      setting.set(whole.value(), origin(file, value.place()));
    } else if (value != null && !(value instanceof Json.Null)) {
      wrongKind(value, key, "a whole number");
    }
    return this;
  }

  ConfigSection flag(String key, Setting<Boolean> setting) {
    Json value = take(key);
    if (value instanceof Json.Flag flag) {
      setting.set(flag.value(), origin(file, value.place()));
    } else if (value != null && !(value instanceof Json.Null)) {
      wrongKind(value, key, "true or false");
    }
    return this;
  }

  ConfigSection section(String key, Consumer<ConfigSection> reader) {
    Json value = take(key);
    if (value != null) {
      reader.accept(new ConfigSection(value, file, key, builder));
    }
    return this;
  }

  /** An array of objects. */
  ConfigSection each(String key, String itemTitle, Consumer<ConfigSection> reader) {
    Json value = take(key);
    if (value instanceof Json.Array array) {
      for (Json item : array.values()) {
        reader.accept(new ConfigSection(item, file, itemTitle, builder));
      }
    } else if (value != null) {
      wrongKind(value, key, "an array");
    }
    return this;
  }

  /** Notes a key that must be there and is not. */
  void require(String key) {
    if (json instanceof Json.Object && !members.containsKey(key)) {
      builder.problem(origin(), "%s has no '%s'".formatted(title, key));
    }
  }

  /** Notes every key that nobody asked for. */
  void refuseOthers() {
    members.forEach((key, member) -> {
      if (!known.contains(key)) {
        String nearest = nearest(key);
        builder.problem(
            origin(file, member.keyPlace()),
            nearest == null
                ? "unknown key '%s' in %s; known are %s"
                    .formatted(key, title, String.join(", ", known))
                : "unknown key '%s' in %s; did you mean '%s'?".formatted(key, title, nearest));
      }
    });
  }

  private @Nullable Json take(String key) {
    known.add(key);
    Json.Member member = members.get(key);
    return member == null ? null : member.value();
  }

  private void wrongKind(Json value, String what, String wanted) {
    builder.problem(
        origin(file, value.place()), "%s must be %s, not %s".formatted(what, wanted, value.kind()));
  }

  private @Nullable String nearest(String key) {
    String best = null;
    int bestDistance = Math.max(2, key.length() / 3) + 1;
    for (String candidate : known) {
      int distance = distance(key.toLowerCase(Locale.ROOT), candidate);
      if (distance < bestDistance) {
        best = candidate;
        bestDistance = distance;
      }
    }
    return best;
  }

  /** Levenshtein's distance: how many letters to change, insert or delete. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
