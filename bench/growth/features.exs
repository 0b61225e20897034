for file <- ~w(asking lattice), do: Code.require_file("#{file}.exs", __DIR__)

defmodule Bench.Growth.Features do
  @moduledoc """
  A world of so many features, points or polygons of 50 positions, each written once, with an integer
  `n` that is its number, a `class` of ten, and `rare`, which ten of them have.
  """

  alias Bench.Growth.Lattice
  alias Bench.Measure

  @a_call 5_000
  # The block before the first feature.
  @defaults 1

  @ring for corner <- 0..49,
            angle = 2 * :math.pi() * rem(corner, 49) / 49,
            do: {0.4 * :math.cos(angle), 0.4 * :math.sin(angle)}

  @doc "What is known of a world before it is loaded."
  def world(kind, size),
    do: %{kind: kind, size: size, lattice: Lattice.new(size), rare: div(size, 10)}

  @doc "How many features are written by a call. Each is a transaction, whose parts are no states."
  def a_call(size), do: min(@a_call, div(size, 10))

  @doc "The block that wrote a feature."
  def seq(number), do: number + 1 + @defaults

  @doc """
  Writes it all, and returns the microseconds of each call. Texts are made by other processes, and
  written by this one, so that blocks have the order of the numbers.
  """
  def load(name, world) do
    {:ok, %{seq: @defaults}} = FormdbHttp.set_defaults(name, %{"on_duplicate" => "keep"})

    0..(world.size - 1)//a_call(world.size)
    |> Task.async_stream(&collection(world, &1), max_concurrency: 2, timeout: :infinity)
    |> Enum.map(fn {:ok, text} ->
      {micros, {:ok, _}} =
        Measure.time(fn -> FormdbHttp.put_features(name, text, timeout: :infinity) end)

      micros
    end)
  end

  defp collection(world, first) do
    last = min(first + a_call(world.size), world.size) - 1
    features = for number <- first..last, do: [feature(world, number), ?,]
    text = IO.iodata_to_binary(features)
    ~s({"type":"FeatureCollection","features":[#{binary_part(text, 0, byte_size(text) - 1)}]})
  end

  defp feature(%{rare: every} = world, number) do
    rare = if rem(number, every) == 0, do: ~s(,"rare":true), else: ""

    [
      ~s({"type":"Feature","id":"f),
      Integer.to_string(number),
      ~s(","geometry":),
      geometry(world, number),
      ~s(,"properties":{"n":),
      Integer.to_string(number),
      ~s(,"class":"c),
      Integer.to_string(rem(number, 10)),
      ~s("),
      rare,
      "}}"
    ]
  end

  defp geometry(%{kind: :points, lattice: lattice}, number),
    do: [~s({"type":"Point","coordinates":), coordinates(Lattice.position(lattice, number)), "}"]

  defp geometry(%{kind: :polygons, lattice: lattice}, number) do
    {x, y} = Lattice.position(lattice, number)
    {width, height} = Lattice.extent(lattice)
    ring = for {east, north} <- @ring, do: coordinates({x + east * width, y + north * height})
    [~s({"type":"Polygon","coordinates":[[), Enum.intersperse(ring, ","), "]]}"]
  end

  defp coordinates({x, y}), do: ["[", decimal(x), ",", decimal(y), "]"]
  defp decimal(number), do: :erlang.float_to_binary(number, decimals: 6)

  ## What answers have to be

  @doc "Raises unless a page of features has these, in this order."
  def check_page({:ok, page}, numbers, every? \\ true) do
    Measure.check!(
      page.returned == length(numbers),
      "#{length(numbers)} features, not #{page.returned}"
    )

    if every?, do: Measure.check!(numbers(page.json) == numbers, "which features these are")
  end

  @doc "The numbers of the features in a text of JSON."
  def numbers(json) do
    for [_, digits] <- Regex.scan(~r/"id":"f(\d+)"/, json), do: String.to_integer(digits)
  end
end
