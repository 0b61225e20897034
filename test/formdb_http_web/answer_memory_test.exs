defmodule FormdbHttpWeb.AnswerMemoryTest do
  # An answer counts as memory until the socket has taken all of it.
  use ExUnit.Case

  import FormdbHttp.Waiting

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, WorkMemory}
  alias FormdbHttpWeb.{AnswerMemory, Endpoint, Router}

  @mib 1_048_576
  # Left of the pool, and the size of a page: larger than what a socket takes by itself.
  @room 64 * @mib
  @page 12 * @mib
  @text String.duplicate("x", 16 * 1_024)

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "answers_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)
    on_exit(fn -> :ok = FormdbHttp.purge(name) end)
    features = Enum.map_intersperse(1..div(@page, byte_size(@text)), ",", &feature/1)
    collection = [~s({"type":"FeatureCollection","features":[), features, "]}"]
    {:ok, _} = FormdbHttp.put_features(name, IO.iodata_to_binary(collection))

    {used, limit} = WorkMemory.figures()
    {:ok, hold} = WorkMemory.reserve(limit - used - @room)
    on_exit(fn -> WorkMemory.release(hold) end)
    {:ok, port: Endpoint.port(), db: "/api/v1/databases/" <> name, limit: limit}
  end

  defp feature(n) do
    ~s({"type":"Feature","id":"f#{n}","geometry":null,"properties":{"text":"#{@text}"}})
  end

  defp used, do: elem(WorkMemory.figures(), 0)

  # A client that asks and then reads the first line alone, and what that says.
  defp slow_reader(port, path, method \\ "GET", body \\ nil) do
    opts = [:binary, active: false, recbuf: 4_096]
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, opts)
    write(socket, format(method, path, body: body))
    {:ok, "HTTP/1.1 " <> <<status::binary-3>>} = :gen_tcp.recv(socket, 12, 10_000)
    {socket, String.to_integer(status)}
  end

  test "answers that nobody reads are counted, refused beyond the bound, given back", context do
    %{port: port, db: db, limit: limit} = context
    before = used()

    readers =
      for n <- 1..12 do
        # Every other one is an answer that is kept, of which each reader has a copy.
        {socket, status} = slow_reader(port, "#{db}/features?limit=#{10_000 + rem(n, 2)}")
        assert used() <= limit
        {socket, status}
      end

    {taken, refused} = Enum.split_with(readers, fn {_socket, status} -> status == 200 end)
    assert length(taken) in 2..5
    assert used() >= before + length(taken) * @page

    for {socket, status} <- refused do
      assert status == 503
      rest = read_all_now(socket)
      assert rest =~ "retry-after: 1\r\n"
      assert rest =~ ~s("code":"memory_full") and rest =~ "FORMDB_WORK_BYTES"
    end

    # What is small is answered.
    assert get(port, db).status == 200

    # One that is read to its end gives back what it held, although the client stays.
    [{socket, 200} | others] = taken
    held = used()
    read_all_now(socket)
    wait_until(fn -> used() <= held - @page end)

    for {socket, _status} <- others, do: :gen_tcp.close(socket)
    wait_until(fn -> used() == before end)
    for {socket, _status} <- readers, do: :gen_tcp.close(socket)
  end

  test "what was written is told, whatever there is left", %{limit: limit} do
    {:ok, all} = WorkMemory.reserve(limit - used())
    ids = String.duplicate("x", 10_000)
    assert {201, %{}, body} = AnswerMemory.count({201, %{}, ["[", ids, "]"]}, false)
    assert IO.iodata_to_binary(body) == "[" <> ids <> "]"
    assert used() in (limit + 5_000)..(limit + 10_002)
    assert {503, %{"retry-after" => _}, _} = AnswerMemory.count({200, %{}, ids}, true)
    WorkMemory.release(all)
  end

  test "a question by POST is as safe as one by GET" do
    safe? = fn method, path ->
      {resource, _parts} = Router.find("/api/v1/databases/d" <> path) || {nil, []}
      Router.safe?(%{method: method, call: resource && resource.calls[method]})
    end

    for word <- ["geometry", "within", "intersects", "contains"],
        do: assert(safe?.("POST", "/features/" <> word))

    assert safe?.("GET", "/features") and safe?.("HEAD", "/journal")
    refute safe?.("POST", "/features") or safe?.("POST", "/features/heatmap")
    refute safe?.("DELETE", "/features/a") or safe?.("POST", "/nothing")
  end

  # Until nothing more comes.
  defp read_all_now(socket, bytes \\ "") do
    case :gen_tcp.recv(socket, 0, 300) do
      {:ok, more} -> read_all_now(socket, bytes <> more)
      {:error, _reason} -> bytes
    end
  end
end
