defmodule FormdbHttp.LiveWorld.Filters do
  @moduledoc """
  Random filters of subscriptions, and what they take of the journal by looking at each
  entry.

  Stored geometries are points on halves of degrees and areas have whole ones, so that no
  point lies on an edge: all predicates then say the same.
  """

  alias FormdbHttp.JSON

  @series ~w(a/x a/y b/x a é/x)
  @kinds ~w(car ship é)

  def series, do: @series
  def kinds, do: @kinds

  @doc "A filter, as `FormdbHttp.subscribe/2` takes it."
  def random do
    case :rand.uniform(10) do
      1 -> %{}
      n when n in 2..3 -> type() |> Map.merge(series_ids()) |> that_can_be()
      n when n in 4..5 -> type() |> Map.merge(fence()) |> that_can_be()
      _ -> type() |> Map.merge(features()) |> that_can_be()
    end
  end

  # Without a type that goes with nothing else in it, which is refused. What is deleted is outside.
  defp that_can_be(%{"type" => "delete_feature", "fence" => told} = filter),
    do: if("exit" in told, do: filter, else: Map.delete(filter, "type"))

  defp that_can_be(%{"type" => type} = filter) do
    features? = Enum.any?(filter, fn {key, _} -> of_features?(key) end)
    series? = is_map_key(filter, "series_id")

    never? =
      if type in ~w(put_feature delete_feature),
        do: series? and not features?,
        else: type != "revert" and features? and not series?

    if never?, do: Map.delete(filter, "type"), else: filter
  end

  defp that_can_be(filter), do: filter

  defp type do
    types = ~w(put_feature delete_feature put_points delete_points set_attributes revert)
    maybe(5, fn -> %{"type" => Enum.random(types)} end)
  end

  defp series_ids do
    one = fn -> Enum.random(~w(a/x a* * é* b/x none a)) end
    %{"series_id" => if(:rand.uniform(2) == 1, do: one.(), else: [one.(), one.()])}
  end

  defp features do
    [
      maybe(4, fn -> %{"ids" => for(_ <- 1..3, do: "f#{:rand.uniform(40)}")} end),
      maybe(2, fn -> %{"bbox" => area(:box)} end),
      maybe(5, fn -> %{"geometry" => area(:shape)} end),
      maybe(3, fn -> Enum.random(properties()) end),
      # And series beside them.
      maybe(6, &series_ids/0)
    ]
    |> Enum.reduce(&Map.merge/2)
    |> within()
  end

  defp fence do
    told = Enum.random([["enter", "exit"], ["enter"], ["exit"], ["enter", "exit", "inside"]])

    [
      %{"fence" => told, "bbox" => area(:box)},
      maybe(4, fn -> %{"ids" => for(_ <- 1..3, do: "f#{:rand.uniform(40)}")} end),
      maybe(3, fn -> Enum.random(properties()) end)
    ]
    |> Enum.reduce(&Map.merge/2)
  end

  defp within(%{"bbox" => _} = filter),
    do: Map.merge(filter, maybe(4, fn -> %{"predicate" => "within"} end))

  defp within(filter), do: filter

  defp properties do
    [
      %{"prop.kind" => Enum.random(@kinds)},
      %{"prop.kind" => "in:car,ship"},
      %{"prop.n" => "gte:#{:rand.uniform(6)}"},
      %{"prop.n" => "exists:false"}
    ]
  end

  defp maybe(once_in, fun), do: if(:rand.uniform(once_in) == 1, do: fun.(), else: %{})

  # West may be greater than east.
  defp area(:box) do
    case :rand.uniform(4) do
      1 -> [170, -20, -170, 20]
      _ -> corners()
    end
  end

  defp area(:shape) do
    [w, s, e, n] = corners()
    ring = [[w, s], [e, s], [e, n], [w, n], [w, s]]
    %{"type" => "Polygon", "coordinates" => [ring]}
  end

  defp corners do
    [w, s] = for _ <- 1..2, do: :rand.uniform(41) - 21
    [w, s, w + :rand.uniform(20), s + :rand.uniform(20)]
  end

  @doc "A position for a feature."
  def position do
    if :rand.uniform(6) == 1,
      do: [Enum.random([-1, 1]) * (170 + :rand.uniform(9) + 0.5), 5.5],
      else: for(_ <- 1..2, do: :rand.uniform(60) - 30.5)
  end

  ## Brute force

  @doc "The journal as what its blocks do, and to what, in order."
  def read(database) do
    Stream.unfold(0, fn
      nil ->
        nil

      since ->
        {:ok, page} = FormdbHttp.journal(database, since: since, limit: 1_000)
        {JSON.decode!(page.json), page.next}
    end)
    |> Stream.concat()
    |> Enum.map_reduce(%{}, &entry/2)
    |> elem(0)
  end

  defp entry(json, features) do
    {effect, body} =
      case json do
        %{"op" => "revert", "body" => body} -> {body["op"], body["body"]}
        %{"op" => op, "body" => body} -> {op, body}
      end

    {about, features} = about(effect, body, features)
    {%{seq: json["seq"], op: json["op"], effect: effect, about: about, json: json}, features}
  end

  defp about("put_feature", %{"id" => id} = body, features),
    do: {{:feature, id, features[id], body}, Map.put(features, id, body)}

  defp about("delete_feature", %{"id" => id}, features),
    do: {{:feature, id, features[id], nil}, Map.delete(features, id)}

  defp about("set_defaults", _body, features), do: {:database, features}
  defp about(_op, %{"series_id" => id}, features), do: {{:series, id}, features}

  @doc """
  Which version of what an entry is about a filter takes: a letter, of a fence what that tells,
  or `nil`.
  """
  def taken(filter, entry) do
    if filter["type"] in [nil, entry.op, entry.effect], do: of(filter, entry)
  end

  defp of(%{"fence" => asked} = filter, %{about: {:feature, id, before, now}}) do
    {was, is} = {holds?(filter, id, before), holds?(filter, id, now)}
    other = if is, do: before, else: now

    told =
      for(
        {name, true} <- [enter: not was and is, exit: was and not is, inside: is],
        do: "#{name}"
      )

    reason =
      cond do
        before == nil -> "created"
        now == nil -> "deleted"
        was == is -> nil
        holds?(Map.take(filter, ["bbox"]), id, other) -> "changed"
        true -> "moved"
      end

    case Enum.filter(told, &(&1 in asked)) do
      [] -> nil
      ["inside"] -> told(["inside"], nil)
      told -> told(told, reason)
    end
  end

  defp of(%{"fence" => _asked}, _entry), do: nil

  defp of(filter, %{about: about} = entry) do
    features? = Enum.any?(filter, fn {key, _} -> of_features?(key) end)

    case about do
      {:series, id} ->
        if (filter["series_id"] == nil and not features?) or names?(filter["series_id"], id),
          do: plain(entry)

      {:feature, id, before, now} ->
        cond do
          features? -> sides(holds?(filter, id, before), holds?(filter, id, now))
          filter["series_id"] == nil -> sides(before != nil, now != nil) || "b"
          true -> nil
        end

      :database ->
        if filter["series_id"] == nil and not features?, do: "a"
    end
  end

  @doc "What a fence tells, in one word."
  @spec told([String.t()], String.t() | nil) :: String.t()
  def told(names, reason), do: Enum.join(names ++ List.wrap(reason), "-")

  defp of_features?(key), do: key in ~w(ids bbox geometry) or String.starts_with?(key, "prop.")

  defp plain(%{effect: "delete_points"}), do: "b"
  defp plain(_entry), do: "a"

  defp sides(true, true), do: "x"
  defp sides(true, false), do: "b"
  defp sides(false, true), do: "a"
  defp sides(false, false), do: nil

  defp names?(nil, _id), do: false

  defp names?(names, id) do
    Enum.any?(List.wrap(names), fn name ->
      case String.split(name, "*") do
        [prefix, ""] -> String.starts_with?(id, prefix)
        [^id] -> true
        _other -> false
      end
    end)
  end

  defp holds?(_filter, _id, nil), do: false

  defp holds?(filter, id, feature) do
    Enum.all?(filter, fn
      {"ids", ids} ->
        id in ids

      {"bbox", box} ->
        inside?(feature, box)

      {"geometry", %{"coordinates" => [[[w, s], _, [e, n] | _]]}} ->
        inside?(feature, [w, s, e, n])

      {"prop." <> name, text} ->
        property?(feature["properties"][name], text)

      {_other, _value} ->
        true
    end)
  end

  defp inside?(%{"geometry" => nil}, _box), do: false

  defp inside?(%{"geometry" => %{"coordinates" => [x, y]}}, [w, s, e, n]) do
    across = if w > e, do: x > w or x < e, else: x > w and x < e
    across and y > s and y < n
  end

  defp property?(value, "gte:" <> number),
    do: is_number(value) and value >= String.to_integer(number)

  defp property?(value, "exists:false"), do: value == nil
  defp property?(value, "in:" <> list), do: value in String.split(list, ",")
  defp property?(value, text), do: value == text
end
