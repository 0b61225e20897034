defmodule FormdbHttp.Admission.LineTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.Admission.Line

  defp line(most, waiters) do
    for {client, waiter} <- waiters, reduce: Line.new(most) do
      line ->
        {:ok, line} = Line.join(line, client, waiter)
        line
    end
  end

  defp served(line) do
    case Line.next(line) do
      nil -> []
      {waiter, line} -> [waiter | served(line)]
    end
  end

  test "clients take turns, and of one client who came first is first" do
    line = line(10, a: 1, a: 2, a: 3, b: 4, c: 5, b: 6)
    assert Line.size(line) == 6
    assert served(line) == [1, 4, 5, 2, 6, 3]
  end

  test "who leaves is passed over" do
    line = line(10, a: 1, a: 2, b: 3)
    assert line |> Line.leave(:a, 1) |> served() == [2, 3]
    assert line |> Line.leave(:b, 3) |> served() == [1, 2]
    assert line |> Line.leave(:b, 3) |> Line.leave(:b, 3) |> Line.size() == 2
  end

  test "when it is full the greediest client gives a place to one that has fewer" do
    line = line(3, a: 1, a: 2, a: 3)
    assert Line.join(line, :a, 4) == :full
    assert {:instead, 3, line} = Line.join(line, :b, 4)
    assert Line.join(line, :b, 5) == :full
    assert {:instead, 2, line} = Line.join(line, :c, 5)
    assert Line.join(line, :d, 6) == :full
    assert served(line) == [1, 4, 5]
  end

  test "one without places takes nobody" do
    assert Line.join(Line.new(0), :a, 1) == :full
    assert Line.next(Line.new(0)) == nil
  end
end
