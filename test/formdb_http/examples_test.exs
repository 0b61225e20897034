defmodule FormdbHttp.ExamplesTest do
  # The examples in the documentation of the public API.
  use ExUnit.Case

  setup do
    {:ok, _} = FormdbHttp.open("quakes")
    on_exit(fn -> FormdbHttp.purge("quakes") end)
  end

  doctest FormdbHttp
  doctest FormdbHttp.SpatialIndex
  doctest FormdbHttp.TemporalIndex
  doctest FormdbHttp.QueryCache
end
