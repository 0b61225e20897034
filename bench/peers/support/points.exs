defmodule Bench.Peers.Points do
  @moduledoc """
  The points that all are given: series `s0`, `s1` and so on with a value each minute from
  2024 on, a multiple of an eighth, so that sums are exact.
  """

  # 2024-01-01T00:00:00Z, in seconds.
  @start 1_704_067_200

  @doc "When a minute is, in seconds since 1970."
  def at(minute), do: @start + 60 * minute

  @doc "When a minute is, as SQL has it."
  def iso(minute),
    do: minute |> at() |> DateTime.from_unix!() |> Calendar.strftime("%Y-%m-%d %H:%M:%S+00")

  @doc "The value of a series at a minute. There are sixteen kinds of series."
  def value(series, minute), do: 20 + rem(minute * 7 + rem(series, 16) * 5, 96) / 8

  @doc "The same in SQL, of the columns `series` and `minute`."
  def value_sql, do: "20 + ((minute * 7 + (series % 16) * 5) % 96) / 8.0"

  @doc """
  Lines of all points of so many series and minutes, by minutes. `line` is called with series, a
  tuple of what `stamp` says of each minute, and the minute.
  """
  def lines(series, minutes, stamp, line) do
    stamps = for(minute <- 0..(minutes - 1), do: stamp.(minute)) |> List.to_tuple()

    Stream.flat_map(0..(minutes - 1), fn minute ->
      stamp = elem(stamps, minute)
      for n <- 0..(series - 1), do: line.(n, stamp, value(n, minute))
    end)
  end
end
