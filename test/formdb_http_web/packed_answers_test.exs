defmodule FormdbHttpWeb.PackedAnswersTest do
  # Answers in gzip and zstd, for those who ask for them.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, Contract, ContentCoding}
  alias FormdbHttpWeb.{Accept, Endpoint}

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "answers-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    port = Endpoint.port()
    path = "/api/v1/databases/#{name}/features"
    for id <- ["large", "other"], do: put(port, "#{path}/#{id}", large(id))
    put(port, path <> "/small", feature("small", ""))
    %{db: name, port: port, path: path, large: path <> "/large", small: path <> "/small"}
  end

  defp put(port, path, body, headers \\ []),
    do: request(port, "PUT", path, body: body, headers: headers)

  defp large(id), do: feature(id, String.duplicate("more and ", 500))

  defp feature(id, more),
    do: ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{"more":"#{more}"}})

  defp ask(port, path, coding, headers \\ []),
    do: get(port, path, [{"accept-encoding", coding} | headers])

  test "are packed as the client likes it best" do
    for {field, codings} <- [
          {"gzip", [:gzip, :identity]},
          {"GZIP, br", [:gzip, :identity]},
          {"x-gzip", [:gzip, :identity]},
          {"gzip, deflate, br, zstd", [:zstd, :gzip, :identity]},
          {"gzip;q=1.0, zstd;q=0.5", [:gzip, :zstd, :identity]},
          {"gzip;q=0.5, *;q=0.8", [:zstd, :gzip, :identity]},
          {"*", [:zstd, :gzip, :identity]},
          {"*;q=0", []},
          {"gzip, *;q=0", [:gzip]},
          {"gzip, identity;q=0", [:gzip]},
          {"identity, gzip;q=0.5", [:identity, :gzip]},
          {"gzip;q=0, zstd;q=0", [:identity]},
          {"br", [:identity]},
          {"", [:identity]},
          {"gzip;q=nonsense", [:identity]},
          {"gzip;q=1" <> String.duplicate("0", 400), [:identity]},
          {<<255, ",gzip;q=0.001">>, [:gzip, :identity]}
        ] do
      assert {field, codings} == {field, Accept.codings(%{"accept-encoding" => field})}
    end

    assert Accept.codings(%{}) == [:identity]
  end

  test "have the same content, fewer bytes, and say what they depend on", context do
    %{port: port, large: path} = context
    plain = get(port, path)
    assert plain.headers["vary"] == "accept, accept-encoding"
    refute is_map_key(plain.headers, "content-encoding")

    for coding <- ["gzip", "zstd"] do
      packed = ask(port, path, coding)
      assert packed.headers["content-encoding"] == coding
      assert packed.headers["vary"] == "accept, accept-encoding"
      assert byte_size(packed.body) < div(byte_size(plain.body), 10)
      assert Contract.unpacked(packed) == plain.body
      head = request(port, "HEAD", path, headers: [{"accept-encoding", coding}])
      own = ["date", "x-request-id"]
      assert Map.drop(head.headers, own) == Map.drop(packed.headers, own)
    end

    assert ask(port, path, "gzip, zstd").headers["content-encoding"] == "zstd"
    assert ask(port, path, "br").body == plain.body
  end

  test "that are short or errors", %{port: port, path: path, small: small} do
    response = ask(port, small, "gzip")
    refute is_map_key(response.headers, "content-encoding")
    assert response.headers["vary"] == "accept"
    only = ask(port, small, "gzip, identity;q=0")
    assert only.headers["content-encoding"] == "gzip"
    assert Contract.unpacked(only) == response.body

    long = path <> "?" <> String.duplicate("a", 3_000) <> "=1"
    problem = ask(port, long, "gzip")
    assert problem.status == 400
    assert json(problem)["code"] == "unknown_parameter"
  end

  test "of every type that shrinks", %{port: port, db: db} do
    for path <- ["/openapi.json", "/docs/docs.js", "/docs/style.css", "/metrics"] do
      response = ask(port, path, "gzip")
      assert {path, 200} == {path, response.status}
      assert {path, "gzip"} == {path, response.headers["content-encoding"]}
      assert byte_size(Contract.unpacked(response)) > byte_size(response.body)
    end

    block = "/api/v1/databases/#{db}/blocks/1"
    stored = [{"accept", "application/cbor"}]
    plain = get(port, block, stored)
    packed = ask(port, block, "zstd", stored)
    assert packed.headers["vary"] == "accept, accept-encoding"
    assert Contract.unpacked(packed) == plain.body
  end

  test "have tags of their own, and conditions know them all", %{port: port, large: path} do
    ~s(") <> rest = plain = get(port, path).headers["etag"]
    hash = String.trim_trailing(rest, ~s("))
    gzip = ask(port, path, "gzip").headers["etag"]
    assert gzip == ~s("#{hash}-gzip")
    assert ask(port, path, "zstd").headers["etag"] == ~s("#{hash}-zstd")

    for {asked, coding} <- [{gzip, "gzip"}, {plain, "gzip"}, {gzip, "br"}, {"W/" <> gzip, "zstd"}] do
      response = ask(port, path, coding, [{"if-none-match", asked}])
      assert response.status == 304
      assert response.headers["vary"] == "accept, accept-encoding"
      expected = if {asked, coding} == {gzip, "gzip"}, do: gzip, else: plain
      assert response.headers["etag"] == expected
    end

    assert ask(port, path, "gzip", [{"if-none-match", ~s("0-gzip")}]).status == 200
    assert ask(port, path, "gzip", [{"if-match", gzip}]).status == 200
    written = put(port, path, large("large"), [{"if-match", gzip}])
    assert written.status == 200
    assert put(port, path, large("large"), [{"if-match", gzip}]).status == 412
    assert put(port, path, large("large"), [{"if-match", written.headers["etag"]}]).status == 200
  end

  test "in another form are packed too, with a tag that says both", context do
    %{port: port, large: path} = context
    cbor = [{"accept", "application/cbor"}]
    plain = get(port, path, cbor)
    packed = ask(port, path, "zstd", cbor)
    assert Contract.unpacked(packed) == plain.body
    tag = packed.headers["etag"]
    assert tag == String.replace_suffix(plain.headers["etag"], ~s("), ~s(-zstd"))
    assert tag =~ "-cbor-zstd"
    assert %{status: 304} = again = ask(port, path, "zstd", [{"if-none-match", tag} | cbor])
    assert again.headers["etag"] == tag
    assert put(port, path, large("large"), [{"if-match", tag}]).status == 200
  end

  test "in parts are packed so, and each part is sent", %{port: port, path: path} do
    lines = [{"accept", "application/x-ndjson"}]
    plain = get(port, path, lines)

    for coding <- ["gzip", "zstd"] do
      packed = ask(port, path, coding, lines)
      assert packed.headers["content-encoding"] == coding
      assert packed.headers["vary"] == "accept, accept-encoding"
      assert Contract.unpacked(packed) == plain.body
      head = request(port, "HEAD", path, headers: [{"accept-encoding", coding} | lines])
      assert head.headers["content-encoding"] == coding
    end
  end

  test "many pages are whole", %{db: db, port: port, path: path} do
    features = for n <- 1..5_000, do: feature("n#{n}", "m")
    document = ~s({"type":"FeatureCollection","features":[#{Enum.join(features, ",")}]})
    {:ok, _} = FormdbHttp.put_features(db, document)
    accept = [{"accept", "application/x-ndjson"}]
    plain = get(port, path, accept).body

    for coding <- ["gzip", "zstd"],
        do: assert(Contract.unpacked(ask(port, path, coding, accept)) == plain)
  end

  test "are as they are where that is switched off", %{large: path} do
    stop_supervised!(Endpoint)
    start_supervised!({Endpoint, %{Config.load!() | compression: false}})
    response = ask(Endpoint.port(), path, "gzip")
    refute is_map_key(response.headers, "content-encoding")
    assert response.headers["vary"] == "accept"
    body = ContentCoding.compress(:gzip, large("large"))
    assert put(Endpoint.port(), path, body, [{"content-encoding", "gzip"}]).status == 200
  end
end
