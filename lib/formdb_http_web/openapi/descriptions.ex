defmodule FormdbHttpWeb.OpenAPI.Descriptions do
  @moduledoc false
  # What is said of a call beyond its summary: what the table of routes says of it in words, and
  # what follows from its parameters and forms, so that it is said wherever it holds. Pure.

  alias FormdbHttpWeb.Routes.{Call, Content}

  @names %{
    "application/json" => "JSON",
    "application/geo+json" => "GeoJSON",
    "application/cbor" => "CBOR",
    "application/x-ndjson" => "lines of JSON",
    "application/geo+json-seq" => "a GeoJSON text sequence",
    "text/csv" => "CSV",
    "text/html" => "a page"
  }

  @streams ["application/x-ndjson", "application/geo+json-seq", "text/csv"]

  @doc "Paragraphs with a blank line between; empty where there is no more to say."
  @spec of(Call.t()) :: String.t()
  def of(call) do
    [call.more, ids(call), filters(call), pages(call), forms(call), streams(call), replay(call)]
    |> Enum.reject(&(&1 == nil))
    |> Enum.join("\n\n")
  end

  defp ids(%{path: path}) do
    names = for %{key: key} when key in [:id, :series, :prefix] <- path, do: "`#{key}`"

    if names != [],
      do:
        "#{Enum.join(names)} is percent-encoded: `/` within it is written `%2F`, a star at its end `%2A`."
  end

  defp filters(%{query: query}) do
    if Enum.any?(query, &(&1.name == "prop.NAME")) do
      "Filters are parameters of the query string, and all must hold: `prop.mag=gte:5`, " <>
        "`prop.size.lon=lt:3` of a member of a property, `prop.status=reviewed`, `prop.mag=in:5,6`, " <>
        "`prop.depth=exists`, `time=since:2026-01-31`, `seq=gt:100`. Operations are `eq`, `ne`, `gt`, " <>
        "`gte`, `lt`, `lte`, `in`, `exists`, `since` and `until`. One may be given twice, for both ends of a range."
    end
  end

  # Pages have a link to the next one.
  defp pages(call) do
    cond do
      not link?(call) -> nil
      # One that always has a next page says what that is.
      linked?(call) -> nil
      Enum.any?(call.query, &(&1.name == "cursor")) -> pages_by_cursor()
      true -> pages_by_sequence(call)
    end
  end

  defp pages_by_sequence(call) do
    desc = if Enum.any?(call.query, &(&1.name == "order")), do: ", with `order=desc` its `until`"

    "An answer in JSON is a page of up to `limit` blocks. `next` is the `since` of the next one" <>
      "#{desc}, and `null` on the last; the header field `Link` has the whole link. A page may be " <>
      "short, or empty, and still have a next one."
  end

  defp pages_by_cursor do
    "An answer in JSON is a page of up to `limit` items, as of `seq`. The next one is at `href` of the " <>
      "link `next` in `links`, and in the header field `Link`: the same question with its `cursor`. " <>
      "On the last page there is neither."
  end

  defp link?(%{answers: answers}),
    do: Enum.any?(answers, &(&1.status == 200 and Keyword.has_key?(&1.fields, :link)))

  defp linked?(%{answers: answers}),
    do: Enum.any?(answers, &(&1.status == 200 and &1.fields[:link] == true))

  defp forms(call) do
    case Call.negotiated?(call) && call.gives do
      [first | others] ->
        "`Accept` chooses the form: #{form(first)}, which is the default, or " <>
          "#{Enum.map_join(others, ", ", &form/1)}. `application/json` and `application/geo+json` stand for " <>
          "each other. A client that takes none of these is answered 406."

      _one ->
        nil
    end
  end

  defp form(type), do: "#{Map.fetch!(@names, type)} (`#{type}`)"

  defp streams(call) do
    with true <- call.scope == :read,
         [_ | _] = streams <- Enum.filter(call.gives, &(&1 in @streams)) do
      limit =
        if Enum.any?(call.query, &(&1.name == "limit")),
          do: "; `limit` is then how many items there are at most",
          else: ""

      "#{Enum.map_join(streams, ", ", &"`#{&1}`")}: all that is found, without pages, links and " <>
        "`Link`#{limit}. An answer that cannot be finished ends with its connection."
    else
      _none -> nil
    end
  end

  defp replay(call) do
    if Enum.any?(call.headers, &(&1.type == :idempotency_key)) do
      "Sent again with the same `Idempotency-Key` it is written once; the answer is that of the first time, " <>
        "with `Idempotency-Replayed: true`." <> replayed_stream(call)
    end
  end

  defp replayed_stream(call) do
    if Enum.any?(call.takes, &(&1 in @streams)) do
      " A stream of lines, a sequence or a table has no such field: it is read again from its beginning, " <>
        "what was written counts in `skipped`, and `inserted` is what this request added, 0 if all of it was there."
    else
      ""
    end
  end

  @doc "Whether an answer of this content can say that it is that of an earlier request."
  @spec replayed?(Content.t()) :: boolean()
  def replayed?(content), do: not Enum.any?(Content.types(content), &(&1 in @streams))
end
