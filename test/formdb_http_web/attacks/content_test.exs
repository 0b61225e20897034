defmodule FormdbHttpWeb.Attacks.ContentTest do
  # Names that would lead elsewhere, values that would be header fields, documents that would
  # take all memory or mean two things, and pages of other sites that would write.
  use ExUnit.Case

  import FormdbHttp.HTTPClient, except: [post: 4]

  alias FormdbHttp.{Config, JSON}
  alias FormdbHttpWeb.Endpoint

  setup do
    config = %{Config.load!() | max_body_bytes: 1_048_576}
    start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
    name = "content_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name, db: "/api/v1/databases/" <> name, config: config}
  end

  defp code(response), do: json(response)["code"]

  @feature ~s({"type":"Feature","geometry":null,"properties":{}})
  defp feature(value), do: ~s({"type":"Feature","geometry":null,"properties":{"n":#{value}}})

  defp send_body(port, path, body, headers \\ []) do
    headers = [{"content-type", "application/json"} | headers]
    request(port, "POST", path, headers: headers, body: body)
  end

  test "names of databases reach no file but their folder", %{port: port, config: config} do
    files = fn -> config.data_dir |> Path.join("**") |> Path.wildcard(match_dot: true) end
    before = files.()

    for name <-
          ["..", ".", "", "/", "../x", "/etc/passwd", "a/../b", "..\\x", "a\0", "a\n", "%2e%2e"] ++
            ["server.key", ".hidden", "-x", "A", "ａ", "\u202e", String.duplicate("a", 64)] do
      response = send_body(port, "/api/v1/databases", JSON.text(%{name: name}))
      assert {name, response.status, code(response)} == {name, 400, "invalid_name"}
      path = "/api/v1/databases/" <> URI.encode(name, &URI.char_unreserved?/1)

      for {method, more} <- [
            {"GET", ""},
            {"DELETE", ""},
            {"GET", "/features/a"},
            {"POST", "/backups"}
          ],
          # That is the list.
          name != "" do
        response = request(port, method, path <> more)
        assert {name, method, response.status in [400, 404, 405]} == {name, method, true}
      end
    end

    assert files.() == before
  end

  test "paths that decode to something else twice, or to no text, are refused", context do
    %{port: port, db: db} = context

    for part <-
          ["%c0%ae%c0%ae", "%c0%af", "%e0%80%af", "%f0%80%80%af", "%ed%a0%80", "%ff", "%fe"] ++
            ["%", "%2", "%zz", "%u002e", "%f4%90%80%80"],
        path <- ["/api/v1/databases/" <> part, db <> "/features/" <> part] do
      response = get(port, path)
      assert {path, response.status, code(response)} == {path, 400, "invalid_path"}
    end

    # What is encoded twice is decoded once.
    for part <- ["%252e%252e", "%252f", "%2500"] do
      assert request(port, "PUT", db <> "/features/" <> part, body: @feature).status == 201
      assert json(get(port, db <> "/features/" <> part))["id"] == URI.decode(part)
    end

    # A path is not put right, as browsers do: what is written is what is meant.
    for path <- ["/api/v1/databases/x/../../version", db <> "//features", db <> "/./features"],
        do: assert({path, get(port, path).status} == {path, 404})
  end

  test "no value of a request becomes a header field of the answer", %{port: port, db: db} do
    evil = "a%0d%0aset-cookie:%20x=1"

    for id <- [evil, "a%0aset-cookie:x", "a%00", "a%c2%85b", "%2e%2e", "a%e2%80%a8b"] do
      response = request(port, "PUT", db <> "/features/" <> id, body: @feature)
      assert {id, response.status in [400, 201]} == {id, true}
      refute is_map_key(response.headers, "set-cookie")
      for {_name, value} <- response.headers, do: assert(value =~ ~r/\A[\x20-\x7e]*\z/)
    end

    # What may be an id stands in links as a link has it.
    for id <- ["a%22%3e%3cscript%3e", "a%3e%3b%20rel=next", "..%2f..%2fetc"] do
      response = request(port, "PUT", db <> "/features/" <> id, body: @feature)
      assert response.status == 201
      assert response.headers["location"] =~ ~r/\A[A-Za-z0-9\/_.~%-]+\z/
      points = for n <- 1..2, do: %{series_id: URI.decode(id), timestamp: n, value: n}
      assert send_body(port, db <> "/timeseries", JSON.text(%{points: points})).status == 201
      link = get(port, db <> "/timeseries/" <> id <> "?limit=1").headers["link"]
      assert link =~ ~r/\A<[^<>" ]+>; rel="next"\z/
    end

    for {name, value} <- [
          {"x-request-id", "a%0d%0aset-cookie:x"},
          {"x-request-id", "a\u0085b"},
          {"x-request-id", "<script>"},
          {"x-request-id", String.duplicate("a", 129)},
          {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01%0d%0aa:b"},
          {"origin", "https://evil.example%0d%0aa:b"},
          {"accept", "text/html%0d%0aa:b"},
          {"x-forwarded-prefix", "/a%0d%0ab"}
        ] do
      response = get(port, "/health", [{name, value}])
      assert {name, response.status} == {name, 200}
      refute Enum.any?(response.headers, fn {_name, text} -> text =~ value end)
      assert response.headers["x-request-id"] =~ ~r/\A[0-9a-f]+\z/
    end

    response = get(port, db <> "/features?limit=1&%0d%0aset-cookie:x=1")
    assert response.status == 400
    refute is_map_key(response.headers, "set-cookie")
  end

  describe "documents" do
    test "that unpack to much, or to nothing for long, are bounded", %{port: port, db: db} do
      gzip = [{"content-encoding", "gzip"}]
      zstd = [{"content-encoding", "zstd"}]
      path = db <> "/features"
      bomb = :zlib.gzip(String.duplicate(" ", 50_000_000))
      nested = :zlib.gzip(bomb)
      # 128 KiB of one byte in four bytes, again and again.
      run = <<131_072 * 8 + 2::24-little, ?\s>>

      for {body, headers, codes} <- [
            {bomb, gzip, ["payload_too_large"]},
            {nested, gzip, ["invalid_json"]},
            {nested, [{"content-encoding", "gzip, gzip"}], ["unsupported_content_coding"]},
            {bomb, [{"content-encoding", "gzip"}, {"content-encoding", "gzip"}],
             ["unsupported_content_coding"]},
            {String.duplicate(:zlib.gzip(""), 40_000), gzip, ["invalid_json"]},
            {"\x28\xb5\x2f\xfd\x00\x58" <> String.duplicate(run, 4_000) <> <<1, 0, 0>>, zstd,
             ["payload_too_large"]},
            # Windows of 128 MiB, and of terabytes.
            {<<0x28B52FFD0088::48, 17::24-little, "{}">>, zstd, ["invalid_content_coding"]},
            {<<0x28B52FFD00F8::48, 17::24-little, "{}">>, zstd, ["invalid_content_coding"]},
            {String.duplicate(<<0x502A4D18::32, 0::32>>, 100_000), zstd, ["invalid_json"]},
            {"\x28\xb5\x2f\xfd\x00\x58" <> :binary.copy(<<0, 0, 0>>, 300_000) <> <<1, 0, 0>>,
             zstd, ["invalid_json"]}
          ] do
        {microseconds, response} = :timer.tc(fn -> send_body(port, path, body, headers) end)
        assert {code(response), byte_size(body)} == {hd(codes), byte_size(body)}
        assert microseconds < 5_000_000
      end
    end

    test "that are deep, long or huge say so", %{port: port, db: db} do
      for {body, type} <- [
            {String.duplicate("[", 500_000), "json"},
            {String.duplicate(~s({"a":), 100_000), "json"},
            {String.duplicate(~s({"type":"GeometryCollection","geometries":[), 20_000), "json"},
            {feature(String.duplicate("[", 200_000) <> String.duplicate("]", 200_000)), "json"},
            {String.duplicate(<<0x9F>>, 100_000), "cbor"},
            {String.duplicate(<<0x81>>, 100_000), "cbor"},
            {String.duplicate(<<0xD8, 0x20>>, 50_000), "cbor"},
            {<<0x9B7FFFFFFFFFFFFFFF::72>>, "cbor"},
            {<<0xBB7FFFFFFFFFFFFFFF::72>>, "cbor"},
            {<<0x7B00000000FFFFFFFF::72>>, "cbor"}
          ] do
        {microseconds, response} =
          :timer.tc(fn ->
            headers = [{"content-type", "application/" <> type}]
            request(port, "POST", db <> "/features", headers: headers, body: body)
          end)

        assert {response.status, code(response)} == {400, "invalid_" <> type}
        assert microseconds < 5_000_000
      end

      assert send_body(port, db <> "/features", String.duplicate(" ", 1_048_577)).status == 413
    end

    test "with a name that comes twice, or text that is none, mean nothing", context do
      %{port: port, db: db} = context

      for body <- [
            ~s({"type":"Feature","type":"FeatureCollection","geometry":null,"properties":{}}),
            ~s({"type":"Feature","id":"a","id":"b","geometry":null,"properties":{}}),
            ~s({"type":"Feature","geometry":null,"properties":{"a":1,"\\u0061":2}}),
            feature(~s("\xff")),
            feature(~s("\xc0\xaf")),
            feature(~s("\xed\xa0\x80")),
            feature(~s("\xf4\x90\x80\x80")),
            feature(~s("\\ud800")),
            feature(~s("\\udc00\\ud800")),
            feature(~s("\0")),
            "\xef\xbb\xbf\xef\xbb\xbf" <> @feature,
            @feature <> @feature,
            @feature <> "\0"
          ] do
        response = send_body(port, db <> "/features", body)
        assert {body, response.status, code(response)} == {body, 400, "invalid_json"}
      end

      cbor = [{"content-type", "application/cbor"}]
      body = <<0xA2, 0x61, ?a, 1, 0x61, ?a, 2>>
      response = request(port, "POST", db <> "/features", headers: cbor, body: body)
      assert {response.status, code(response)} == {400, "invalid_cbor"}
    end

    test "with numbers that no number holds are refused, others are exact", context do
      %{port: port, db: db} = context

      for number <-
            ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", String.duplicate("1", 5_000)] ++
              ["1e-999", "1e" <> String.duplicate("9", 1_000), "18446744073709551616"] ++
              ["01", "+1", ".5", "1.", "0x10", "1_000", "1e", "--1"],
          {path, body} <- [
            {"/features", feature(number)},
            {"/timeseries", ~s({"series_id":"s","timestamp":1,"value":#{number}})},
            {"/timeseries", ~s({"series_id":"s","timestamp":#{number},"value":1})}
          ] do
        response = send_body(port, db <> path, body)
        assert {body, response.status, code(response)} == {body, 400, "invalid_json"}
      end

      for number <- [
            "18446744073709551615",
            "-9223372036854775808",
            "1.7976931348623157e308",
            "5e-324"
          ] do
        response = send_body(port, db <> "/features", feature(number))
        assert {number, response.status} == {number, 201}
        id = json(response)["feature_id"]
        assert get(port, db <> "/features/" <> id).body =~ number |> String.split("e") |> hd()
      end

      for limit <- ["99999999999999999999", "-1", "1e3", "0x1", "1.0", "", "NaN"] do
        response = get(port, db <> "/features?limit=" <> limit)
        assert {limit, response.status, code(response)} == {limit, 400, "invalid_parameter"}
      end

      for bbox <- ["nan,0,1,1", "1e999,0,1,1", "0,0,1", "inf,0,1,1"],
          do: assert({bbox, get(port, db <> "/features?bbox=" <> bbox).status} == {bbox, 400})
    end
  end

  test "what a page of another site can send without asking writes nothing", context do
    %{port: port, db: db, name: name} = context

    # Also where a browser does not say from where: what a form can send is no body of ours.
    for type <-
          ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] ++
            ["text/plain; application/json", "application/json, text/plain", "text/json", ""],
        origin <- [[], [{"origin", "null"}], [{"origin", "https://evil.example"}]] do
      headers = [{"content-type", type} | origin]
      response = request(port, "POST", db <> "/features", headers: headers, body: @feature)
      assert {type, response.status} == {type, if(origin == [], do: 415, else: 403)}
    end

    for site <- ["cross-site", "same-site", "other"] do
      headers = [{"sec-fetch-site", site}, {"content-type", "application/json"}]
      response = request(port, "POST", db <> "/features", headers: headers, body: @feature)
      assert code(response) == "origin_not_allowed"
    end

    assert {:ok, %{seq: 0}} = FormdbHttp.database(name)
  end
end
