defmodule Bench.Peers.Data do
  @moduledoc """
  The features and questions that all are given: the same in every run.

  A feature is `{id, longitude, latitude, document}`; documents are GeoJSON of some 130 bytes. A
  question is numbers, which each peer puts in its own words.
  """

  # What boxes lie in, and points between.
  @west -180.0
  @south -80.0
  @width 360.0
  @height 160.0

  @doc "Points everywhere alike."
  def uniform(count) do
    seed(1)
    for n <- 1..count, do: feature("u#{n}", between(@west, @width), between(@south, @height))
  end

  @doc "Points around two hundred places, half a degree from them on average."
  def clustered(count) do
    seed(2)
    centres = centres()

    for n <- 1..count do
      {x, y} = elem(centres, rem(n, tuple_size(centres)))
      feature("c#{n}", near(x), near(y))
    end
  end

  defp centres do
    for(_ <- 1..200, do: {between(-170.0, 340.0), between(-70.0, 140.0)}) |> List.to_tuple()
  end

  defp near(centre), do: centre + 0.5 * :rand.normal()

  defp feature(id, x, y) do
    {x, y} = {round_to(x), round_to(y)}

    document =
      ~s({"type":"Feature","id":"#{id}","geometry":{"type":"Point","coordinates":[#{x},#{y}]},) <>
        ~s("properties":{"mag":5.5,"place":"somewhere"}})

    {id, x, y, document}
  end

  @doc "The side of a square of degrees that has so many of so many uniform points in it."
  def side(hits, count), do: :math.sqrt(hits / count * @width * @height)

  @doc "Squares anywhere: `{west, south, east, north}`."
  def boxes(count, side) do
    seed(3)

    for _ <- 1..count do
      {x, y} = {between(@west, @width - side), between(@south, @height - side)}
      {round_to(x), round_to(y), round_to(x + side), round_to(y + side)}
    end
  end

  @doc "Places anywhere, or in a box."
  def places(
        count,
        {west, south, east, north} \\ {@west, @south, @west + @width, @south + @height}
      ) do
    seed(4)

    for _ <- 1..count,
        do: {round_to(between(west, east - west)), round_to(between(south, north - south))}
  end

  @doc "Places where the clustered points are dense."
  def clustered_places(count) do
    seed(2)
    centres = centres()
    seed(5)

    for _ <- 1..count do
      {x, y} = elem(centres, :rand.uniform(tuple_size(centres)) - 1)
      {round_to(near(x)), round_to(near(y))}
    end
  end

  @doc "Writes lines into a file of this run, and returns its path."
  def file(name, lines) do
    path = Path.join(System.tmp_dir!(), name)

    lines
    |> Stream.map(&[&1, ?\n])
    |> Stream.into(File.stream!(path, delayed_write: true))
    |> Stream.run()

    path
  end

  # Six digits, as they are printed: some 0.1 m.
  defp round_to(number), do: Float.round(number, 6)
  defp between(from, width), do: from + :rand.uniform() * width
  defp seed(number), do: :rand.seed(:exsss, {number, 20_261_128, 7})
end
