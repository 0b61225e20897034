defmodule FormdbHttp.HTTPClient do
  @moduledoc """
  A small HTTP/1.1 client for tests, over a plain socket: it sends the bytes that
  it is given and shows what comes back, without following, retrying or repairing
  anything.
  """

  import ExUnit.Assertions

  alias FormdbHttp.{Contract, JSON}

  @timeout 10_000

  @type response :: %{status: integer(), headers: %{String.t() => String.t()}, body: binary()}

  @doc """
  One request on a connection of its own. Options: `:headers` (a list of pairs),
  `:body`. The answer is held against the document of the API.
  """
  @spec request(:inet.port_number(), String.t(), String.t(), keyword()) :: response()
  def request(port, method, path, opts \\ []) do
    socket = connect(port)
    headers = [{"connection", "close"} | Keyword.get(opts, :headers, [])]
    write(socket, format(method, path, Keyword.put(opts, :headers, headers)))
    response = read(socket, method)
    assert closed?(socket), "the server did not close the connection"
    Contract.check(method, path, response)
  end

  def get(port, path, headers \\ []), do: request(port, "GET", path, headers: headers)
  def delete(port, path), do: request(port, "DELETE", path)

  @doc "Posts a map or list as JSON, or text as it is."
  def post(port, path, body, type \\ "application/json") do
    body = if is_binary(body), do: body, else: JSON.text(body)
    request(port, "POST", path, headers: [{"content-type", type}], body: body)
  end

  @doc "The body as JSON, unpacked where it was packed."
  def json(response), do: response |> Contract.unpacked() |> JSON.decode!()

  @doc "The bytes of a request."
  def format(method, path, opts \\ []) do
    body = Keyword.get(opts, :body)
    length = if body, do: [{"content-length", byte_size(body)}], else: []
    headers = [{"host", "localhost"} | Keyword.get(opts, :headers, [])] ++ length

    [
      [method, " ", path, " HTTP/1.1\r\n"],
      for({name, value} <- headers, do: [name, ": ", to_string(value), "\r\n"]),
      "\r\n",
      body || ""
    ]
  end

  def connect(port) do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false], @timeout)
    socket
  end

  def write(socket, bytes), do: :ok = :gen_tcp.send(socket, bytes)

  @doc "The next response, and nothing after it. Its method says whether it has a body."
  @spec read(:gen_tcp.socket(), String.t()) :: response()
  def read(socket, method \\ "GET"), do: read_rest(socket, read_head(socket), method)

  @doc "The next response as far as its body, which is empty here."
  @spec read_head(:gen_tcp.socket()) :: response()
  def read_head(socket) do
    :ok = :inet.setopts(socket, packet: :http_bin)
    {:ok, {:http_response, {1, 1}, status, _phrase}} = :gen_tcp.recv(socket, 0, @timeout)
    headers = read_headers(socket, %{})
    :ok = :inet.setopts(socket, packet: :raw)
    %{status: status, headers: headers, body: ""}
  end

  @doc "The response with its body."
  @spec read_rest(:gen_tcp.socket(), response(), String.t()) :: response()
  def read_rest(socket, head, method \\ "GET"),
    do: %{head | body: read_body(socket, method, head.headers)}

  defp read_body(_socket, "HEAD", _headers), do: ""

  defp read_body(socket, _method, %{"transfer-encoding" => "chunked"}),
    do: socket |> read_chunks([]) |> IO.iodata_to_binary()

  defp read_body(socket, _method, headers) do
    case headers |> Map.get("content-length", "0") |> String.to_integer() do
      0 -> ""
      length -> receive_bytes(socket, length)
    end
  end

  defp read_chunks(socket, chunks) do
    :ok = :inet.setopts(socket, packet: :line)
    {:ok, size} = :gen_tcp.recv(socket, 0, @timeout)
    :ok = :inet.setopts(socket, packet: :raw)
    size = size |> String.trim_trailing("\r\n") |> String.to_integer(16)
    chunk = if size > 0, do: receive_bytes(socket, size), else: ""
    "\r\n" = receive_bytes(socket, 2)
    if size > 0, do: read_chunks(socket, [chunks, chunk]), else: chunks
  end

  defp receive_bytes(socket, length) do
    {:ok, bytes} = :gen_tcp.recv(socket, length, @timeout)
    bytes
  end

  defp read_headers(socket, headers) do
    case :gen_tcp.recv(socket, 0, @timeout) do
      {:ok, {:http_header, _, name, _, value}} ->
        name = name |> to_string() |> String.downcase()
        refute Map.has_key?(headers, name), "the header #{name} came twice"
        read_headers(socket, Map.put(headers, name, value))

      {:ok, :http_eoh} ->
        headers
    end
  end

  @doc "Everything until the server closes the connection."
  def read_all(socket, bytes \\ "") do
    case :gen_tcp.recv(socket, 0, @timeout) do
      {:ok, more} -> read_all(socket, bytes <> more)
      {:error, :closed} -> bytes
    end
  end

  @doc "Whether the server has closed the connection, having sent nothing more."
  def closed?(socket), do: :gen_tcp.recv(socket, 0, @timeout) == {:error, :closed}
end
