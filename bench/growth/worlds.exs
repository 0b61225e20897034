for file <- ~w(database feature_questions), do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Worlds do
  @moduledoc """
  What grows, and to which sizes.
  """

  alias Bench.Growth.{Database, FeatureQuestions, Features}

  @doc "The worlds with their sizes, in a full run or a quick one: `{world, sizes}`."
  def all do
    [
      {"points", Bench.scaled([10_000, 100_000, 1_000_000, 10_000_000], [10_000, 100_000])},
      {"polygons", Bench.scaled([10_000, 100_000, 1_000_000], [1_000, 10_000])}
    ]
  end

  @doc "The points of all curves at one size, and how many questions had wrong answers."
  def measure(kind, size) when kind in ["points", "polygons"] do
    world = Features.world(String.to_atom(kind), size)

    Database.measure(%{
      group: "#{kind}: the whole",
      of: if(kind == "points", do: "features that are points", else: "polygons of 50 positions"),
      size: size,
      things: size,
      load: &Features.load(&1, world),
      whole?: &(&1.features == size),
      questions: &FeatureQuestions.all(&1, world)
    })
  end
end
