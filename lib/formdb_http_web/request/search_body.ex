defmodule FormdbHttpWeb.SearchBody do
  @moduledoc false
  # Searches may be asked by POST, since a geometry may be too long for a path: the body has
  # what else stands in the query string.

  import FormdbHttpWeb.Problem, only: [pointer_part: 1, refuse: 3, show: 1, show_json: 1]

  alias FormdbHttp.{Error, Serving}
  alias FormdbHttpWeb.{Body, Members, Params, Request}

  # Values other than the geometry, which the engine reads.
  @value_bytes 65_536

  @doc """
  The parameters of a search with those in the body of a POST: an object with parameters
  and a member `filters`, or a geometry or Feature itself. What stands in the query string
  overrides the body.
  """
  @spec read(Request.t(), map()) :: {:ok, map()} | {:error, Error.t()}
  def read(%{method: "POST"} = req, params) do
    {asked, _filters} = req.asked

    names =
      for %{type: type, name: name} <- req.call.query, not match?({:filter, _}, type), do: name

    with {:ok, body} <- Body.read(req),
         {:ok, members} <- body_members(body),
         {:ok, texts, filters} <- members(Map.new(members), body, names),
         texts = Map.drop(texts, Map.keys(asked)),
         {:ok, params} <- Params.typed(req.call.query, texts, params),
         do: {:ok, %{params | filters: filters ++ params.filters}}
  end

  def read(_req, params), do: {:ok, params}

  defp body_members(""), do: {:ok, []}
  defp body_members(body), do: Serving.json_members(body)

  defp members(%{"type" => _}, body, _names), do: {:ok, %{"geometry" => body}, []}

  defp members(members, _body, names) do
    # The geometry stays text.
    {geometry, members} = Map.split(members, ["geometry"])
    taken = ["filters" | List.delete(names, "geometry")]

    with {:ok, members} <- decode(Map.to_list(members), taken, %{}),
         {filters, members} = Map.pop(members, "filters", %{}),
         {:ok, texts} <- texts(Map.to_list(members), %{}),
         {:ok, filters} <- filters(filters),
         do: {:ok, Map.merge(texts, geometry), filters}
  end

  defp decode([], _taken, members), do: {:ok, members}

  defp decode([{name, text} | rest], taken, members) do
    with {:name, true} <- {:name, name in taken},
         {:size, size} when size <= @value_bytes <- {:size, byte_size(text)},
         {:ok, value} <- Members.decode(text) do
      decode(rest, taken, Map.put(members, name, value))
    else
      {:name, false} ->
        name = String.slice(name, 0, 64)
        meant = Params.meant(name, ["geometry" | taken])
        taken = Enum.join(taken, ", ")
        detail = "found the member #{show(name)}; #{meant}those taken are geometry, #{taken}"
        invalid(pointer_part(name), detail)

      {:size, size} ->
        invalid(name, "#{name} has #{size} bytes; it may have #{@value_bytes}")

      {:error, error} ->
        {:error, %{error | pointer: "/" <> pointer_part(name) <> error.pointer}}

      :error ->
        invalid(name, "#{name} is not readable as JSON; check its escapes")
    end
  end

  # As they would stand in a query, so that they are read in one way.
  defp texts([], texts), do: {:ok, texts}

  defp texts([{name, value} | rest], texts) do
    case member(name, value) do
      {:ok, text} ->
        texts(rest, Map.put(texts, name, text))

      :error ->
        detail =
          "#{name} is #{show_json(value)}; expected what stands in a query: text, a number or a " <>
            "boolean, or of bbox and point a list of numbers"

        invalid(pointer_part(name), detail)
    end
  end

  defp filters(filters) when is_map(filters) do
    Enum.reduce_while(filters, {:ok, []}, fn {key, value}, {:ok, found} ->
      texts = value |> listed() |> Enum.map(&text/1)

      # One of nothing would let everything through.
      if texts == [] or :error in texts do
        detail =
          "the filter is #{show_json(value)}; expected an expression such as \"gte:5\", or \"null\", or a list of such"

        {:halt, invalid("filters/" <> pointer_part(key), detail)}
      else
        {:cont, {:ok, Enum.map(texts, fn {:ok, text} -> {key, text} end) ++ found}}
      end
    end)
  end

  defp filters(other) do
    detail = "filters is #{show_json(other)}; expected an object such as {\"prop.mag\":\"gte:5\"}"
    invalid("filters", detail)
  end

  defp listed(values) when is_list(values), do: values
  defp listed(value), do: [value]

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
end
