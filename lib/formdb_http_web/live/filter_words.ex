defmodule FormdbHttpWeb.Live.FilterWords do
  @moduledoc false
  # The filter of a subscription from the parameters of a query string.

  @words for name <-
               ~w(type series_id bbox geometry predicate antimeridian ids fence feature dwell
                  above below outside hysteresis for),
             do: {String.to_atom(name), name}

  @doc "The words that are given. A property that is given twice, to hold from both ends, has both."
  @spec filter(map()) :: map()
  def filter(params) do
    named = for {key, name} <- @words, value = params[key], into: %{}, do: {name, value}

    params.filters
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Map.new(fn
      {name, [value]} -> {name, value}
      {name, values} -> {name, values}
    end)
    |> Map.merge(named)
  end
end
