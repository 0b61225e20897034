defmodule FormdbHttp.Exposition do
  @moduledoc false
  # A parser of the Prometheus text format 0.0.4 that takes nothing else: of what the
  # format only recommends (help and type of everything, metrics of a name together,
  # buckets in order), too, anything less is refused.

  @type family :: %{
          type: String.t(),
          help: String.t(),
          samples: %{{name :: String.t(), labels :: map()} => float()}
        }

  @types ["counter", "gauge", "histogram", "summary", "untyped"]

  @doc "Metrics by name. Raises where the text is not what the format says."
  @spec parse!(binary()) :: %{String.t() => family()}
  def parse!(text) do
    String.valid?(text) or refuse("no UTF-8", text)
    {lines, [last]} = text |> String.split("\n") |> Enum.split(-1)
    last == "" or refuse("the last line does not end", last)

    {families, _name} = Enum.reduce(lines, {%{}, nil}, &line/2)
    Enum.each(families, &check/1)
    families
  end

  @doc "The value of a sample, `nil` when there is none."
  def value(families, name, labels \\ %{}) do
    Enum.find_value(families, fn {_name, family} -> family.samples[{name, labels}] end)
  end

  # The name is that of the metric whose lines these are.
  defp line("", state), do: state

  defp line("# HELP " <> rest = line, state) do
    {name, " " <> help} = name(rest, line)
    describe(state, name, :help, unescape(help, [?\\, ?n], line), line)
  end

  defp line("# TYPE " <> rest = line, state) do
    {name, " " <> type} = name(rest, line)
    type in @types or refuse("unknown type", line)
    describe(state, name, :type, type, line)
  end

  defp line("#" <> _ = line, _state), do: refuse("a comment of no use", line)

  defp line(line, {families, current}) do
    {name, rest} = name(line, line)
    {labels, rest} = labels(rest, line)
    " " <> number = rest

    family = Map.get(families, current) || refuse("a sample of no metric", line)
    is_map_key(family, :type) or refuse("a sample before its type", line)
    is_map_key(family, :help) or refuse("a sample before its help", line)
    belongs?(family.type, current, name, labels) or refuse("not a sample of #{current}", line)
    key = {name, labels}
    is_map_key(family.samples, key) and refuse("the same sample twice", line)
    {put_in(families, [current, :samples, key], number(number, line)), current}
  end

  defp describe({families, current}, name, what, text, line) do
    family = Map.get(families, name, %{samples: %{}})
    is_map_key(family, what) and refuse("described twice", line)
    name == current or map_size(family) == 1 or refuse("apart from the rest of it", line)
    family.samples == %{} or refuse("described after its samples", line)
    {Map.put(families, name, Map.put(family, what, text)), name}
  end

  defp belongs?("histogram", of, name, labels) do
    (name == of <> "_bucket" and is_map_key(labels, "le")) or
      (name in [of <> "_sum", of <> "_count"] and not is_map_key(labels, "le"))
  end

  defp belongs?(_type, of, name, _labels), do: name == of

  defp labels("{" <> rest, line), do: label(rest, %{}, line)
  defp labels(rest, _line), do: {%{}, rest}

  defp label(text, labels, line) do
    [name] = Regex.run(~r/^[a-zA-Z_][a-zA-Z0-9_]*/, text) || refuse("no name of a label", line)
    "=\"" <> rest = drop(text, name)
    [quoted] = Regex.run(~r/^(?:[^"\\]|\\.)*"/, rest) || refuse("a label without an end", line)
    value = quoted |> binary_part(0, byte_size(quoted) - 1) |> unescape([?\\, ?n, ?"], line)
    is_map_key(labels, name) and refuse("a label twice", line)
    labels = Map.put(labels, name, value)

    case drop(rest, quoted) do
      "," <> rest -> label(rest, labels, line)
      "}" <> rest -> {labels, rest}
      _other -> refuse("labels without an end", line)
    end
  end

  defp name(text, line) do
    [name] = Regex.run(~r/^[a-zA-Z_:][a-zA-Z0-9_:]*/, text) || refuse("no name of a metric", line)
    {name, drop(text, name)}
  end

  defp drop(text, start),
    do: binary_part(text, byte_size(start), byte_size(text) - byte_size(start))

  defp unescape(text, escapes, line, done \\ "")
  defp unescape("", _escapes, _line, done), do: done

  defp unescape(<<?\\, char, rest::binary>>, escapes, line, done) do
    char in escapes or refuse("an escape that the format does not have", line)
    char = if char == ?n, do: ?\n, else: char
    unescape(rest, escapes, line, <<done::binary, char>>)
  end

  defp unescape("\\", _escapes, line, _done), do: refuse("an escape of nothing", line)

  defp unescape(<<char, rest::binary>>, escapes, line, done),
    do: unescape(rest, escapes, line, <<done::binary, char>>)

  defp number("+Inf", _line), do: :infinity

  defp number(text, line) do
    case Float.parse(text) do
      {number, ""} -> number
      _other -> refuse("no number", line)
    end
  end

  defp check({name, %{type: type, samples: samples} = family}) do
    is_map_key(family, :help) or refuse("no help", name)
    for {sample, value} <- samples, type in ["counter", "histogram"], do: check(sample, value)
    if type == "histogram", do: check_histogram(name, samples)
  end

  defp check({name, _family}), do: refuse("no type", name)

  defp check(_sample, value) when value >= 0, do: :ok
  defp check({name, _labels}, value), do: refuse("a count of #{value}", name)

  defp check_histogram(name, samples) do
    buckets =
      for {{sample, labels}, count} <- samples, sample == name <> "_bucket" do
        {le, labels} = Map.pop!(labels, "le")
        {labels, {number(le, le), count}}
      end

    for {labels, buckets} <- Enum.group_by(buckets, &elem(&1, 0), &elem(&1, 1)) do
      # A number is less than any atom, such as :infinity.
      buckets = Enum.sort(buckets)
      counts = Enum.map(buckets, &elem(&1, 1))
      counts == Enum.sort(counts) or refuse("buckets that do not add up", name)
      {:infinity, count} = List.last(buckets)
      count == samples[{name <> "_count", labels}] or refuse("a count of its own", name)
      is_map_key(samples, {name <> "_sum", labels}) or refuse("no sum", name)
    end

    counted = for {{sample, labels}, _} <- samples, sample == name <> "_count", do: labels
    bucketed = buckets |> Enum.map(&elem(&1, 0)) |> Enum.uniq()
    Enum.sort(counted) == Enum.sort(bucketed) or refuse("counts without buckets", name)
  end

  defp refuse(why, line), do: raise(ArgumentError, "#{why}: #{inspect(line)}")
end
