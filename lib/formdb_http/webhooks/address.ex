defmodule FormdbHttp.Webhooks.Address do
  @moduledoc false
  # Where a webhook goes: what of a URL is taken, which of it may be shown, and to which IP
  # addresses a connection may be made. Pure, but for `resolve/1`.

  import Bitwise

  alias FormdbHttp.Error

  @enforce_keys [:scheme, :host, :port, :target, :text]
  defstruct @enforce_keys

  @typedoc """
    * `target` - path and query, as they stand in the request
    * `text` - all of it, which may be a secret
  """
  @type t :: %__MODULE__{
          scheme: :http | :https,
          host: String.t(),
          port: 1..65_535,
          target: String.t(),
          text: String.t()
        }

  @most_bytes 2_048

  @doc "An address from text. `http` is taken where private addresses are."
  @spec parse(term(), boolean()) :: {:ok, t()} | {:error, Error.t()}
  def parse(text, private?) do
    with :ok <- check_text(text),
         {:ok, uri} <- uri(text),
         {:ok, scheme} <- scheme(uri.scheme, private?),
         :ok <- check_parts(uri),
         {:ok, host} <- host(uri.host) do
      target = if(uri.path in [nil, ""], do: "/", else: uri.path) <> query(uri.query)
      {:ok, %__MODULE__{scheme: scheme, host: host, port: uri.port, target: target, text: text}}
    end
  end

  # What is refused is not repeated: it may hold a secret.
  defp check_text(""), do: refuse("the address is empty; expected the URL of the receiver")

  defp check_text(text) when is_binary(text) and byte_size(text) <= @most_bytes do
    if text =~ ~r/\A[\x21-\x7e]+\z/,
      do: :ok,
      else: refuse("the address has characters that a URL has not; percent-encode them")
  end

  defp check_text(text) when is_binary(text),
    do: refuse("the address has #{byte_size(text)} bytes; at most #{@most_bytes} are taken")

  defp check_text(_other), do: refuse("expected the URL of the receiver as text")

  defp uri(text) do
    with {:error, _part} <- URI.new(text), do: refuse("the address is no URL")
  end

  defp scheme("https", _private?), do: {:ok, :https}
  defp scheme("http", true), do: {:ok, :http}

  defp scheme("http", false) do
    refuse(
      "the address begins with http; give one with https, or set FORMDB_WEBHOOK_PRIVATE for receivers in " <>
        "a network of your own"
    )
  end

  defp scheme(_other, _private?), do: refuse("expected a URL that begins with https://")

  defp check_parts(%{userinfo: userinfo}) when userinfo != nil,
    do: refuse("the address has a user; put what the receiver has to know into the path")

  defp check_parts(%{fragment: fragment}) when fragment != nil,
    do: refuse("the address has a fragment (#), which is not sent; leave it out")

  defp check_parts(%{port: port}) when port not in 1..65_535,
    do: refuse("the port of the address is not from 1 to 65535")

  defp check_parts(_uri), do: :ok

  defp host(host) when host in [nil, ""], do: refuse("the address names no host")

  defp host(host) do
    host = String.downcase(host)

    if ip(host) != nil or host =~ ~r/\A(?=.{1,253}\z)[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?\.?\z/,
      do: {:ok, host},
      else: refuse("the host of the address is no name and no IP address")
  end

  defp query(nil), do: ""
  defp query(query), do: "?" <> query

  defp refuse(detail),
    do: {:error, %Error{code: :invalid_address, detail: detail, pointer: "/address"}}

  @doc "What everybody may see of it."
  @spec shown(t()) :: String.t()
  def shown(%__MODULE__{scheme: scheme, host: host}), do: "#{scheme}://#{bracketed(host)}"

  @doc "What stands in the field `Host`."
  @spec authority(t()) :: String.t()
  def authority(%__MODULE__{scheme: scheme, host: host, port: port}) do
    if port == URI.default_port(to_string(scheme)),
      do: bracketed(host),
      else: "#{bracketed(host)}:#{port}"
  end

  defp bracketed(host), do: if(String.contains?(host, ":"), do: "[#{host}]", else: host)

  @doc "The host as an IP address, if it is one."
  @spec ip(String.t()) :: :inet.ip_address() | nil
  def ip(host) do
    case :inet.parse_strict_address(String.to_charlist(host)) do
      {:ok, ip} -> ip
      {:error, _} -> nil
    end
  end

  @doc "The addresses of a name, those of IPv4 first. Asks the system, which may take long."
  @spec resolve(String.t()) :: [:inet.ip_address()]
  def resolve(host) do
    for family <- [:inet, :inet6],
        {:ok, ips} <- [:inet.getaddrs(String.to_charlist(host), family)],
        ip <- ips,
        uniq: true,
        do: ip
  end

  # Special purposes, of the registries of IANA (RFC 6890).
  @not_public for {address, bits} <- [
                    {{0, 0, 0, 0}, 8},
                    {{10, 0, 0, 0}, 8},
                    {{100, 64, 0, 0}, 10},
                    {{127, 0, 0, 0}, 8},
                    {{169, 254, 0, 0}, 16},
                    {{172, 16, 0, 0}, 12},
                    {{192, 0, 0, 0}, 24},
                    {{192, 0, 2, 0}, 24},
                    {{192, 88, 99, 0}, 24},
                    {{192, 168, 0, 0}, 16},
                    {{198, 18, 0, 0}, 15},
                    {{198, 51, 100, 0}, 24},
                    {{203, 0, 113, 0}, 24},
                    {{224, 0, 0, 0}, 3}
                  ],
                  {a, b, c, d} = address,
                  do: {a <<< 24 ||| b <<< 16 ||| c <<< 8 ||| d, 32 - bits}

  @doc "Whether a webhook may go to this address of the network."
  @spec allowed?(:inet.ip_address(), private :: boolean()) :: boolean()
  def allowed?(ip, private?) do
    case ip do
      # Nobody is at a group's address, nor at that of IPv4 written as one of IPv6.
      {a, _, _, _} when a >= 224 -> false
      {a, _, _, _, _, _, _, _} when a >= 0xFF00 -> false
      {0, 0, 0, 0, 0, 0xFFFF, _, _} -> false
      ip -> private? or public?(ip)
    end
  end

  defp public?({a, b, c, d}) do
    number = a <<< 24 ||| b <<< 16 ||| c <<< 8 ||| d
    not Enum.any?(@not_public, fn {first, low} -> number >>> low == first >>> low end)
  end

  # Of networks that reach IPv4 by way of IPv6 (RFC 6052).
  defp public?({0x64, 0xFF9B, 0, 0, 0, 0, high, low}),
    do: public?({high >>> 8, high &&& 0xFF, low >>> 8, low &&& 0xFF})

  # Protocols, examples, and what holds an address of IPv4.
  defp public?({0x2001, b, _, _, _, _, _, _}) when b < 0x200 or b == 0xDB8, do: false
  defp public?({0x2002, _, _, _, _, _, _, _}), do: false
  defp public?({0x3FFF, b, _, _, _, _, _, _}) when b < 0x1000, do: false
  defp public?({a, _, _, _, _, _, _, _}), do: a in 0x2000..0x3FFF
end
