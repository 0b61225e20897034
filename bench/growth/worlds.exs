for file <- ~w(database feature_questions points series versions many),
    do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Worlds do
  @moduledoc """
  What grows, and to which sizes.
  """

  alias Bench.Growth.{Database, FeatureQuestions, Features, Many, Points, Series, Versions}

  @doc "The worlds with their sizes, in a full run or a quick one: `{world, sizes}`."
  def all do
    [
      {"points", Bench.scaled([10_000, 100_000, 1_000_000, 10_000_000], [10_000, 100_000])},
      {"polygons", Bench.scaled([10_000, 100_000, 1_000_000], [1_000, 10_000])},
      {"many-points",
       Bench.scaled([1_000_000, 10_000_000, 100_000_000], [1_000_000, 10_000_000])},
      {"series", Bench.scaled([1_000, 100_000, 1_000_000], [1_000, 10_000])},
      {"versions", Bench.scaled([20, 200, 2_000], [20, 200])},
      {"databases", Bench.scaled([10, 100, 1_000], [10, 30])}
    ]
  end

  @doc "The points of all curves at one size, and how many questions had wrong answers."
  def measure("databases", size), do: Many.measure(size)

  def measure(kind, size) do
    made = made(kind, size)
    Database.measure(Map.merge(made, %{group: "#{kind}: the whole", size: size}))
  end

  defp made(kind, size) when kind in ["points", "polygons"] do
    world = Features.world(String.to_atom(kind), size)

    %{
      of: if(kind == "points", do: "features that are points", else: "polygons of 50 positions"),
      things: size,
      load: &Features.load(&1, world),
      whole?: &(&1.features == size),
      questions: &FeatureQuestions.all(&1, world)
    }
  end

  defp made("many-points", size) do
    world = Points.world(size)

    %{
      of: "points in four series",
      things: size,
      load: &Points.load(&1, world),
      whole?: &(&1.points == size),
      questions: &Points.questions(&1, world)
    }
  end

  defp made("series", size) do
    world = Series.world(size)

    %{
      of: "series of two points",
      things: size,
      load: &Series.load(&1, world),
      whole?: &({&1.series, &1.points} == {size, 2 * size}),
      questions: &Series.questions(&1, world)
    }
  end

  defp made("versions", size) do
    world = Versions.world(size)

    %{
      of: "versions of each of a thousand vehicles",
      things: size * Versions.vehicles(),
      load: &Versions.load(&1, world),
      whole?: &({&1.features, &1.seq} == {Versions.vehicles(), size * Versions.vehicles()}),
      questions: &Versions.questions(&1, world)
    }
  end
end
