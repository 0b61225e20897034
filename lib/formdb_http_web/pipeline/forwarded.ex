defmodule FormdbHttpWeb.Forwarded do
  @moduledoc false
  # What a proxy says of the request that it passes on: under which path (X-Forwarded-Prefix),
  # host and scheme (-Host, -Proto) and for whom (-For) it was asked. Anyone can write such
  # header fields, so those of other peers than FORMDB_TRUSTED_PROXIES are taken away, here,
  # before anybody looks at them. Pure.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.Config.Web

  @fields ["x-forwarded-prefix", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for"]

  @doc "The header fields without those that this peer is not believed."
  @spec believed(map(), :inet.ip_address(), [Web.network()]) :: map()
  def believed(headers, peer, proxies) do
    if proxies != [] and Web.member?(peer, proxies),
      do: headers,
      else: Map.drop(headers, @fields)
  end

  @doc "The path that links begin with: the proxy's, or else the one that is set."
  def base_path(%{"x-forwarded-prefix" => text}, _setting) do
    with :error <- Web.base_path(first(text)) do
      refuse(
        :malformed_request,
        "X-Forwarded-Prefix is #{show(text)}; expected a path such as /formdb, " <>
          "percent-encoded as in a URL"
      )
    end
  end

  def base_path(_headers, setting), do: {:ok, setting}

  @doc "Host (with its port, if given) and scheme by which the client asked; `nil`: not known."
  @spec authority(map()) :: {host :: String.t() | nil, scheme :: String.t() | nil}
  def authority(headers) do
    host = headers["x-forwarded-host"] || headers["host"]
    scheme = headers["x-forwarded-proto"]
    {host && first(host), scheme && scheme |> first() |> String.downcase(:ascii)}
  end

  @doc """
  The client's address: the last one in X-Forwarded-For that is no trusted proxy's, since
  each proxy adds whom it heard, behind what it was told. `:error` without any.
  """
  @spec client(map(), [Web.network()]) :: {:ok, :inet.ip_address()} | :error
  def client(%{"x-forwarded-for" => text}, proxies) do
    text
    |> String.split(",")
    |> Enum.reverse()
    |> Enum.reduce_while(:error, fn part, _found ->
      with {:ok, address} <- part |> String.trim() |> Web.address() do
        {if(Web.member?(address, proxies), do: :cont, else: :halt), {:ok, address}}
      else
        :error -> {:halt, :error}
      end
    end)
  end

  def client(_headers, _proxies), do: :error

  # Of proxies one behind the other the first wrote what the client asked for.
  defp first(text), do: text |> String.split(",", parts: 2) |> hd() |> String.trim()
end
