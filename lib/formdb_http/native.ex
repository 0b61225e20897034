defmodule FormdbHttp.Native do
  @moduledoc false
  # Stubs of the NIF library, nothing else. native_rust/nif/src documents the
  # shapes; FormdbHttp wraps them for everybody.

  # The library is built by the last compiler, after this module.
  @compile {:autoload, false}
  @on_load :load

  def load do
    :formdb_http
    |> :code.priv_dir()
    |> Path.join("native/formdb_nif")
    |> String.to_charlist()
    |> :erlang.load_nif(0)
  end

  def catalog_open(_root, _limits), do: stub()
  def database_list(_catalog), do: stub()
  def database_open(_catalog, _name, _create, _ref), do: stub()
  def database_close(_catalog, _name, _ref), do: stub()
  def database_purge(_catalog, _name, _ref), do: stub()
  def database_info(_catalog, _name), do: stub()
  def database_check_name(_name), do: stub()
  def database_generate_name, do: stub()

  def write(_catalog, _name, _request, _options, _ref), do: stub()
  def write_dirty_cpu(_catalog, _name, _request, _options, _ref), do: stub()
  def write_dirty_io(_catalog, _name, _request, _options, _ref), do: stub()
  def provenance_member(_text), do: stub()

  def transaction_begin(_catalog, _name, _begin), do: stub()
  def transaction_status(_catalog, _name, _id), do: stub()
  def transaction_apply(_catalog, _name, _id, _text), do: stub()
  def transaction_apply_dirty(_catalog, _name, _id, _text), do: stub()
  def transaction_commit(_catalog, _name, _id, _options, _ref), do: stub()
  def transaction_abort(_catalog, _name, _id), do: stub()
  def transactions_open(_catalog, _name), do: stub()

  def feature_in_memory(_catalog, _name, _id, _as_of), do: stub()
  def feature(_catalog, _name, _id, _as_of), do: stub()
  def feature_in(_catalog, _name, _transaction, _id), do: stub()
  def has_feature(_catalog, _name, _id, _as_of), do: stub()
  def features_in_box_in_memory(_catalog, _name, _query), do: stub()
  def features_in_box(_catalog, _name, _query), do: stub()
  def features_in_box_in(_catalog, _name, _transaction, _query), do: stub()
  def search(_catalog, _name, _search), do: stub()
  def search_count(_catalog, _name, _search), do: stub()
  def json_members(_text), do: stub()
  def heatmap(_catalog, _name, _heatmap), do: stub()

  def series_list(_catalog, _name, _prefix, _after, _limit, _as_of), do: stub()
  def range_json(_catalog, _name, _range), do: stub()
  def range_json_dirty(_catalog, _name, _range), do: stub()
  def range_points(_catalog, _name, _range), do: stub()
  def range_points_dirty(_catalog, _name, _range), do: stub()
  def range_many(_catalog, _name, _range), do: stub()
  def latest(_catalog, _name, _series, _as_of), do: stub()
  def aggregate_in_memory(_catalog, _name, _query), do: stub()
  def aggregate(_catalog, _name, _query), do: stub()
  def summary(_catalog, _name, _series, _as_of), do: stub()

  def schema(_catalog, _name), do: stub()
  def seq(_catalog, _name), do: stub()
  def seq_at(_catalog, _name, _micros), do: stub()
  def block(_catalog, _name, _seq), do: stub()
  def find_block(_catalog, _name, _hash), do: stub()
  def written_features(_catalog, _name, _first, _last), do: stub()
  def points_deleted_by(_catalog, _name, _seq), do: stub()
  def provenance(_catalog, _name, _id, _since, _limit), do: stub()
  def entries(_catalog, _name, _query), do: stub()
  def tree_head(_catalog, _name, _size), do: stub()
  def inclusion_proof(_catalog, _name, _seq, _size), do: stub()
  def consistency_proof(_catalog, _name, _first, _second), do: stub()

  def timestamp_parse(_text), do: stub()
  def timestamp_format(_micros), do: stub()

  defp stub, do: :erlang.nif_error(:nif_not_loaded)
end
