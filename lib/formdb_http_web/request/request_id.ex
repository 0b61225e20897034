defmodule FormdbHttpWeb.RequestId do
  @moduledoc false
  # What a request is called, in its answer, in the log and by whoever watches: the id that a
  # client or proxy gives it (X-Request-Id), or a new one, and the trace that it is a part of
  # (W3C Trace Context, traceparent). Both are in the metadata of the process that answers it.

  import Bitwise

  alias FormdbHttpWeb.Request

  # Longer ones, and other characters, could be made to look like something else in a log.
  @longest 128

  @current __MODULE__

  # New ones begin with bytes of this start of the server, and count on: as unlike each other
  # as random ones, at a tenth of their cost.
  @prefix {__MODULE__, :prefix}
  @prefix_bytes 10
  @number_digits 12

  @doc "Once before the first request; again does no harm."
  @spec start() :: :ok
  def start do
    if :persistent_term.get(@prefix, nil) == nil,
      do: :persistent_term.put(@prefix, random())

    :ok
  end

  defp random, do: @prefix_bytes |> :crypto.strong_rand_bytes() |> Base.encode16(case: :lower)

  @doc "Gives the request its id and its trace."
  @spec identify(Request.t()) :: Request.t()
  def identify(%{headers: headers} = req) do
    resume(%{req | id: given(headers) || new(), trace: trace(headers)})
  end

  @doc "This process answers a request that has its id."
  @spec resume(Request.t()) :: Request.t()
  def resume(%{id: id, trace: trace} = req) do
    Process.put(@current, id)
    :logger.update_process_metadata(Map.put(trace, :request_id, id))
    req
  end

  @doc "The id of the request that this process answers, or `nil`."
  @spec current() :: String.t() | nil
  def current, do: Process.get(@current)

  @doc "A new id."
  @spec new() :: String.t()
  def new do
    number = :erlang.unique_integer([:positive])
    IO.iodata_to_binary([:persistent_term.get(@prefix) | digits(number, @number_digits, [])])
  end

  # In hexadecimal. As a list, since a binary that grows gets a buffer of 256 bytes.
  defp digits(_number, 0, digits), do: digits

  defp digits(number, left, digits),
    do: digits(number >>> 4, left - 1, [digit(number &&& 15) | digits])

  defp digit(value) when value < 10, do: ?0 + value
  defp digit(value), do: ?a - 10 + value

  @doc "The id that the header fields give, if it may be one."
  @spec given(Request.headers()) :: String.t() | nil
  def given(%{"x-request-id" => id}) when byte_size(id) in 1..@longest,
    do: if(sane?(id), do: id)

  def given(_headers), do: nil

  # Those that a URN can hold, too.
  defp sane?(<<char, rest::binary>>)
       when char in ?a..?z or char in ?A..?Z or char in ?0..?9 or char in ~c"-._~+/=:@",
       do: sane?(rest)

  defp sane?(rest), do: rest == ""

  @doc "An id as the `instance` of a problem (RFC 9457, 3.1.5)."
  @spec urn(String.t()) :: String.t()
  def urn(id), do: "urn:formdb:request:" <> id

  @doc "Trace and span of the caller, in lower-case hexadecimal; nothing where there are none."
  @spec trace(Request.headers()) :: %{optional(:trace_id | :span_id) => String.t()}
  def trace(%{
        "traceparent" =>
          <<version::binary-2, ?-, trace::binary-32, ?-, span::binary-16, ?-, flags::binary-2,
            more::binary>>
      }) do
    whole? =
      if version == "00", do: more == "", else: match?(<<?-, _::binary>>, more) or more == ""

    parts = [version, trace, span, flags]

    if whole? and version != "ff" and Enum.all?(parts, &hex?/1) and not zero?(trace) and
         not zero?(span),
       do: %{trace_id: trace, span_id: span},
       else: %{}
  end

  def trace(_headers), do: %{}

  defp hex?(<<char, rest::binary>>) when char in ?0..?9 or char in ?a..?f, do: hex?(rest)
  defp hex?(rest), do: rest == ""

  defp zero?(<<?0, rest::binary>>), do: zero?(rest)
  defp zero?(rest), do: rest == ""
end
