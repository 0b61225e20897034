defmodule FormdbHttpWeb.DamagedBlockTest do
  # One old block that the disk no longer gives back as it was: what that costs.
  use ExUnit.Case

  import ExUnit.CaptureLog
  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Catalog, Config, Native, Scrubber}
  alias FormdbHttpWeb.Endpoint

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "damaged_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> FormdbHttp.purge(name) end)

    for n <- 1..20 do
      properties = %{n: n, note: "note #{n} of #{name}"}
      feature = %{type: "Feature", id: "f#{n}", geometry: nil, properties: properties}
      {:ok, _} = FormdbHttp.put_feature(name, feature)
    end

    [segment] = Path.wildcard(Path.join([Config.load!().data_dir, name, "journal", "*.journal"]))
    {:ok, port: Endpoint.port(), name: name, path: "/api/v1/databases/#{name}", segment: segment}
  end

  defp damage(segment, text) do
    bytes = File.read!(segment)
    {at, _length} = :binary.match(bytes, text)
    {:ok, file} = :file.open(segment, [:read, :write, :binary, :raw])
    :ok = :file.pwrite(file, at, "N")
    :ok = :file.close(file)
  end

  test "it costs the requests that need it, and no folder is told", context do
    %{port: port, name: name, path: path, segment: segment} = context
    damage(segment, "note 7 of")

    log =
      capture_log(fn ->
        answer = get(port, "#{path}/features/f7")
        assert answer.status == 500
        %{"code" => "journal_corrupt", "detail" => detail} = json(answer)
        assert detail =~ Path.basename(segment)
        refute detail =~ "/"
      end)

    assert log =~ segment
    for n <- 1..20, n != 7, do: assert(get(port, "#{path}/features/f#{n}").status == 200)
    feature = %{type: "Feature", id: "f7", geometry: nil, properties: %{}}
    {:ok, _} = FormdbHttp.put_feature(name, feature)
    assert get(port, "#{path}/features/f7").status == 200
  end

  test "reading everything through finds it, says so once, and goes on", context do
    %{port: port, name: name, path: path, segment: segment} = context
    assert {:ok, {bytes, [], true}} = Native.database_scrub(Catalog.handle(), name, 1_000_000)
    assert bytes > 1_000
    damage(segment, "note 9 of")

    log =
      capture_log(fn ->
        config = %{scrub_bytes_per_second: 50_000_000, scrub_interval_hours: 1}
        scrubber = start_supervised!({Scrubber, config})
        send(scrubber, :step)
        # The second step finds nothing due.
        send(scrubber, :step)
        :sys.get_state(scrubber)
        told(port, name, segment)
        :ok = stop_supervised(Scrubber)
      end)

    assert log =~ "what is stored is damaged: #{segment}, byte "
    assert {:ok, {_bytes, [], true}} = Native.database_scrub(Catalog.handle(), name, 1_000_000)

    %{"scrub" => scrub, "status" => "open"} = json(get(port, path))
    assert %{"damaged" => 1, "passes" => 3, "position" => 0} = scrub
    assert scrub["finished"] > 1_700_000_000_000_000
    assert get(port, "/metrics").body =~ ~s(formdb_database_damaged{database="#{name}"} 1)
  end

  # Probes say so, with the file and without its folder.
  defp told(port, name, segment) do
    for path <- ["/health/ready", "/health/detailed"] do
      answer = get(port, path)
      assert {answer.status, json(answer)["status"]} == {200, "degraded"}
      assert [reason] = reasons(answer, name)
      assert reason =~ "damaged at 1 place: #{Path.basename(segment)}, byte "
      refute reason =~ Path.dirname(segment)
    end
  end

  defp reasons(answer, name) do
    for %{"database" => ^name, "reason" => reason} <- json(answer)["reasons"] || [], do: reason
  end
end
