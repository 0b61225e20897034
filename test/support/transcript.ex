defmodule FormdbHttp.Transcript do
  @moduledoc """
  Commands of a shell and what they print, as a document shows them: read from its
  `console` fences, run, and held against what comes.

      $ curl -i "$DB/quakes/features?count=true"
      HTTP/1.1 200 OK
      cache-control: no-cache

      {"numberMatched":2,
       "seq":…}

  A command begins with `$ ` and goes on while a single quote is open and after a line that
  ends in `\\` or `|`. A line of what is printed that begins with a space or a closing bracket
  goes on with the one before it. `…` stands for any value, as the last member or item for any
  more of them, and on a line of its own for any lines.

  Everything else has to be equal, but for what is never the same twice: hashes, ids that the
  server makes up, cursors, and the times at which something was written. Each of them stands for
  the one that came in its place the first time, wherever it stands in an answer or a command
  from then on, and two of them never stand for the same. The `instance` of a problem names the
  request, and need not be shown.
  """

  alias FormdbHttp.JSON

  @enforce_keys [:line, :command, :printed]
  defstruct @enforce_keys

  @typedoc "A command, the line that it stands on in the document, and what it prints."
  @type t :: %__MODULE__{line: pos_integer(), command: String.t(), printed: String.t()}

  @typedoc "What stands in the document, and what came in its place."
  @type names :: %{String.t() => String.t()}

  @any "…"

  ## Reading

  @doc "The examples of a Markdown document, in its order."
  @spec examples(String.t()) :: [t()]
  def examples(markdown) do
    {_fence, examples} =
      markdown
      |> String.split("\n")
      |> Enum.with_index(1)
      |> Enum.reduce({:outside, []}, &line/2)

    examples
    |> Enum.map(&%{&1 | printed: String.trim(&1.printed)})
    |> Enum.reverse()
  end

  defp line({"```console", _number}, {:outside, examples}), do: {:inside, examples}
  defp line(_line, {:outside, examples}), do: {:outside, examples}
  defp line({"```", _number}, {:inside, examples}), do: {:outside, examples}

  defp line({"$ " <> command, number}, {:inside, examples}) do
    example = %__MODULE__{line: number, command: command, printed: ""}
    {:inside, [example | examples]}
  end

  defp line({text, _number}, {:inside, [example | examples]}) do
    example =
      if example.printed == "" and open?(example.command),
        do: %{example | command: example.command <> "\n" <> text},
        else: %{example | printed: example.printed <> text <> "\n"}

    {:inside, [example | examples]}
  end

  defp open?(command) do
    quotes = command |> String.graphemes() |> Enum.count(&(&1 == "'"))
    rem(quotes, 2) == 1 or command =~ ~r/[\\|]\z/
  end

  ## Holding one against the other

  @doc """
  Whether `actual` is what the document shows, given what its names stood for so far; the
  names after it, or what is different.
  """
  @spec compare(String.t(), String.t(), names()) :: {:ok, names()} | {:error, String.t()}
  def compare("HTTP/1.1 " <> _ = expected, actual, names) do
    [shown, body] = parts(expected)
    [came, came_body] = actual |> String.replace("\r\n", "\n") |> last_answer() |> parts()

    with {:ok, names} <- head(String.split(shown, "\n"), String.split(came, "\n"), names),
         do: compare(body, came_body, names)
  end

  def compare(expected, actual, names),
    do: chunks(chunks_of(expected), chunks_of(actual), names)

  # 100 (Continue) comes before the answer.
  defp last_answer("HTTP/1.1 100" <> _ = text) do
    [_interim, rest] = String.split(text, "\n\n", parts: 2)
    last_answer(rest)
  end

  defp last_answer(text), do: text

  defp parts(text) do
    case String.split(text, "\n\n", parts: 2) do
      [head, body] -> [head, body]
      [head] -> [head, ""]
    end
  end

  # Of the fields only those that are shown have to be there.
  defp head([status | fields], [came_status | came_fields], names) do
    with {:ok, names} <- text(status, came_status, names, "the status") do
      Enum.reduce_while(fields, {:ok, names}, fn field, {:ok, names} ->
        [name, value] = String.split(field, ": ", parts: 2)

        came =
          for line <- came_fields, [^name, came] <- [String.split(line, ": ", parts: 2)], do: came

        result =
          if came == [],
            do: {:error, "there is no #{name}"},
            else: text(value, hd(came), names, name)

        if match?({:ok, _}, result), do: {:cont, result}, else: {:halt, result}
      end)
    end
  end

  # Each line, with those that it goes on in, as JSON if it is that.
  defp chunks_of(text) do
    text
    |> String.trim()
    |> String.split(~r/\n(?![ \t\n\]}])/)
    |> Enum.map(&chunk(String.trim(&1)))
    |> Enum.reject(&(&1 == {:text, ""}))
  end

  defp chunk(@any), do: :more

  # A line of a stream of events.
  defp chunk("data: " <> text) do
    with {:json, value} <- chunk(text), do: {:json, %{"data" => value}}
  end

  defp chunk(text) do
    case JSON.decode(quote_any(text)) do
      {:ok, value} when is_map(value) or is_list(value) -> {:json, value}
      _no_document -> {:text, String.replace(text, ~r/\s+/, " ")}
    end
  end

  # … is no JSON: a value is the text …, and more members are a member of that name.
  defp quote_any(text) do
    text
    |> String.replace(~r/([:\[])…/u, ~s(\\1"…"))
    |> String.replace(~r/,(\s*)…(\s*\])/u, ~s(,\\1"…"\\2))
    |> String.replace(~r/([,{]\s*)…(\s*\})/u, ~s(\\1"…":"…"\\2))
  end

  defp chunks([], [], names), do: {:ok, names}
  defp chunks([:more], _actual, names), do: {:ok, names}

  defp chunks([:more | expected], actual, names) do
    candidates = for n <- 0..(length(actual) - 1)//1, do: Enum.drop(actual, n)

    Enum.find_value(candidates, {:error, "nothing is like #{show(hd(expected))}"}, fn actual ->
      with {:error, _} <- chunks(expected, actual, names), do: nil
    end)
  end

  defp chunks([{kind, expected} | rest], [{kind, actual} | actual_rest], names) do
    result =
      if kind == :json,
        do: json(expected, actual, names, ""),
        else: text(expected, actual, names, "a line")

    with {:ok, names} <- result, do: chunks(rest, actual_rest, names)
  end

  defp chunks(expected, actual, _names),
    do: {:error, "expected #{show(List.first(expected))}, found #{show(List.first(actual))}"}

  defp json(@any, _actual, names, _place), do: {:ok, names}

  defp json(expected, actual, names, place) when is_map(expected) and is_map(actual) do
    {more, expected} = Map.pop(expected, @any)
    missing = Map.keys(expected) -- Map.keys(actual)
    others = if more, do: [], else: (Map.keys(actual) -- Map.keys(expected)) -- own(actual)

    cond do
      missing != [] ->
        {:error, "#{place} has no #{inspect(missing)}"}

      others != [] ->
        {:error, "#{place} has #{inspect(others)}, which are not shown"}

      true ->
        all(
          expected,
          fn {name, value}, names -> json(value, actual[name], names, "#{place}/#{name}") end,
          names
        )
    end
  end

  defp json(expected, actual, names, place) when is_list(expected) and is_list(actual) do
    {shown, more?} =
      if List.last(expected) == @any, do: {Enum.drop(expected, -1), true}, else: {expected, false}

    if length(shown) == length(actual) or (more? and length(shown) < length(actual)) do
      shown
      |> Enum.zip(actual)
      |> Enum.with_index()
      |> all(fn {{value, came}, i}, names -> json(value, came, names, "#{place}/#{i}") end, names)
    else
      {:error, "#{place} has #{length(actual)} items"}
    end
  end

  defp json(expected, actual, names, place) when is_binary(expected) and is_binary(actual),
    do: text(expected, actual, names, place)

  defp json(same, same, names, _place), do: {:ok, names}

  # 1 and 1.0 are different.
  defp json(expected, actual, _names, place), do: different(expected, actual, place)

  defp all(items, compare, names) do
    Enum.reduce_while(items, {:ok, names}, fn item, {:ok, names} ->
      result = compare.(item, names)
      if match?({:ok, _}, result), do: {:cont, result}, else: {:halt, result}
    end)
  end

  defp text(expected, actual, names, place) do
    shown = Regex.split(made_up(), expected, include_captures: true)
    came = Regex.split(made_up(), actual, include_captures: true)

    # What is made up stands in every second place.
    shown
    |> Enum.zip(came)
    |> Enum.with_index()
    |> Enum.reduce_while(if(length(shown) == length(came), do: names), fn {{a, b}, i}, names ->
      names = if rem(i, 2) == 1, do: named(a, b, names), else: if(a == b, do: names)
      if names, do: {:cont, names}, else: {:halt, nil}
    end)
    |> case do
      nil -> different(expected, actual, place)
      names -> {:ok, names}
    end
  end

  defp made_up,
    do: ~r/[0-9a-f]{64}|[0-9a-f]{32}|(?<=cursor=)[\w-]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/

  defp named(shown, came, names) do
    case names do
      %{^shown => ^came} ->
        names

      %{^shown => _other} ->
        nil

      _new ->
        if may_stand_for?(shown, came) and came not in Map.values(names),
          do: Map.put(names, shown, came)
    end
  end

  # A time that is not of these minutes was sent, and comes back as it is. Hashes and ids are of one
  # length each, cursors of any.
  defp may_stand_for?(same, same), do: true

  defp may_stand_for?(shown, came) do
    with {:ok, _time, 0} <- DateTime.from_iso8601(shown),
         {:ok, time, 0} <- DateTime.from_iso8601(came) do
      abs(DateTime.diff(DateTime.utc_now(), time)) < 600
    else
      _no_times -> byte_size(shown) == byte_size(came) or not (shown <> came =~ ~r/\A[0-9a-f]+\z/)
    end
  end

  defp different(expected, actual, place),
    do: {:error, "#{place} is #{show(actual)}, not #{show(expected)}"}

  defp show(term), do: inspect(term, limit: 20, printable_limit: 500)

  ## Running

  @doc """
  What a command prints, its exit status, and the requests that `curl` sent with their
  answers. `folder` is where it runs, and its own; `env` are variables of its environment.
  """
  @spec run(String.t(), Path.t(), [{String.t(), String.t()}]) ::
          {String.t(), non_neg_integer(), [%{sent: [String.t()], came: [String.t()]}]}
  def run(script, folder, env \\ []) do
    # Without the meter of progress, and with what goes over the wire on standard error.
    File.write!(Path.join(folder, ".curlrc"), "silent\nshow-error\nverbose\n")
    wire = Path.join(folder, "wire")

    {output, status} =
      System.cmd("bash", ["-euo", "pipefail", "-c", "{ #{script}\n} 2>wire"],
        cd: folder,
        env: [{"CURL_HOME", folder}, {"http_proxy", nil}, {"ALL_PROXY", nil} | env]
      )

    {output, status, wire |> File.read!() |> requests()}
  end

  defp requests(wire) do
    wire
    |> String.split(~r/^> (?=[A-Z]+ \S+ HTTP)/m)
    |> tl()
    |> Enum.map(fn request ->
      [first | lines] = String.split(request, ~r/\r?\n/)
      sent = for "> " <> line <- lines, line != "", do: line
      came = for "< " <> line <- lines, line != "", do: line
      %{sent: [first | sent], came: final(came)}
    end)
  end

  defp final(["HTTP/1.1 100" <> _ | rest]),
    do: rest |> Enum.drop_while(&(not String.starts_with?(&1, "HTTP/1.1 "))) |> final()

  defp final(lines), do: lines

  defp own(%{"type" => "urn:formdb:problem:" <> _}), do: ["instance"]
  defp own(_no_problem), do: []
end
