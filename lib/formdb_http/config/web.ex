defmodule FormdbHttp.Config.Web do
  @moduledoc false
  # Settings about who may ask, and through what: lists of origins, host names and
  # networks, and paths in front of ours. Parsers return {:ok, value} or :error, and take
  # text from the environment, the last also from a proxy.

  import Bitwise

  @type network :: {:inet.ip_address(), prefix_bits :: 0..128}

  @scheme_ports %{"http" => 80, "https" => 443}

  @doc "Origins with commas between, or `*`: `:any`, or a list in the form of `origin/1`."
  @spec origins(String.t()) :: {:ok, :any | [String.t()]} | :error
  def origins(text) do
    list(text, fn item ->
      with {scheme, host, port} <- origin(item), do: {:ok, serialize(scheme, host, port)}
    end)
  end

  @doc """
  An origin (RFC 6454, 6.2) as scheme, host and port, in lower case, or `:error`. Only
  `http` and `https` have pages.
  """
  @spec origin(String.t()) :: {String.t(), String.t(), :inet.port_number()} | :error
  def origin(text) do
    with [scheme, authority] <- text |> String.downcase(:ascii) |> String.split("://", parts: 2),
         %{^scheme => default} <- @scheme_ports,
         {host, port} <- authority(authority) do
      {scheme, host, port || default}
    else
      _no_origin -> :error
    end
  end

  @doc "An origin as browsers write it, without the port that its scheme has anyway."
  @spec serialize(String.t(), String.t(), :inet.port_number()) :: String.t()
  def serialize(scheme, host, port) do
    if @scheme_ports[scheme] == port,
      do: "#{scheme}://#{host}",
      else: "#{scheme}://#{host}:#{port}"
  end

  @doc "Host and port of a Host header or an origin, in lower case; the port may be `nil`."
  @spec authority(String.t()) :: {String.t(), :inet.port_number() | nil} | :error
  def authority("[" <> _ = text) do
    case Regex.run(~r/\A(\[[0-9a-f:.]+\])(?::([0-9]{0,5}))?\z/, downcase(text)) do
      [_, host] -> {host, nil}
      [_, host, port] -> with_port(host, port)
      nil -> :error
    end
  end

  def authority(text), do: named(text, downcase(text), 0)

  # Every request has one: a pass over its bytes takes a fraction of what a regular expression does.
  defp named(<<byte, rest::binary>>, host, size)
       when byte in ?a..?z or byte in ?A..?Z or byte in ?0..?9 or byte in ~c"._-",
       do: named(rest, host, size + 1)

  defp named("", host, size) when size > 0, do: {host, nil}

  defp named(":" <> port, host, size) when size > 0 and byte_size(port) <= 5,
    do: host |> binary_part(0, size) |> with_port(port)

  defp named(_other, _host, _size), do: :error

  defp with_port(host, ""), do: {host, nil}

  defp with_port(host, <<digit, _rest::binary>> = port) when digit in ?0..?9 do
    case Integer.parse(port) do
      {port, ""} -> {host, port}
      _no_number -> :error
    end
  end

  defp with_port(_host, _port), do: :error

  # Nearly all are already.
  defp downcase(text), do: if(lower?(text), do: text, else: String.downcase(text, :ascii))

  defp lower?(<<byte, rest::binary>>) when byte not in ?A..?Z, do: lower?(rest)
  defp lower?(rest), do: rest == ""

  @doc "Names of hosts with commas between, or `*`: `:any`, or a list in lower case."
  @spec hosts(String.t()) :: {:ok, :any | [String.t()]} | :error
  def hosts(text) do
    list(text, fn item ->
      with {host, nil} <- authority(item), do: {:ok, host}, else: (_other -> :error)
    end)
  end

  @doc "Networks with commas between, each an address or one with the bits that count."
  @spec networks(String.t()) :: {:ok, [network()]} | :error
  def networks(text) do
    with {:ok, networks} when is_list(networks) <- list(text, &network/1),
         do: {:ok, networks},
         else: (_any_or_error -> :error)
  end

  defp network(text) do
    {address, bits} =
      case String.split(text, "/", parts: 2) do
        [address, bits] -> {address, bits}
        [address] -> {address, nil}
      end

    with {:ok, address} <- address(address),
         most = if(tuple_size(address) == 4, do: 32, else: 128),
         {bits, ""} when bits in 0..most//1 <- Integer.parse(bits || "#{most}"),
         do: {:ok, {address, bits}},
         else: (_other -> :error)
  end

  @doc "An IP address from text."
  @spec address(String.t()) :: {:ok, :inet.ip_address()} | :error
  def address(text) do
    with {:error, :einval} <- text |> :binary.bin_to_list() |> :inet.parse_strict_address(),
         do: :error
  end

  @doc "Whether an address is in one of the networks; one of IPv4 may come mapped into IPv6."
  @spec member?(:inet.ip_address(), [network()]) :: boolean()
  def member?(address, networks) do
    address = unmapped(address)
    Enum.any?(networks, &in_network?(address, &1))
  end

  defp in_network?(address, {network, bits}) when tuple_size(address) == tuple_size(network) do
    {width, size} = if tuple_size(address) == 4, do: {8, 32}, else: {16, 128}
    number(address, width) >>> (size - bits) == number(network, width) >>> (size - bits)
  end

  defp in_network?(_address, _network), do: false

  defp number(address, width),
    do: address |> Tuple.to_list() |> Enum.reduce(0, &(&2 <<< width ||| &1))

  # RFC 4291, 2.5.5.2.
  defp unmapped({0, 0, 0, 0, 0, 0xFFFF, high, low}),
    do: {high >>> 8, high &&& 255, low >>> 8, low &&& 255}

  defp unmapped(address), do: address

  @doc """
  What one client has of addresses: of IPv6 a network of 64 bits, as its first four parts. One of
  IPv4 is the same where it comes mapped into IPv6.
  """
  @spec client_network(:inet.ip_address()) :: tuple()
  def client_network(address) do
    case unmapped(address) do
      {a, b, c, d, _, _, _, _} -> {:net64, a, b, c, d}
      address -> address
    end
  end

  @doc "Whether only this machine reaches an address."
  @spec loopback?(:inet.ip_address()) :: boolean()
  def loopback?(address),
    do: member?(address, [{{127, 0, 0, 0}, 8}, {{0, 0, 0, 0, 0, 0, 0, 1}, 128}])

  @doc """
  A path in front of ours, as it stands in a URL: `/` and parts, without a slash at the
  end; the empty one is none. Two slashes at its beginning would name another host.
  """
  @spec base_path(String.t()) :: {:ok, String.t()} | :error
  def base_path(text) do
    path = String.trim_trailing(text, "/")

    if path =~ ~r/\A(\/([A-Za-z0-9_~!$'()*+,;=:@-]|\.(?!\.?(\/|\z))|%[0-9A-Fa-f]{2})+)*\z/,
      do: {:ok, path},
      else: :error
  end

  # Items with commas between, each read by `parse`. No text is an empty list.
  defp list("*", _parse), do: {:ok, :any}

  defp list(text, parse) do
    text
    |> String.split(",")
    |> Enum.map(&String.trim/1)
    |> Enum.reject(&(&1 == ""))
    |> Enum.reduce_while({:ok, []}, fn item, {:ok, found} ->
      case parse.(item) do
        {:ok, value} -> {:cont, {:ok, [value | found]}}
        :error -> {:halt, :error}
      end
    end)
    |> case do
      {:ok, found} -> {:ok, Enum.reverse(found)}
      :error -> :error
    end
  end
end
