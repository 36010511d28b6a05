package dev.lockstep.vmm.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;

/** Reads JSON into {@link Json}, whole or not at all. */
final class JsonReader implements AutoCloseable {
  private static final int MAX_DEPTH = 20;
  private static final int MAX_STRING = 64 * 1024;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxStringLength(MAX_STRING)
                  .build())
          .build();

  /** The text is not JSON. */
  static final class SyntaxException extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Json.Place place;

    SyntaxException(Json.Place place, String what, @Nullable Throwable cause) {
      super(what, cause);
      this.place = place;
    }

    Json.Place place() {
      return place;
    }
  }

  private final JsonParser parser;

  private JsonReader(String text) {
    parser = FACTORY.createParser(ObjectReadContext.empty(), text);
  }

  /** Reads the one value that the text must be. */
  static Json read(String text) throws SyntaxException {
    try (JsonReader reader = new JsonReader(text)) {
      JsonToken first = reader.parser.nextToken();
      if (first == null) {
        throw new SyntaxException(new Json.Place(1, 1), "there is nothing in it", null);
      }
      Json value = reader.value(first);
      if (reader.parser.nextToken() != null) {
        throw new SyntaxException(reader.place(), "something follows the configuration", null);
      }
      return value;
    } catch (JacksonException e) {
      TokenStreamLocation at = e.getLocation();
      throw new SyntaxException(
          at == null ? new Json.Place(1, 1) : place(at), e.getOriginalMessage(), e);
    }
  }

  @Override
  public void close() {
    parser.close();
  }

  private Json value(JsonToken token) throws SyntaxException {
    Json.Place place = place();
    return switch (token) {
      case START_OBJECT -> object(place);
      case START_ARRAY -> array(place);
      case VALUE_STRING -> new Json.Text(place, parser.getString());
      case VALUE_NUMBER_INT -> whole(place);
      case VALUE_NUMBER_FLOAT -> new Json.Fraction(place, parser.getString());
      case VALUE_TRUE -> new Json.Flag(place, true);
      case VALUE_FALSE -> new Json.Flag(place, false);
      case VALUE_NULL -> new Json.Null(place);
      case END_ARRAY, END_OBJECT, PROPERTY_NAME, NOT_AVAILABLE, VALUE_EMBEDDED_OBJECT ->
          throw new SyntaxException(place, "a value was expected", null);
    };
  }

  private Json whole(Json.Place place) {
    String digits = parser.getString();
    try {
      return new Json.Whole(place, Long.parseLong(digits));
    } catch (NumberFormatException _) {
      return new Json.Fraction(place, digits);
    }
  }

  private Json object(Json.Place place) throws SyntaxException {
    Map<String, Json.Member> members = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      Json.Place keyPlace = place();
      Json value = value(parser.nextToken());
      if (members.putIfAbsent(key, new Json.Member(keyPlace, value)) != null) {
        throw new SyntaxException(keyPlace, "the key '%s' is there twice".formatted(key), null);
      }
    }
    return new Json.Object(place, members);
  }

  private Json array(Json.Place place) throws SyntaxException {
    List<Json> values = new ArrayList<>();
    for (JsonToken token = parser.nextToken();
        token != JsonToken.END_ARRAY;
        token = parser.nextToken()) {
      values.add(value(token));
    }
    return new Json.Array(place, values);
  }

  private Json.Place place() {
    return place(parser.currentTokenLocation());
  }

  private static Json.Place place(TokenStreamLocation location) {
    return new Json.Place(Math.max(location.getLineNr(), 1), Math.max(location.getColumnNr(), 1));
  }
}
