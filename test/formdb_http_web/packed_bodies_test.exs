defmodule FormdbHttpWeb.PackedBodiesTest do
  # Bodies of requests in gzip and zstd.
  use ExUnit.Case

  import FormdbHttp.HTTPClient, except: [post: 3, post: 4]

  alias FormdbHttp.{Config, ContentCoding, WorkMemory}
  alias FormdbHttpWeb.Endpoint

  @mib 1_048_576
  @most 4 * @mib

  setup do
    start_supervised!({Endpoint, %{Config.load!() | max_body_bytes: @most}})
    name = "packed-#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)
    %{db: name, port: Endpoint.port(), path: "/api/v1/databases/#{name}/features"}
  end

  defp post(path, coding, body, headers \\ []) do
    headers = [{"content-encoding", coding} | headers]
    request(Endpoint.port(), "POST", path, headers: headers, body: body)
  end

  defp lines(path, coding, body, headers \\ []),
    do: post(path, coding, body, [{"content-type", "application/x-ndjson"} | headers])

  defp pack(coding, text), do: ContentCoding.compress(coding, text)

  defp feature(id, more \\ ""),
    do: ~s({"type":"Feature","id":"#{id}","geometry":null,"properties":{"more":"#{more}"}})

  defp last(%{status: 200, body: body}),
    do: body |> String.split("\n", trim: true) |> List.last() |> FormdbHttp.JSON.decode!()

  # So many MiB of zeros, as gzip: members one after the other.
  defp bomb(mib), do: @mib |> zeros() |> :zlib.gzip() |> :binary.copy(mib)
  defp zeros(bytes), do: :binary.copy(<<0>>, bytes)

  defp work, do: elem(WorkMemory.figures(), 0)

  test "are taken in either coding, by all its names", %{db: db, path: path} do
    for {name, coding} <- [{"gzip", :gzip}, {"X-GZIP", :gzip}, {"zstd", :zstd}, {" Zstd", :zstd}] do
      id = "f" <> String.trim(name)
      body = feature(id, String.duplicate("more ", 100_000))
      response = post(path, name, pack(coding, body))
      assert response.status == 201
      assert {:ok, %{json: json}} = FormdbHttp.get_feature(db, id)
      assert json =~ "more more"
    end

    assert post(path, "identity", feature("plain")).status == 201
  end

  test "come in chunks", %{port: port, path: path} do
    packed = pack(:zstd, feature("chunked"))
    socket = connect(port)

    write(socket, [
      "POST #{path} HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: zstd\r\n",
      "transfer-encoding: chunked\r\n\r\n",
      for(<<byte <- packed>>, do: ["1\r\n", byte, "\r\n"]),
      "0\r\n\r\n"
    ])

    assert read(socket).status == 201
  end

  test "in another coding, or several, are 415, and it is said what is taken", %{path: path} do
    for coding <- ["br", "gzip, zstd", "gzip, gzip", "identity, gzip", "deflate", "*"] do
      response = post(path, coding, feature("a"))
      assert {coding, 415} == {coding, response.status}
      assert json(response)["code"] == "unsupported_content_coding"
      assert response.headers["accept-encoding"] == "gzip, zstd"
    end

    # RFC 9110, 12.5.3: not where it is about something else.
    response =
      request(Endpoint.port(), "POST", path, headers: [{"content-type", "a/b"}], body: "")

    assert response.status == 415
    refute is_map_key(response.headers, "accept-encoding")
  end

  test "that are damaged are 400", %{path: path} do
    for coding <- [:gzip, :zstd], name = to_string(coding), packed = pack(coding, feature("a")) do
      for body <- [
            binary_part(packed, 0, byte_size(packed) - 3),
            packed <> "and more",
            feature("a"),
            ""
          ] do
        for response <- [post(path, name, body), lines(path, name, body)] do
          assert response.status == 400
          assert %{"code" => "invalid_content_coding", "detail" => detail} = json(response)
          assert detail =~ "the #{name} data is damaged"
        end
      end
    end
  end

  test "that unpack to more than the limit are 413, and take no more memory", %{path: path} do
    # As much as 10 KB can be: blocks of one byte, 128 KiB times (RFC 8878, 3.1.1.2).
    block = <<Bitwise.bor(Bitwise.bsl(131_072, 3), 2)::little-24, ?x>>
    zstd = <<0xFD2FB528::little-32, 0, 7 * 8>> <> :binary.copy(block, 2_500)
    before = work()
    parent = self()

    watcher =
      spawn_link(fn ->
        watch = fn watch, most ->
          receive do
            :stop -> send(parent, {:most, most})
          after
            0 -> watch.(watch, max(most, work()))
          end
        end

        watch.(watch, 0)
      end)

    gzip = binary_part(bomb(10_000), 0, @most - 1)

    {microseconds, responses} =
      :timer.tc(fn ->
        [post(path, "gzip", gzip) | for(_ <- 1..8, do: post(path, "zstd", zstd))]
      end)

    send(watcher, :stop)
    assert_receive {:most, most}

    for response <- responses do
      assert response.status == 413
      assert json(response)["detail"] =~ "more than #{@most} bytes once it is unpacked"
      assert json(response)["detail"] =~ "FORMDB_MAX_BODY_BYTES"
    end

    assert most - before < 4 * @most
    assert microseconds < 20_000_000
  end

  test "are known by what they are unpacked", %{db: db, path: path} do
    key = [{"idempotency-key", "once"}]
    assert post(path, "gzip", pack(:gzip, feature("a")), key).status == 201
    again = post(path, "zstd", pack(:zstd, feature("a")), key)
    assert again.headers["idempotency-replayed"] == "true"
    other = post(path, "zstd", pack(:zstd, feature("b")), key)
    assert other.status == 422

    key = [{"idempotency-key", "lines"}]
    text = Enum.map_join(1..9, "\n", &feature("line#{&1}"))

    assert %{"inserted" => 9, "last_seq" => seq} =
             last(lines(path, "gzip", pack(:gzip, text), key))

    assert %{"last_seq" => ^seq} = last(lines(path, "zstd", pack(:zstd, text), key))
    assert {:ok, %{seq: ^seq}} = FormdbHttp.database(db)
    assert lines(path, "identity", text <> "\n" <> feature("x"), key).status == 422
  end

  test "of lines are unpacked in bounded memory", %{db: db, port: port, path: path} do
    # 200 MB in all, which one part of 1 MB brings.
    line = feature("big", String.duplicate("x", 1_000)) <> "\n"
    blank = :binary.copy(" ", 999_999) <> "\n"
    {:ok, packer} = ContentCoding.packer(:gzip)
    first = ContentCoding.pack(packer, :binary.copy(line, 100), false)
    middle = for _ <- 1..200, do: ContentCoding.pack(packer, blank, false)
    ends = ContentCoding.pack(packer, feature("end"), true)
    body = IO.iodata_to_binary([first, middle, ends])
    :erlang.garbage_collect()
    before = :erlang.memory(:binary)
    parent = self()

    watcher =
      spawn_link(fn ->
        watch = fn watch, most ->
          receive do
            :stop -> send(parent, {:most, most})
          after
            1 -> watch.(watch, max(most, :erlang.memory(:binary)))
          end
        end

        watch.(watch, 0)
      end)

    headers = [{"content-encoding", "gzip"}, {"content-type", "application/x-ndjson"}]
    response = request(port, "POST", path, headers: headers, body: body)
    send(watcher, :stop)
    assert_receive {:most, most}, 5_000
    assert %{"inserted" => 2, "replaced" => 99} = last(response)
    assert {:ok, _} = FormdbHttp.get_feature(db, "end")
    assert most - before < 64 * @mib
  end
end
