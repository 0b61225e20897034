defmodule FormdbHttp.AnswersTest do
  # Answers have the keys that FormdbHttp.Types says, all of them and no others.
  use ExUnit.Case

  alias FormdbHttp.Types

  @name "answers_#{System.unique_integer([:positive])}"
  @feature %{"type" => "Feature", "properties" => %{"mag" => 5}, "geometry" => nil}

  setup do
    on_exit(fn -> FormdbHttp.purge(@name) end)
  end

  test "of all functions have the shapes of their types" do
    collection = %{"type" => "FeatureCollection", "features" => [Map.put(@feature, "id", "b")]}
    faulty = %{collection | "features" => [%{@feature | "geometry" => 1}]}
    point = %{"series_id" => "t", "timestamp" => 0, "value" => 1, "metadata" => %{"a" => 1}}

    is(:info, FormdbHttp.open(@name), [:created])
    is(:info, FormdbHttp.database(@name))
    {:ok, databases} = FormdbHttp.databases()
    for listed <- databases, do: is(:listed, {:ok, Map.delete(listed, :error)})

    is(:feature_ack, FormdbHttp.put_feature(@name, Map.put(@feature, "id", "a")))
    is(:feature_ack, FormdbHttp.put_feature(@name, @feature, id: "a"), [:created])
    is(:feature_ack, FormdbHttp.patch_feature(@name, "a", %{"properties" => %{"b" => 1}}))
    is(:collection_ack, FormdbHttp.put_features(@name, collection))
    {:ok, ack} = FormdbHttp.put_features(@name, faulty, on_error: :skip)
    is(:collection_ack, {:ok, ack}, [:rejected])
    for rejected <- ack.rejected, do: is(:rejected, {:ok, rejected})

    is(:feature, FormdbHttp.get_feature(@name, "a"))
    is(:feature_page, FormdbHttp.search(@name, :everything))
    is(:cells, FormdbHttp.heatmap(@name, {-180, -90, 180, 90}, zoom: 1))
    is(:block_page, FormdbHttp.provenance(@name, "a"))
    is(:lineage, FormdbHttp.lineage(@name, "a"))
    is(:feature_ack, FormdbHttp.delete_feature(@name, "a"))

    {:ok, {:point, ack}} = FormdbHttp.write_points(@name, point)
    is(:point_ack, {:ok, ack})
    is(:point_ack, FormdbHttp.put_point(@name, "t", 1, 2))
    is(:points_ack, FormdbHttp.put_columns(@name, "t", [2, 3], [1, 2]))
    is(:points_ack, FormdbHttp.put_columns(@name, "t", [], []))
    is(:range, FormdbHttp.range(@name, "t", 0, 9))
    is(:ranges, FormdbHttp.range_many(@name, "", 0, 9))
    is(:latest, FormdbHttp.latest(@name, "t"))
    is(:series_page, FormdbHttp.series(@name))
    is(:buckets, FormdbHttp.aggregate(@name, "t", :avg))
    is(:summary, FormdbHttp.summary(@name, "t"))
    is(:deletion, FormdbHttp.delete_points(@name, "t", 0, 1))
    is(:deletion, FormdbHttp.delete_points(@name, "t", 0, 1))

    is(:reversal, FormdbHttp.revert(@name, 9))
    is(:block_page, FormdbHttp.journal(@name))
    is(:block, FormdbHttp.block(@name, 1))
    is(:tree_head, FormdbHttp.tree_head(@name))
    is(:inclusion_proof, FormdbHttp.inclusion_proof(@name, 1))
    is(:consistency_proof, FormdbHttp.consistency_proof(@name, 1))

    {:ok, txn} = FormdbHttp.begin(@name)
    is(:applied, FormdbHttp.apply(txn, [{:put_feature, @feature}]))
    is(:status, FormdbHttp.transaction(txn))
    is(:commit, FormdbHttp.commit(txn))
    is(:status, FormdbHttp.transaction(txn), [:first_seq, :last_seq, :hash, :time])
  end

  # `optional` are the optional keys that it has.
  defp is(type, {:ok, answer}, optional \\ []) do
    {required, others} = keys(type)
    assert {type, [], []} == {type, optional -- others, required -- Map.keys(answer)}
    assert {type, Enum.sort(required ++ optional)} == {type, Enum.sort(Map.keys(answer))}
  end

  defp keys(type) do
    {:ok, types} = Code.Typespec.fetch_types(Types)
    [definition] = for {:type, {^type, definition, []}} <- types, do: definition
    {:type, _, :map, fields} = definition

    fields
    |> Enum.map(fn {:type, _, how, [{:atom, _, key}, _value]} -> {how, key} end)
    |> Enum.split_with(&match?({:map_field_exact, _key}, &1))
    |> then(fn {required, others} -> {Keyword.values(required), Keyword.values(others)} end)
  end
end
