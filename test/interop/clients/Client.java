// Java's HttpClient with its defaults: its first request offers to go over to HTTP/2, and
// here that is a POST.
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

public class Client {
  static final HttpClient CLIENT = HttpClient.newHttpClient();
  static int passed = 0;

  static void check(String what, Object found, Object expected) {
    if (!expected.equals(found)) {
      System.err.println(what + ": found " + found + ", expected " + expected);
      System.exit(1);
    }
    passed++;
  }

  static HttpRequest request(String method, String target, String body, String... headers) {
    var builder = HttpRequest.newBuilder(URI.create(target));
    if (body == null) {
      builder.method(method, BodyPublishers.noBody());
    } else {
      builder.method(method, BodyPublishers.ofString(body));
      builder.header("content-type", "application/json");
    }
    if (headers.length > 0) builder.headers(headers);
    return builder.build();
  }

  static HttpResponse<String> call(String method, String target, String body, String... headers)
      throws Exception {
    return CLIENT.send(request(method, target, body, headers), BodyHandlers.ofString());
  }

  static String member(HttpResponse<String> answer, String pattern) {
    Matcher found = Pattern.compile(pattern).matcher(answer.body());
    return found.find() ? found.group(1) : "nothing in " + answer.body();
  }

  static String point(String id, int n, String text) {
    return "{\"type\":\"Feature\",\"id\":\"" + id + "\",\"geometry\":{\"type\":\"Point\",\"coordinates\":["
        + n + "," + n + "]},\"properties\":{\"text\":\"" + text + "\"}}";
  }

  static String encode(String id) {
    return URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20");
  }

  public static void main(String[] arguments) throws Exception {
    String base = arguments[0];
    URI parsed = URI.create(base);
    String origin = parsed.getScheme() + "://" + parsed.getAuthority();
    String api = base.replaceAll("/$", "") + "/api/v1/databases";

    var answer = call("POST", api, "{\"name\":\"" + arguments[1] + "\"}");
    check("create", answer.statusCode(), 201);
    check("version", answer.version(), HttpClient.Version.HTTP_1_1);
    String db = origin + answer.headers().firstValue("location").orElse("");

    String features = IntStream.range(0, 80).mapToObj(n -> point("f" + n, n, "")).collect(Collectors.joining(","));
    answer = call("POST", db + "/features", "{\"type\":\"FeatureCollection\",\"features\":[" + features + "]}");
    check("collection", member(answer, "\"inserted\":(\\d+)"), "80");
    String points = IntStream.range(0, 1000)
        .mapToObj(n -> "{\"series_id\":\"s\",\"timestamp\":" + n + ",\"value\":" + n + "}")
        .collect(Collectors.joining(","));
    answer = call("POST", db + "/timeseries", "{\"points\":[" + points + "]}");
    check("points", member(answer, "\"inserted\":(\\d+)"), "1000");

    var seen = new HashSet<String>();
    String next = db + "/features?bbox=0,0,49.5,49.5&limit=20";
    while (next != null) {
      answer = call("GET", next, null);
      Matcher ids = Pattern.compile("\"id\":\"(f\\d+)\"").matcher(answer.body());
      while (ids.find()) seen.add(ids.group(1));
      Matcher link = Pattern.compile("\"href\":\"([^\"]+)\"").matcher(answer.body());
      next = link.find() ? origin + link.group(1) : null;
    }
    check("pages", seen.size(), 50);

    String tag = call("GET", db + "/features/f1", null).headers().firstValue("etag").orElse("");
    check("known", call("GET", db + "/features/f1", null, "if-none-match", tag).statusCode(), 304);
    answer = call("PUT", db + "/features/f1", point("f1", 1, "a"));
    String strong = "\"" + member(answer, "\"hash\":\"([0-9a-f]+)\"") + "\"";
    check("if match", call("PUT", db + "/features/f1", point("f1", 1, "b"), "if-match", strong).statusCode(), 200);
    check("no match", call("PUT", db + "/features/f1", point("f1", 1, "c"), "if-match", strong).statusCode(), 412);

    for (String id : List.of("a/b", "100%", "%2F", "a b+c?d#e", "ü😀")) {
      answer = call("POST", db + "/features", point(id, 1, ""));
      check("id " + id, answer.statusCode(), 201);
      String location = origin + answer.headers().firstValue("location").orElse("");
      check("id " + id, member(call("GET", location, null), "\"id\":\"([^\"]+)\""), id);
      check("id " + id, call("DELETE", db + "/features/" + encode(id), null).statusCode(), 200);
    }

    answer = call("HEAD", db + "/features/f2", null);
    check("head", answer.statusCode() + answer.body(), "200");
    String large = "x".repeat(3_000_000);
    check("large", call("PUT", db + "/features/large", point("large", 1, large)).statusCode(), 201);
    check("large", member(call("GET", db + "/features/large", null), "\"text\":\"(x+)\"").length(), large.length());

    var many = new ArrayList<CompletableFuture<HttpResponse<String>>>();
    for (int n = 0; n < 50; n++) {
      many.add(CLIENT.sendAsync(request("GET", db + "/features/f" + n, null), BodyHandlers.ofString()));
    }
    for (int n = 0; n < 50; n++) {
      check("at once", member(many.get(n).get(), "\"id\":\"([^\"]+)\""), "f" + n);
    }

    var statuses = new ArrayList<Integer>();
    for (int n = 0; n < 3; n++) {
      answer = call("POST", db + "/transactions", null);
      statuses.add(answer.statusCode());
    }
    check("transactions", statuses, List.of(201, 201, 503));
    check("again later", answer.headers().firstValue("retry-after").orElse(""), "1");

    check("remove", call("DELETE", db + "?purge=true", null).statusCode(), 200);

    // 413 is the answer, or the connection has broken under what nobody reads.
    try {
      answer = call("POST", db + "/features", point("huge", 1, "x".repeat(9_000_000)));
      check("too large", answer.statusCode(), 413);
    } catch (java.io.IOException broken) {
      passed++;
    }
    System.out.println(passed + " passed, 0 failed");
  }
}
