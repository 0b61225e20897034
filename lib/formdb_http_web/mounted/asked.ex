defmodule FormdbHttpWeb.Mounted.Asked do
  @moduledoc false
  # What a `Plug.Conn` says of the request, after plugs of the application have changed some of it. Pure.

  alias FormdbHttp.Config.Web

  @doc """
  The method as it was sent. Plug.Head, which stands before every router, makes GET of HEAD: then
  a stream would be made that is sent to nobody, and never ends. Servers keep the method they have read.
  """
  @spec method(map()) :: String.t()
  def method(%{method: "GET", adapter: {_server, %{method: "HEAD"}}}), do: "HEAD"
  def method(%{method: method}), do: method

  @doc """
  Header fields as requests have them: those of one name are one (RFC 9110, 5.3). HTTP/2 says in
  another place whom it asks than in `host`. The id that Plug.RequestId has given is the one.
  """
  @spec headers(map()) :: %{String.t() => String.t()}
  def headers(conn) do
    headers = joined(conn.req_headers)
    headers = if headers["host"], do: headers, else: hosted(headers, conn)

    case List.keyfind(conn.resp_headers, "x-request-id", 0) do
      {_name, id} -> Map.put(headers, "x-request-id", id)
      nil -> headers
    end
  end

  # HTTP/1.0 may say nothing.
  defp hosted(headers, %{host: ""}), do: headers
  defp hosted(headers, conn), do: Map.put(headers, "host", address(conn))

  @doc "Header fields of one name as one."
  @spec joined([{String.t(), String.t()}]) :: %{String.t() => String.t()}
  def joined(fields) do
    Enum.reduce(fields, %{}, fn {name, value}, headers ->
      Map.update(headers, name, value, &(&1 <> separator(name) <> value))
    end)
  end

  # RFC 9113, 8.2.3.
  defp separator("cookie"), do: "; "
  defp separator(_name), do: ", "

  @doc """
  Host and port that the request is for, where a plug (Plug.RewriteOn, Plug.SSL) has found that out
  from what a proxy says: `host` is then of the connection to the proxy. `nil` where it has not.
  """
  @spec authority(map()) :: String.t() | nil
  def authority(%{host: host, req_headers: fields} = conn) do
    with {_name, sent} <- List.keyfind(fields, "host", 0),
         {name, port} <- Web.authority(sent),
         false <- same?(host, name) and port in [nil, conn.port] do
      address(conn)
    else
      _as_it_was_sent -> nil
    end
  end

  # Servers keep an address of IPv6 with its brackets, or without.
  defp same?(host, name) do
    host = String.downcase(host, :ascii)
    host == name or "[" <> host <> "]" == name
  end

  @doc "Host and port as `host` has them."
  @spec address(%{
          required(:host) => String.t(),
          required(:port) => :inet.port_number(),
          required(:scheme) => atom() | String.t(),
          optional(atom()) => term()
        }) :: String.t()
  def address(%{host: host, port: port, scheme: scheme}) do
    host = if host =~ ":" and not String.starts_with?(host, "["), do: "[#{host}]", else: host

    if {to_string(scheme), port} in [{"http", 80}, {"https", 443}],
      do: host,
      else: "#{host}:#{port}"
  end
end
