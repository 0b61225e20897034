defmodule FormdbHttpWeb.Cowboy.Framing do
  @moduledoc false
  # Where a request begins and ends, as far as Cowboy 2.8 takes what it should not. Others on
  # the way may understand such requests in another way, and then take a part of one for
  # the next. (A request with both a length and a transfer coding Cowboy refuses itself, from
  # 2.11 on, or once bin/mend_cowboy.exs has mended it.) Pure.
  #
  # A connection on which such a request came is not used again: where the next one would begin
  # is just what is in doubt.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttpWeb.Cowboy.Limits
  alias FormdbHttpWeb.ShortText

  @doc "Refuses what could be understood in more than one way, and what is too long."
  def check(req) do
    with :ok <- check_line(req),
         :ok <- check_target(req.path, "path"),
         :ok <- check_target(req.qs, "query"),
         :ok <- check_fields(req.headers),
         :ok <- check_coding(req),
         do: check_length(req.headers)
  end

  @doc """
  Whether the decoder of chunked bodies takes nothing for a chunk that does not begin with its size.
  Cowlib's takes white space or `;` in its place for the last chunk, unless bin/mend_cowboy.exs has
  mended it. Then nobody knows where the next request begins.
  """
  @spec sizes_checked?() :: boolean()
  def sizes_checked? do
    :cow_http_te.stream_chunked(" 1\r\n\r\n", {0, 0})
    false
  rescue
    _refused -> true
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

  # RFC 9112, 3.2: neither spaces, which Cowboy sees to, nor control characters. What is beyond
  # ASCII is no part of a URI either, but is sent as it is by many, and means one thing.
  defp check_target(text, part) do
    case control(text) do
      nil ->
        :ok

      byte ->
        refuse(
          :malformed_request,
          "the #{part} has the byte #{hex(byte)}; control characters are percent-encoded in a URL"
        )
    end
  end

  # Nor at fields that did. Those of one name have come together by now. What is wrong with them is
  # only looked for where something is.
  defp check_fields(fields) do
    if fields |> :maps.to_list() |> sound?() do
      :ok
    else
      with :ok <- check_sizes(fields), :ok <- check_names(fields), do: check_values(fields)
    end
  end

  @name_bytes Limits.header_name_bytes()
  @value_bytes Limits.header_value_bytes()

  defp sound?([{name, value} | rest])
       when byte_size(name) in 1..@name_bytes and byte_size(value) <= @value_bytes,
       do: token?(name) and control(value) == nil and sound?(rest)

  defp sound?(rest), do: rest == []

  # RFC 9110, 5.1. Cowboy takes for a name what is before the next colon, line ends included.
  defp check_names(fields) do
    case Enum.find(fields, fn {name, _value} -> name == "" or not token?(name) end) do
      nil ->
        :ok

      {name, _value} ->
        refuse(
          :malformed_request,
          "#{show(name)} is no name of a header field; expected letters, digits and !#$%&'*+-.^_`|~"
        )
    end
  end

  # Names are in lower case here.
  defp token?(<<char, rest::binary>>)
       when char in ?a..?z or char == ?- or char in ?0..?9 or char in ~c"!#$%&'*+.^_`|~",
       do: token?(rest)

  defp token?(rest), do: rest == ""

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
        detail =
          "the value of the header field #{show(name)} has the byte #{hex(control(value))}; of control " <>
            "characters it may have tabs alone"

        refuse(:malformed_request, detail)
    end
  end

  defp control(<<byte, rest::binary>>) when (byte >= 32 and byte != 127) or byte == ?\t,
    do: control(rest)

  defp control(<<byte, _rest::binary>>), do: byte
  defp control(<<>>), do: nil

  defp hex(byte), do: "0x" <> (byte |> Integer.to_string(16) |> String.pad_leading(2, "0"))

  # RFC 9112, 6.1. That there is one shows in that the length is not known.
  defp check_coding(%{version: :"HTTP/1.0", body_length: :undefined}) do
    refuse(
      :malformed_request,
      "HTTP/1.0 has no transfer codings; send a Content-Length, or HTTP/1.1"
    )
  end

  defp check_coding(_req), do: :ok

  # RFC 9110, 8.6: digits and nothing else.
  defp check_length(%{"content-length" => text}) do
    if ShortText.digits?(text, byte_size(text)),
      do: :ok,
      else: refuse(:malformed_request, "Content-Length is #{show(text)}; expected digits alone")
  end

  defp check_length(_headers), do: :ok
end
