defmodule FormdbHttpWeb.SearchParams do
  @moduledoc false
  # Parameters of searches for features: in the query, or in the body of a POST.

  import FormdbHttpWeb.Problem, only: [refuse: 3, show: 1, show_json: 1]

  alias FormdbHttpWeb.{Body, Params}

  @common ["limit", "cursor", "as_of", "transaction", "count"]

  # Values other than the geometry, which the engine reads.
  @value_bytes 65_536

  @doc "The query of a search that has `own` parameters: `{:ok, params, filters}`."
  def query(req, own), do: Params.query_with_filters(req, own ++ @common)

  @doc """
  Query and body of a search as `{:ok, params, filters, asked}`. The body of a POST is an
  object with parameters, or a geometry or Feature itself; what stands in the query
  counts before it. `asked` is the method with the parameters and filters of the query.
  """
  def query_or_body(%{method: "POST"} = req, own) do
    with {:ok, params, filters} <- query(req, own),
         {:ok, body} <- Body.read(req, req.max_body_bytes),
         {:ok, members} <- body_members(body),
         {:ok, more, more_filters} <- members(Map.new(members), body, own ++ @common),
         do: {:ok, Map.merge(more, params), more_filters ++ filters, {"POST", params, filters}}
  end

  def query_or_body(req, own) do
    with {:ok, params, filters} <- query(req, own),
         do: {:ok, params, filters, {"GET", params, filters}}
  end

  defp body_members(""), do: {:ok, []}
  defp body_members(body), do: FormdbHttp.Serving.json_members(body)

  defp members(%{"type" => _}, body, _allowed), do: {:ok, %{"geometry" => body}, []}

  defp members(members, _body, allowed) do
    # The geometry stays text.
    {geometry, members} = Map.split(members, ["geometry"])
    taken = ["filters" | List.delete(allowed, "geometry")]

    with {:ok, members} <- decode(Map.to_list(members), taken, %{}),
         {filters, members} = Map.pop(members, "filters", %{}),
         {:ok, params} <- texts(Map.to_list(members), %{}),
         {:ok, filters} <- filters(filters),
         do: {:ok, Map.merge(params, geometry), filters}
  end

  defp decode([], _taken, members), do: {:ok, members}

  defp decode([{name, text} | rest], taken, members) do
    with {:name, true} <- {:name, name in taken},
         {:size, size} when size <= @value_bytes <- {:size, byte_size(text)},
         {:ok, value} <- Body.decode(text) do
      decode(rest, taken, Map.put(members, name, value))
    else
      {:name, false} ->
        name = String.slice(name, 0, 64)
        meant = Params.meant(name, ["geometry" | taken])
        taken = Enum.join(taken, ", ")
        detail = "found the member #{show(name)}; #{meant}those taken are geometry, #{taken}"
        invalid(Body.pointer_part(name), detail)

      {:size, size} ->
        invalid(name, "#{name} has #{size} bytes; it may have #{@value_bytes}")

      :error ->
        invalid(name, "#{name} is not readable as JSON; check its numbers and escapes")
    end
  end

  # As they would stand in a query, so that they are read in one way.
  defp texts([], params), do: {:ok, params}

  defp texts([{name, value} | rest], params) do
    case member(name, value) do
      {:ok, text} ->
        texts(rest, Map.put(params, name, text))

      :error ->
        detail =
          "#{name} is #{show_json(value)}; expected what stands in a query: text, a number or a " <>
            "boolean, or of bbox and point a list of numbers"

        invalid(Body.pointer_part(name), detail)
    end
  end

  defp filters(filters) when is_map(filters) do
    Enum.reduce_while(filters, {:ok, []}, fn {key, value}, {:ok, found} ->
      texts = value |> List.wrap() |> Enum.map(&text/1)

      if :error in texts do
        detail =
          "the filter is #{show_json(value)}; expected an expression such as \"gte:5\", or a list of such"

        {:halt, invalid("filters/" <> Body.pointer_part(key), detail)}
      else
        {:cont, {:ok, Enum.map(texts, fn {:ok, text} -> {key, text} end) ++ found}}
      end
    end)
  end

  defp filters(other) do
    detail = "filters is #{show_json(other)}; expected an object such as {\"prop.mag\":\"gte:5\"}"
    invalid("filters", detail)
  end

  defp text(text) when is_binary(text), do: {:ok, text}
  defp text(number) when is_integer(number), do: {:ok, Integer.to_string(number)}
  defp text(number) when is_float(number), do: {:ok, Float.to_string(number)}
  defp text(boolean) when is_boolean(boolean), do: {:ok, Atom.to_string(boolean)}
  defp text(_other), do: :error

  # GeoJSON has boxes and positions as lists.
  defp member(name, [_ | _] = numbers) when name in ["bbox", "point"] do
    if Enum.all?(numbers, &is_number/1), do: {:ok, Enum.join(numbers, ",")}, else: :error
  end

  defp member(_name, value), do: text(value)

  defp invalid(place, detail), do: refuse(:invalid_body, detail, "/" <> place)

  @doc "How a feature must lie to a box or geometry; `nil` when it is not given."
  def predicate(%{"predicate" => "intersects"}), do: {:ok, :intersects}
  def predicate(%{"predicate" => "within"}), do: {:ok, :within}
  def predicate(%{"predicate" => "contains"}), do: {:ok, :contains}

  def predicate(%{"predicate" => other}) do
    detail = "predicate is #{show(other)}; give intersects, within or contains"
    refuse(:invalid_parameter, detail, "/predicate")
  end

  def predicate(_params), do: {:ok, nil}

  @doc "A position from `lon,lat`."
  def point(text) do
    case numbers(text) do
      [lon, lat] ->
        {:ok, {lon, lat}}

      _other ->
        detail = "point is #{show(text)}; give longitude,latitude in degrees"
        refuse(:invalid_parameter, detail, "/point")
    end
  end

  @doc "Width and height of cells, from `width,height` or one number for both."
  def cell(%{"cell" => text}) do
    case numbers(text) do
      [side] ->
        {:ok, {side, side}}

      [width, height] ->
        {:ok, {width, height}}

      _other ->
        detail = "cell is #{show(text)}; give width,height in degrees, or one number for both"
        refuse(:invalid_parameter, detail, "/cell")
    end
  end

  def cell(_params), do: {:ok, nil}

  # Numbers between commas; :error when one of them is none.
  defp numbers(text) do
    numbers = text |> String.split(",", parts: 3) |> Enum.map(&Params.parse_number/1)
    if :error in numbers, do: :error, else: Enum.map(numbers, fn {:ok, number} -> number end)
  end
end
