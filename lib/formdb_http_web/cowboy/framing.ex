defmodule FormdbHttpWeb.Cowboy.Framing do
  @moduledoc false
  # Where a request begins and ends, as far as Cowboy 2.8 takes what it should not. Others on
  # the way may understand such requests in another way, and then take a part of one for
  # the next. (Of a request with a length and a transfer coding it drops the length before
  # anybody sees it; 2.11 and later refuse those.) Pure.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttpWeb.Cowboy.Limits

  @doc "Refuses what could be understood in more than one way, and what is too long."
  def check(req) do
    with :ok <- check_line(req), :ok <- check_fields(req.headers), do: check_length(req.headers)
  end

  # Cowboy looks only at a line that did not come in one piece.
  defp check_line(req) do
    mark = if req.qs == "", do: 0, else: 1
    # With two spaces and the version.
    size = byte_size(req.method) + byte_size(req.path) + mark + byte_size(req.qs) + 10

    most = Limits.request_line_bytes()

    if size > most do
      detail =
        "the request line has #{size} bytes, of which #{byte_size(req.qs)} are the query; it " <>
          "may have #{most}. A geometry can be sent as the body of a POST"

      refuse(:uri_too_long, detail)
    else
      :ok
    end
  end

  # Nor at fields that did. Those of one name have come together by now.
  defp check_fields(fields) do
    with :ok <- check_sizes(fields), do: check_values(fields)
  end

  defp check_sizes(fields) do
    long = fn {name, value} ->
      byte_size(name) > Limits.header_name_bytes() or
        byte_size(value) > Limits.header_value_bytes()
    end

    case Enum.find(fields, long) do
      nil ->
        :ok

      {name, value} ->
        detail =
          "the header field #{show(name)} has a name of #{byte_size(name)} bytes and a value of " <>
            "#{byte_size(value)}; a name may have #{Limits.header_name_bytes()} and a value " <>
            "#{Limits.header_value_bytes()}"

        refuse(:headers_too_large, detail)
    end
  end

  # RFC 9110, 5.5: a value is visible text, spaces and tabs.
  defp check_values(fields) do
    case Enum.find(fields, fn {_name, value} -> control(value) end) do
      nil ->
        :ok

      {name, value} ->
        byte = value |> control() |> Integer.to_string(16) |> String.pad_leading(2, "0")

        detail =
          "the value of the header field #{show(name)} has the byte 0x#{byte}; of control " <>
            "characters it may have tabs alone"

        refuse(:malformed_request, detail)
    end
  end

  defp control(<<byte, rest::binary>>) when (byte >= 32 and byte != 127) or byte == ?\t,
    do: control(rest)

  defp control(<<byte, _rest::binary>>), do: byte
  defp control(<<>>), do: nil

  # RFC 9110, 8.6: digits and nothing else.
  defp check_length(%{"content-length" => text}) do
    if text =~ ~r/\A[0-9]+\z/,
      do: :ok,
      else: refuse(:malformed_request, "Content-Length is #{show(text)}; expected digits alone")
  end

  defp check_length(_headers), do: :ok

  @doc "Whether it is sure where the next request begins: not behind a length that is none."
  def sure?(%{headers: headers}), do: check_length(headers) == :ok
end
