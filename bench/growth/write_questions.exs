Code.require_file("asking.exs", __DIR__)

defmodule Bench.Growth.WriteQuestions do
  @moduledoc """
  Writes to a database that holds much. They come last, since answers are different after them.
  """

  alias Bench.Growth.Question
  alias Bench.Measure

  @doc "Writes of features; `there` is the id of one that is there."
  def features(name, kind, there) do
    deep =
      &~s({"type":"Feature","id":"#{&1}","geometry":{"type":"Point","coordinates":[#{&2},85]},"properties":{"n":#{&2}}})

    collection = fn n -> for i <- 1..1_000, do: deep.("c#{n}-#{i}", rem(i, 180)) end
    count = &Measure.check!(&1, &2)

    [
      [
        name: "one new feature, durable",
        ask: fn n -> FormdbHttp.put_feature(name, deep.("w#{n}", rem(n, 180))) end,
        check: fn n, {:ok, ack} -> count.(ack.feature_id == "w#{n}", "the id") end
      ],
      [
        name: "one new feature, not waited for",
        ask: fn n ->
          FormdbHttp.put_feature(name, deep.("v#{n}", rem(n, 180)), durability: :none)
        end,
        check: fn n, {:ok, ack} -> count.(ack.feature_id == "v#{n}", "the id") end
      ],
      [
        name: "a thousand new features, durable",
        ask: fn n ->
          FormdbHttp.put_features(
            name,
            ~s({"type":"FeatureCollection","features":[#{Enum.join(collection.(n), ",")}]})
          )
        end,
        check: fn _n, {:ok, ack} -> count.(ack.inserted == 1_000, "a thousand") end
      ],
      [
        name: "a property of a feature, durable",
        ask: fn n ->
          FormdbHttp.patch_feature(name, there, ~s({"properties":{"patched":#{n}}}))
        end,
        check: fn _n, {:ok, ack} -> count.(ack.feature_id == there, "the id") end
      ],
      [
        name: "deleting a feature and undoing that",
        ask: fn _n ->
          {:ok, %{seq: seq}} = FormdbHttp.delete_feature(name, there)
          FormdbHttp.revert(name, seq)
        end,
        check: fn _n, {:ok, ack} -> count.(ack.seq == ack.reverts + 1, "the next block") end
      ],
      [
        name: "a transaction of a read and a write",
        ask: fn n ->
          {:ok, txn} = FormdbHttp.begin(name)
          {:ok, _} = FormdbHttp.apply(txn, [{:put_feature, deep.("t#{n}", rem(n, 180))}])
          {:ok, _} = FormdbHttp.get_feature(name, there, transaction: txn)
          FormdbHttp.commit(txn)
        end,
        check: fn _n, {:ok, ack} -> count.(ack.first_seq == ack.last_seq, "one block") end
      ]
    ]
    |> questions(kind)
  end

  @doc "Writes of points; `series` is one that is there, with points in `first..last` a second apart."
  def points(name, kind, series, first, last) do
    columns = fn from -> {for(i <- 0..999, do: from + i), for(i <- 0..999, do: i)} end

    [
      [
        name: "one point at the end, durable",
        ask: fn n -> FormdbHttp.put_point(name, series, last + n * 1_000_000, n) end,
        check: fn _n, {:ok, ack} -> Measure.check!(ack.inserted == 1, "one point") end
      ],
      [
        name: "one point in the middle, durable",
        ask: fn n -> FormdbHttp.put_point(name, series, div(first + last, 2) + n, n) end,
        check: fn _n, {:ok, ack} -> Measure.check!(ack.inserted == 1, "one point") end
      ],
      [
        name: "one point of a new series, durable",
        ask: fn n -> FormdbHttp.put_point(name, "new#{n}", last, n) end,
        check: fn _n, {:ok, ack} -> Measure.check!(ack.inserted == 1, "one point") end
      ],
      [
        name: "a thousand points, durable",
        ask: fn n ->
          {timestamps, values} = columns.(last + 1_000_000_000_000 + n * 1_000)
          FormdbHttp.put_columns(name, series, timestamps, values)
        end,
        check: fn _n, {:ok, ack} -> Measure.check!(ack.inserted == 1_000, "a thousand points") end
      ],
      [
        name: "deleting a point and undoing that",
        ask: fn _n ->
          {:ok, %{seq: seq}} = FormdbHttp.delete_points(name, series, first, first + 1)
          FormdbHttp.revert(name, seq)
        end,
        check: fn _n, {:ok, ack} ->
          Measure.check!(ack.seq == ack.reverts + 1, "the next block")
        end
      ],
      [
        name: "attributes of a series, durable",
        ask: fn n -> FormdbHttp.set_attributes(name, series, %{"n" => n}) end,
        check: fn _n, {:ok, ack} -> Measure.check!(ack.series_id == series, "the series") end
      ]
    ]
    |> questions(kind)
  end

  defp questions(questions, kind) do
    for question <- questions,
        do: struct!(Question, [{:group, "#{kind}: writes"}, {:should, :constant} | question])
  end
end
