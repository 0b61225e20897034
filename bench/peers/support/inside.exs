defmodule Bench.Peers.Inside do
  @moduledoc "This system within the VM that asks, without HTTP: the public API of Elixir. It keeps no results either."

  alias Bench.Peers.Program

  @doc "Starts it on a folder: a peer as others are."
  def start do
    System.put_env("FORMDB_QUERY_CACHE_ENTRIES", "0")
    Bench.start()
    revision = Program.run!("git", ["describe", "--always", "--dirty=, with changes"])
    %{name: "FormDB", version: String.trim(revision)}
  end

  @doc "Loads documents of features into a database, which is made."
  def load(database, documents) do
    {:ok, _} = FormdbHttp.open(database)

    for batch <- Stream.chunk_every(documents, 10_000) do
      {:ok, _} =
        FormdbHttp.put_features(
          database,
          ~s({"type":"FeatureCollection","features":[#{Enum.join(batch, ",")}]}),
          antimeridian: :as_is
        )
    end

    :ok
  end

  @doc "Questions of a database, as `Bench.Peers.Question.within/7` calls them."
  def box(database), do: &search(database, &1, {:box, &2})
  def count(database), do: &counted(database, &1, {:box, &2})

  def at_point(database) do
    fn how, {x, y} ->
      counted(database, how, {:geometry, ~s({"type":"Point","coordinates":[#{x},#{y}]})})
    end
  end

  defp search(database, how, area) do
    {:ok, %{json: json}} = FormdbHttp.search(database, area, limit: 100_000)
    if how == :answer, do: for(%{"id" => id} <- FormdbHttp.JSON.decode!(json), do: id)
  end

  defp counted(database, _how, area) do
    {:ok, %{count: count}} = FormdbHttp.count(database, area)
    count
  end
end
