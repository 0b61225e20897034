defmodule FormdbHttpWeb.Forwarded do
  @moduledoc false
  # What a proxy says of the request that it passes on: under which path (X-Forwarded-Prefix),
  # host and scheme (-Host, -Proto) and for whom (-For) it was asked. Anyone can write such
  # header fields, so those of other peers than FORMDB_TRUSTED_PROXIES are taken away, here,
  # before anybody looks at them. Forwarded (RFC 7239) is not looked at: a proxy that writes the
  # one leaves the other as its client sent it. Pure.

  alias FormdbHttp.Config.Web
  alias FormdbHttpWeb.Request

  @fields ["x-forwarded-prefix", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for"]

  @doc """
  Takes away what is not believed, and sets the client's address, and who asks as long as
  nothing else says so: the client that a proxy names, or else whomever the host names.
  """
  @spec call(Request.t()) :: Request.step()
  def call(%{settings: %{trusted_proxies: proxies}} = req) do
    headers =
      req.headers
      |> believed(req.peer, proxies)
      |> own_scheme(req.secure)
      |> own_authority(req.authority)

    secure? = scheme(headers) == "https"

    case client(headers, proxies) do
      {:ok, address} ->
        {:cont, %{req | headers: headers, secure: secure?, client: address, asker: address}}

      :error ->
        {:cont, %{req | headers: headers, secure: secure?, client: req.peer}}
    end
  end

  # That a connection is none of TLS says nothing of the client's: a proxy that nobody has named
  # may be between.
  defp own_scheme(headers, false), do: headers
  defp own_scheme(headers, true), do: Map.put_new(headers, "x-forwarded-proto", "https")

  # An application has looked at what its own proxies say.
  defp own_authority(headers, nil), do: headers
  defp own_authority(headers, authority), do: Map.put(headers, "x-forwarded-host", authority)

  @doc "The header fields without those that this peer is not believed."
  @spec believed(map(), :inet.ip_address(), [Web.network()]) :: map()
  # Most have none of them.
  def believed(headers, _peer, _proxies)
      when not is_map_key(headers, "x-forwarded-for") and
             not is_map_key(headers, "x-forwarded-proto") and
             not is_map_key(headers, "x-forwarded-host") and
             not is_map_key(headers, "x-forwarded-prefix"),
      do: headers

  def believed(headers, peer, proxies) do
    if proxies != [] and Web.member?(peer, proxies),
      do: headers,
      else: Map.drop(headers, @fields)
  end

  @doc "Host (with its port, if given) and scheme by which the client asked; `nil`: not known."
  @spec authority(map()) :: {host :: String.t() | nil, scheme :: String.t() | nil}
  def authority(headers) do
    host = headers["x-forwarded-host"] || headers["host"]
    {host && first(host), scheme(headers)}
  end

  defp scheme(%{"x-forwarded-proto" => scheme}), do: scheme |> first() |> String.downcase(:ascii)
  defp scheme(_headers), do: nil

  @doc """
  The client's address: the last one in X-Forwarded-For that is no trusted proxy's, since
  each proxy adds whom it heard, after what it was told. `:error` without any.
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

  @doc "The first item of a list: of several proxies the first wrote what the client asked for."
  @spec first(String.t()) :: String.t()
  def first(text), do: text |> String.split(",", parts: 2) |> hd() |> String.trim()
end
