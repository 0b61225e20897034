defmodule FormdbHttp.Config.Value do
  @moduledoc false
  # The types of settings: what text and what terms they take, and how they are described.

  alias FormdbHttp.Config.{Settings, Web}

  @kib 1024
  @mib 1024 * @kib
  @gib 1024 * @mib
  @units [{"GiB", @gib}, {"MiB", @mib}, {"KiB", @kib}]
  @numbers [:integer, :milliseconds, :seconds, :bytes]

  @doc "The value of a setting, from text or from the term that it is."
  @spec cast(Settings.row(), term()) :: {:ok, term()} | :error
  def cast(setting, text) when is_binary(text) do
    with {:ok, value} <- read(setting, text), do: check_range(setting, value)
  end

  def cast(%{type: type} = setting, number) when type in @numbers and is_integer(number),
    do: check_range(setting, number)

  def cast(%{type: :boolean}, value) when is_boolean(value), do: {:ok, value}

  def cast(%{type: :choice, choices: choices, default: default}, value) when is_atom(value),
    do: if(value in [default | choices], do: {:ok, value}, else: :error)

  def cast(%{type: :ip_address}, address),
    do: if(:inet.is_ip_address(address), do: {:ok, address}, else: :error)

  def cast(%{type: type}, :any) when type in [:origins, :hosts], do: {:ok, :any}

  def cast(%{type: type} = setting, [_ | _] = list) when type in [:origins, :hosts, :networks] do
    texts = Enum.map(list, &item/1)
    if Enum.all?(texts, &is_binary/1), do: read(setting, Enum.join(texts, ",")), else: :error
  end

  def cast(%{default: value}, value), do: {:ok, value}
  def cast(_setting, _value), do: :error

  defp item({address, bits}) when is_integer(bits),
    do: if(:inet.is_ip_address(address), do: "#{:inet.ntoa(address)}/#{bits}")

  defp item(item), do: item

  defp check_range(%{range: first..last//1}, value) when value < first or value > last,
    do: :error

  defp check_range(_setting, value), do: {:ok, value}

  defp read(%{type: :ip_address}, "localhost"), do: {:ok, {127, 0, 0, 1}}
  defp read(%{type: :ip_address}, text), do: Web.address(text)
  defp read(%{type: :origins}, text), do: Web.origins(text)
  defp read(%{type: :hosts}, text), do: Web.hosts(text)
  defp read(%{type: :networks}, text), do: Web.networks(text)
  defp read(%{type: :base_path}, text), do: Web.base_path(text)

  defp read(%{type: :boolean}, "true"), do: {:ok, true}
  defp read(%{type: :boolean}, "false"), do: {:ok, false}
  defp read(%{type: :boolean}, _text), do: :error

  # A file system takes neither an empty path nor one with a zero byte.
  defp read(%{type: type}, text) when type in [:path, :file] do
    if text == "" or String.contains?(text, <<0>>), do: :error, else: {:ok, text}
  end

  defp read(%{type: :text}, text) do
    if text =~ ~r/\A[^\p{Cc}]{1,1024}\z/u, do: {:ok, text}, else: :error
  end

  defp read(%{type: :choice, choices: choices}, text) do
    with nil <- Enum.find_value(choices, &if(to_string(&1) == text, do: {:ok, &1})), do: :error
  end

  defp read(%{type: :bytes}, text) do
    case Enum.find(@units, fn {unit, _size} -> String.ends_with?(text, unit) end) do
      {unit, size} ->
        number = text |> String.replace_suffix(unit, "") |> String.trim_trailing(" ")
        with {:ok, count} <- digits(number), do: {:ok, count * size}

      nil ->
        digits(text)
    end
  end

  defp read(%{type: type}, text) when type in @numbers, do: digits(text)

  # Digits only: no sign, no underscore, and few enough that no input is costly.
  defp digits(text) do
    if text =~ ~r/\A[0-9]{1,20}\z/, do: {:ok, String.to_integer(text)}, else: :error
  end

  @doc "What a setting takes, for whoever gave it something else."
  @spec expectation(Settings.row()) :: String.t()
  def expectation(%{type: :ip_address}), do: "an IP address such as 127.0.0.1 or ::1"
  def expectation(%{type: :boolean}), do: "true or false"
  def expectation(%{type: :path}), do: "the path of a folder"
  def expectation(%{type: :file}), do: "the path of a file"
  def expectation(%{type: :text}), do: "1 to 1024 characters, none of them a control character"

  def expectation(%{type: :origins}),
    do: "origins such as https://map.example with commas between, or *"

  def expectation(%{type: :hosts}),
    do: "names of hosts, without ports, with commas between, or *"

  def expectation(%{type: :networks}),
    do: "IP addresses, or networks such as 10.0.0.0/8, with commas between"

  def expectation(%{type: :base_path}),
    do: "a path such as /formdb, percent-encoded as in a URL"

  def expectation(%{type: :choice, choices: choices}),
    do: "one of #{Enum.join(choices, ", ")}"

  def expectation(%{type: :integer, range: first..last//1}),
    do: "a whole number from #{first} to #{last}"

  def expectation(%{type: :bytes, range: first..last//1}),
    do: "a number of bytes from #{first} to #{last}, such as 1048576, 1024KiB or 1MiB"

  def expectation(%{type: type, range: first..last//1}),
    do: "a whole number of #{type} from #{first} to #{last}"

  @doc "The type of a setting, for the reference."
  @spec type(Settings.row()) :: String.t()
  def type(%{type: :ip_address}), do: "IP address, or `localhost`"
  def type(%{type: :boolean}), do: "`true` or `false`"
  def type(%{type: :origins}), do: "origins, with commas between"
  def type(%{type: :hosts}), do: "host names, with commas between"
  def type(%{type: :networks}), do: "addresses and networks, with commas between"
  def type(%{type: :base_path}), do: "path of a URL"
  def type(%{type: :path}), do: "folder"
  def type(%{type: :file}), do: "file"
  def type(%{type: :choice, choices: choices}), do: Enum.map_join(choices, ", ", &"`#{&1}`")
  def type(%{type: :integer}), do: "whole number"
  def type(%{type: type}), do: to_string(type)

  @doc "A value of a setting, for the reference."
  @spec show(Settings.row(), term()) :: String.t()
  def show(%{type: :ip_address}, address), do: address |> :inet.ntoa() |> to_string()

  def show(%{type: :bytes}, bytes) do
    case Enum.find(@units, fn {_, size} -> bytes >= size and rem(bytes, size) == 0 end) do
      {unit, size} -> "#{div(bytes, size)} #{unit}"
      nil -> "#{bytes}"
    end
  end

  def show(_setting, value), do: to_string(value)

  @doc "The type of a setting's values, as a quoted expression for `@type`."
  @spec typespec(Settings.row()) :: Macro.t()
  def typespec(%{default: nil} = setting),
    do: quote(do: unquote(typespec(%{setting | default: 0})) | nil)

  def typespec(%{range: first..last//1}), do: {:.., [], [first, last]}
  def typespec(%{type: :ip_address}), do: quote(do: :inet.ip_address())
  def typespec(%{type: :boolean}), do: quote(do: boolean())
  def typespec(%{type: type}) when type in [:origins, :hosts], do: quote(do: :any | [String.t()])
  def typespec(%{type: :networks}), do: quote(do: [unquote(Web).network()])

  def typespec(%{type: type}) when type in [:path, :file, :text, :base_path],
    do: quote(do: String.t())

  def typespec(%{type: :choice, choices: choices}),
    do: Enum.reduce(choices, &quote(do: unquote(&2) | unquote(&1)))
end
