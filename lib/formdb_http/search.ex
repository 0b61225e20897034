defmodule FormdbHttp.Search do
  @moduledoc false
  # Searching features, counting them, and heatmaps. FormdbHttp documents the functions.

  alias FormdbHttp.{Absence, Engine, Error, Features, Input, Native, Transaction}

  require Engine

  # Both can be asked of a search and of a count.
  @question [:predicate, :filters, :k, :radius, :as_of, :antimeridian]

  # Text up to which an area and filters are read in the calling process, in bytes.
  # The engine keeps no answer to longer questions.
  @short 4_096

  def search(name, area, opts) do
    opts = Input.options!(opts, [:limit, :cursor, :transaction, :keep | @question])

    case {opts[:transaction], area, box_only?(opts)} do
      {nil, _area, _box_only?} ->
        find(name, area, opts)

      {_transaction, {:box, box}, true} ->
        with {:ok, transaction} <- Transaction.of(opts, name),
             do: Features.in_box(name, box, transaction, opts)

      _more_than_a_box ->
        detail = "a transaction can be asked for the features that meet a box, without filters"
        refuse(detail, "/transaction")
    end
  end

  defp box_only?(opts) do
    Enum.empty?(opts[:filters] || []) and opts[:predicate] in [nil, :intersects] and
      is_nil(opts[:k]) and is_nil(opts[:radius])
  end

  defp find(name, area, opts) do
    with {:ok, search} <- query(name, area, opts),
         {:ok, {json, returned, seq, next}} <-
           name |> page(search, Keyword.get(opts, :keep, true)) |> absent(name, search),
         do: {:ok, %{json: json, returned: returned, seq: seq, next: next}}
  end

  defp page(name, search, true),
    do: ask(name, search, Engine.calls(:search))

  defp page(name, search, false),
    do: Engine.call_heavy(name, &Native.search_once(&1, name, search))

  def count(name, area, opts) do
    with {:ok, search} <- query(name, area, Input.options!(opts, @question)),
         {:ok, {count, seq}} <-
           name
           |> ask(search, Engine.calls(:search_count))
           |> absent(name, search),
         do: {:ok, %{count: count, seq: seq}}
  end

  # The feature that says where to look is not there.
  defp absent(answer, name, search) do
    case search.area do
      {:feature, id} ->
        Absence.explain(answer, name, {:feature, id}, search.as_of)

      {:near_feature, id, _k, _radius} ->
        Absence.explain(answer, name, {:feature, id}, search.as_of)

      _no_feature ->
        answer
    end
  end

  # A long question is not read in the calling process.
  defp ask(name, question, {_short, _tried, dirty} = calls) do
    if short?(question),
      do: Engine.ask(name, question, calls),
      else: Engine.call_heavy(name, &dirty.(&1, name, question))
  end

  defp short?(question) do
    area =
      case question do
        %{area: {:geometry, text, _antimeridian}} -> byte_size(text)
        _no_geometry -> 0
      end

    filters = for {key, text} <- question.filters, do: byte_size(key) + byte_size(text)
    area + Enum.sum(filters) <= @short
  end

  defp query(name, area, opts) do
    predicate = Input.choice!(opts, :predicate, [:intersects, :within, :contains])

    with :ok <- check_predicate(area, opts[:predicate]),
         {:ok, as_of} <- Input.as_of(name, opts) do
      {:ok,
       %{
         area: area(area, opts),
         predicate: predicate,
         filters: Input.filters(opts),
         limit: Input.limit(opts),
         cursor: opts[:cursor],
         as_of: as_of
       }}
    end
  end

  # It would be ignored.
  defp check_predicate(area, predicate) when predicate != nil and not is_tuple(area) do
    detail =
      "predicate says how features are related to an area, and there is none; give bbox or geometry"

    refuse(detail, "/predicate")
  end

  defp check_predicate({:near, _point}, predicate) when predicate != nil do
    detail = "predicate goes with a box or a geometry; what is nearby is said by k and radius"
    refuse(detail, "/predicate")
  end

  defp check_predicate(_area, _predicate), do: :ok

  defp area({:near, {:feature, id}}, opts) when is_binary(id),
    do: {:near_feature, id, opts[:k], radius(opts)}

  defp area({:near, {lon, lat}}, opts) when is_number(lon) and is_number(lat),
    do: {:near, lon / 1, lat / 1, opts[:k], radius(opts)}

  defp area(area, opts) do
    for key <- [:k, :radius], opts[key] do
      raise ArgumentError, "#{key} goes with an area of {:near, point}, not with #{inspect(area)}"
    end

    case area do
      :everything -> :everything
      {:box, box} -> {:box, Input.box(box)}
      {:geometry, geometry} -> {:geometry, Input.json(geometry), Input.antimeridian(opts)}
      {:feature, id} when is_binary(id) -> area
      other -> misplaced(other)
    end
  end

  defp misplaced(area) do
    raise ArgumentError,
          "found the area #{inspect(area)}; expected :everything, {:box, box}, " <>
            "{:geometry, geometry}, {:feature, id}, {:near, {lon, lat}} or {:near, {:feature, id}}"
  end

  defp radius(opts), do: opts[:radius] && opts[:radius] / 1

  def heatmap(name, box, opts) do
    opts = Input.options!(opts, [:cell, :zoom, :sum, :filters, :as_of])

    with {:ok, grid} <- grid(opts[:cell], opts[:zoom]),
         {:ok, as_of} <- Input.as_of(name, opts),
         heatmap = %{
           bbox: Input.box(box),
           grid: grid,
           sum: opts[:sum],
           filters: Input.filters(opts),
           as_of: as_of
         },
         {:ok, {json, seq}} <-
           ask(name, heatmap, Engine.calls(:heatmap)),
         do: {:ok, %{json: json, seq: seq}}
  end

  defp grid({lon, lat}, nil), do: {:ok, {:degrees, lon / 1, lat / 1}}
  defp grid(nil, zoom) when zoom in 0..255, do: {:ok, {:tiles, zoom}}

  defp grid(nil, zoom) when is_integer(zoom),
    do: refuse("the zoom level is #{zoom}; give one from 0 to 24", "/zoom")

  defp grid(nil, nil), do: refuse("there is neither cell nor zoom; give one of them", "")
  defp grid(_cell, _zoom), do: refuse("there are both cell and zoom; give one of them", "/zoom")

  defp refuse(detail, pointer),
    do: {:error, %Error{code: :invalid_parameter, detail: detail, pointer: pointer}}
end
