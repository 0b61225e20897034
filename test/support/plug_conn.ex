# Where there is no Plug: what its documentation says of the functions that are called here. It is
# stricter than a server: a conn of before, whose request or answer has moved on, raises.

defmodule Plug.Conn.Unfetched do
  @moduledoc false
  defstruct [:aspect]
end

defmodule Plug.Conn do
  @moduledoc false
  # `adapter` is `{FormdbHttp.PlugHost, %{host: host, turn: turn, method: method}}`: the process that
  # plays the server, how often this conn has asked it for something, and the method that was sent.

  alias FormdbHttp.PlugHost

  defstruct adapter: nil,
            assigns: %{},
            body_params: %Plug.Conn.Unfetched{aspect: :body_params},
            halted: false,
            host: "localhost",
            method: "GET",
            path_info: [],
            port: 80,
            private: %{},
            query_string: "",
            remote_ip: {127, 0, 0, 1},
            req_headers: [],
            request_path: "/",
            resp_body: nil,
            resp_headers: [{"cache-control", "max-age=0, private, must-revalidate"}],
            scheme: :http,
            script_name: [],
            state: :unset,
            status: nil

  def halt(%__MODULE__{} = conn), do: %{conn | halted: true}

  def read_body(%__MODULE__{} = conn, opts \\ []) do
    case ask(conn, {:read, Keyword.get(opts, :length, 8_000_000), opts}) do
      {{:error, _reason} = error, _conn} -> error
      {{:raise, exception}, _conn} -> raise exception
      {{more_or_ok, data}, conn} -> {more_or_ok, data, conn}
    end
  end

  def send_resp(%__MODULE__{state: :unset} = conn, status, body) do
    check_fields(conn)
    {:ok, conn} = ask(conn, {:answer, status, conn.resp_headers, IO.iodata_to_binary(body)})
    %{conn | state: :sent, status: status}
  end

  def send_chunked(%__MODULE__{state: :unset} = conn, status) do
    check_fields(conn)
    {:ok, conn} = ask(conn, {:begin, status, conn.resp_headers})
    %{conn | state: :chunked, status: status}
  end

  def chunk(%__MODULE__{state: :chunked} = conn, part) do
    case ask(conn, {:chunk, IO.iodata_to_binary(part)}) do
      {:ok, conn} -> {:ok, conn}
      {{:error, _} = error, _conn} -> error
    end
  end

  # As Plug has it in tests: names in lower case, no line breaks in values.
  defp check_fields(%{resp_headers: headers}) do
    for {name, value} <- headers do
      true = is_binary(name) and is_binary(value)
      true = String.downcase(name, :ascii) == name
      false = String.contains?(value, ["\r", "\n"])
    end
  end

  def get_http_protocol(%__MODULE__{adapter: {_name, server}}),
    do: Map.get(server, :protocol, :"HTTP/1.1")

  # A test may give the server another name.
  defp ask(%{adapter: {name, %{host: host, turn: turn} = server}} = conn, what) do
    answer = PlugHost.call(host, turn, what)
    {answer, %{conn | adapter: {name, %{server | turn: turn + 1}}}}
  end
end

defmodule WebSockAdapter do
  @moduledoc false

  def upgrade(%Plug.Conn{state: :unset} = conn, module, state, opts),
    do: %{conn | state: :upgraded, private: %{upgraded: {module, state, opts}}}
end
