defmodule FormdbHttpWeb.Accept do
  @moduledoc false
  # Which of several media types (RFC 9110, 12.5.1), and of several content codings (12.5.3), a
  # client would rather have. Pure.
  #
  # A weight is a number from 0 to 1 with at most three digits after the point (12.4.2). An
  # element with any other weight (`q=-1`, `q=2`, `q=abc`, `q=`, `q=0.12345`) says nothing that
  # could be relied on, and is left out as if it were not there. Of elements that name the same
  # the one with the greatest weight counts; parameters but `q` are left aside.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.{ContentCoding, Error}
  alias FormdbHttpWeb.Request
  alias FormdbHttpWeb.Routes.Call

  # Each is taken for the other where that is not named itself: GeoJSON is JSON, and clients
  # that ask for either mean what these calls give.
  @kin %{
    "application/json" => "application/geo+json",
    "application/geo+json" => "application/json"
  }

  @doc """
  The one of `types` that the client prefers: the first of those that it likes best, and the
  first of all if it says nothing or takes none.
  """
  @spec preferred(Request.headers(), [String.t(), ...]) :: String.t()
  def preferred(headers, [first | _] = types), do: choose(headers, types) || first

  @doc """
  As `preferred/2`, but `nil` if the client takes none: each has the weight 0, or is in none of
  the ranges that the client names. A field without any range says nothing.
  """
  @spec choose(Request.headers(), [String.t(), ...]) :: String.t() | nil
  def choose(%{"accept" => "*/*"}, [first | _]), do: first

  def choose(%{"accept" => accept}, [first | _] = types) do
    ranges = for {range, weight} <- weights(accept), range?(range), into: %{}, do: {range, weight}

    if ranges == %{} do
      first
    else
      best = Enum.max_by(types, &quality(ranges, &1))
      if quality(ranges, best) > 0, do: best
    end
  end

  def choose(_headers, [first | _]), do: first

  @doc """
  Refuses what could only be answered in forms that the client does not take (406). A write is
  never refused for that, nor is what has one form alone.
  """
  @spec check(Request.t()) :: :ok | {:error, Error.t()}
  def check(%{headers: %{"accept" => "*/*"}}), do: :ok

  def check(%{headers: %{"accept" => accept} = headers, call: call}) do
    with true <- Call.negotiated?(call),
         types = call.gives,
         nil <- choose(headers, types) do
      detail = "Accept is #{show(accept)}; this call answers in #{Enum.join(types, ", ")}"
      refuse(:not_acceptable, detail)
    else
      _taken -> :ok
    end
  end

  def check(_req), do: :ok

  # For a client that likes both, the one that packs more in less time.
  @codings [zstd: ["zstd"], gzip: ["gzip", "x-gzip"]]
  # What nobody names is taken all the same, but after what somebody does.
  @unnamed 1.0e-4

  @doc "The codings in which the client takes an answer, the one that it likes best first."
  @spec codings(Request.headers()) :: [ContentCoding.coding() | :identity]
  def codings(%{"accept-encoding" => field}) do
    weights = weights(field)
    any = weights["*"]
    liked = for {coding, names} <- @codings, do: {coding, named(weights, names) || any || 0.0}
    plain = weights["identity"] || if(any == 0.0, do: 0.0, else: @unnamed)

    for {coding, quality} <- Enum.sort_by(liked ++ [identity: plain], &(-elem(&1, 1))),
        quality > 0,
        do: coding
  end

  def codings(_headers), do: [:identity]

  @doc "Whether the client takes an answer as it is, as nearly all do."
  @spec plain?(Request.headers()) :: boolean()
  def plain?(%{"accept-encoding" => field} = headers),
    do: not String.contains?(field, "=0") or :identity in codings(headers)

  def plain?(_headers), do: true

  defp named(weights, names), do: Enum.find_value(names, &weights[&1])

  # That of the most specific range that the type is in.
  defp quality(ranges, type) do
    [main, _sub] = String.split(type, "/")
    named(ranges, [type, @kin[type], main <> "/*", "*/*"]) || 0.0
  end

  defp range?(range), do: match?([<<_, _::binary>>, <<_, _::binary>>], String.split(range, "/"))

  ## Reading a field

  # What is named, with its weight.
  defp weights(field) do
    field
    |> String.downcase(:ascii)
    |> without_quoted()
    |> String.split(",")
    |> Enum.flat_map(&element/1)
    |> Enum.reduce(%{}, fn {name, weight}, weights ->
      Map.update(weights, name, weight, &max(&1, weight))
    end)
  end

  # A comma or semicolon in a quoted string ends nothing; one that is not closed goes on to
  # the end. No parameter that matters has one.
  defp without_quoted(field) do
    if String.contains?(field, "\""),
      do: Regex.replace(~r/"(?:\\.|[^"\\])*+(?:"|\z|\\\z)/s, field, "\"\""),
      else: field
  end

  defp element(text) do
    [name | parameters] = text |> String.split(";") |> Enum.map(&trim/1)

    case {name, parameters |> Enum.find(&weight?/1) |> weight()} do
      {"", _weight} -> []
      {_name, nil} -> []
      named -> [named]
    end
  end

  defp trim(text), do: String.trim(text)

  defp weight?(parameter), do: parameter |> String.split("=") |> hd() |> String.trim() == "q"

  defp weight(nil), do: 1.0
  defp weight("q=0"), do: 0.0
  defp weight("q=1"), do: 1.0

  defp weight("q=" <> number) do
    case Regex.run(~r/\A(?:0\.([0-9]{0,3})|1\.0{0,3})\z/, number) do
      [_less, digits] -> String.to_integer(String.pad_trailing(digits, 3, "0")) / 1000
      [_one] -> 1.0
      nil -> nil
    end
  end

  defp weight(_no_number), do: nil
end
