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
  def catalog_close(_catalog), do: stub()
  def catalog_check(_catalog), do: stub()
  def database_list(_catalog), do: stub()
  def database_exists(_catalog, _name), do: stub()
  def database_open(_catalog, _name, _create, _ref), do: stub()
  def database_close(_catalog, _name, _ref), do: stub()
  def database_purge(_catalog, _name, _ref), do: stub()
  def database_info(_catalog, _name), do: stub()
  def database_scrub(_catalog, _name, _bytes), do: stub()
  def database_check_name(_name), do: stub()
  def database_generate_name, do: stub()

  def memory_reserve(_catalog, _bytes), do: stub()
  def memory_resize(_reservation, _bytes), do: stub()
  def memory_release(_reservation), do: stub()
  def memory_work(_catalog), do: stub()
  def memory_indexes(_catalog), do: stub()

  def write(_catalog, _name, _request, _options, _ref), do: stub()
  def write_dirty_cpu(_catalog, _name, _request, _options, _ref), do: stub()
  def write_dirty_io(_catalog, _name, _request, _options, _ref), do: stub()
  def provenance_member(_text), do: stub()

  def transaction_begin(_catalog, _name, _begin), do: stub()
  def transaction_status(_catalog, _name, _id), do: stub()
  def transaction_apply(_catalog, _name, _id, _text, _key), do: stub()
  def transaction_apply_dirty(_catalog, _name, _id, _text, _key), do: stub()
  def transaction_commit(_catalog, _name, _id, _options, _ref), do: stub()
  def transaction_abort(_catalog, _name, _id), do: stub()
  def transactions_open(_catalog, _name), do: stub()

  def feature_in_memory(_catalog, _name, _id, _as_of), do: stub()
  def feature_bytes(_catalog, _name, _id, _as_of), do: stub()
  def feature(_catalog, _name, _id, _as_of), do: stub()
  def feature_in(_catalog, _name, _transaction, _id), do: stub()
  def has_feature(_catalog, _name, _id, _as_of), do: stub()
  def features_in_box_in(_catalog, _name, _transaction, _query), do: stub()
  def search_in_memory(_catalog, _name, _search), do: stub()
  def search(_catalog, _name, _search), do: stub()
  def search_count_in_memory(_catalog, _name, _search), do: stub()
  def search_count(_catalog, _name, _search), do: stub()
  def json_members(_text), do: stub()
  def json_members_dirty(_text), do: stub()
  def heatmap_in_memory(_catalog, _name, _heatmap), do: stub()
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
  def block_bytes(_catalog, _name, _seq), do: stub()
  def find_block(_catalog, _name, _hash), do: stub()
  def written_features(_catalog, _name, _first, _last), do: stub()
  def points_deleted_by(_catalog, _name, _seq), do: stub()
  def provenance(_catalog, _name, _id, _since, _limit), do: stub()
  def lineage(_catalog, _name, _id, _limit), do: stub()
  def entries(_catalog, _name, _query), do: stub()
  def tree_head(_catalog, _name, _size), do: stub()
  def inclusion_proof(_catalog, _name, _seq, _size), do: stub()
  def consistency_proof(_catalog, _name, _first, _second), do: stub()

  def inspect_verify(_dir, _ref), do: stub()
  def inspect_diagnose(_dir, _ref), do: stub()
  def inspect_salvage(_from, _to, _beyond, _ref), do: stub()

  def gate_new(_bound), do: stub()
  def gate_enter(_gate), do: stub()
  def gate_leave(_place), do: stub()
  def gate_taken(_gate), do: stub()

  def places_new, do: stub()
  def places_size(_places), do: stub()
  def places_size_dirty(_places), do: stub()
  def places_insert(_places, _id, _corners), do: stub()
  def places_insert_dirty(_places, _id, _corners), do: stub()
  def places_delete(_places, _id), do: stub()
  def places_delete_dirty(_places, _id), do: stub()
  def places_query(_places, _corners), do: stub()
  def places_query_dirty(_places, _corners), do: stub()
  def places_count(_places, _corners), do: stub()
  def places_count_dirty(_places, _corners), do: stub()
  def places_nearest(_places, _point, _k, _radius), do: stub()

  def series_new, do: stub()
  def series_size(_index), do: stub()
  def series_insert(_index, _id, _timestamp, _value), do: stub()
  def series_insert_dirty(_index, _id, _timestamp, _value), do: stub()
  def series_insert_many(_index, _id, _timestamps, _values), do: stub()
  def series_insert_many_dirty(_index, _id, _timestamps, _values), do: stub()
  def series_delete(_index, _id, _start, _end), do: stub()
  def series_range(_index, _id, _start, _end), do: stub()
  def series_range_dirty(_index, _id, _start, _end), do: stub()
  def series_columns(_index, _id, _start, _end), do: stub()
  def series_columns_dirty(_index, _id, _start, _end), do: stub()
  def series_latest(_index, _id), do: stub()
  def series_latest_dirty(_index, _id), do: stub()
  def series_aggregate(_index, _id, _query), do: stub()
  def series_aggregate_dirty(_index, _id, _query), do: stub()

  def answers_new(_entries, _bytes, _ttl_ms), do: stub()
  def answers_put(_cache, _key, _value), do: stub()
  def answers_put_dirty(_cache, _key, _value), do: stub()
  def answers_get(_cache, _key), do: stub()
  def answers_delete(_cache, _key), do: stub()
  def answers_clear(_cache), do: stub()
  def answers_stats(_cache), do: stub()

  def json_decode(_text), do: stub()
  def json_decode_dirty(_text), do: stub()

  def timestamp_parse(_text), do: stub()
  def timestamp_format(_micros), do: stub()

  defp stub, do: :erlang.nif_error(:nif_not_loaded)
end
