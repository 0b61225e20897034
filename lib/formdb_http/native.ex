defmodule FormdbHttp.Native do
  @moduledoc false
  # Stubs of the NIF library, nothing else. native_rust/nif/src documents the
  # shapes; FormdbHttp wraps them for everybody.

  import FormdbHttp.Native.Twins, only: [nif: 1, nif: 2]

  alias FormdbHttp.Native.Library

  # The library is built by the last compiler, after this module.
  @compile {:autoload, false}
  @on_load :load

  def load do
    # Which is added to the path that is given.
    Library.path() |> Path.rootname(".so") |> String.to_charlist() |> :erlang.load_nif(0)
  end

  nif catalog_open(root, limits)
  nif catalog_close(catalog)
  nif catalog_check(catalog)
  nif catalog_disk(catalog)
  nif database_list(catalog)
  nif database_exists(catalog, name)
  nif database_open(catalog, name, create, ref)
  nif database_close(catalog, name, ref)
  nif database_purge(catalog, name, ref)
  nif database_info(catalog, name)
  nif database_figures(catalog, name)
  nif database_scrub(catalog, name, bytes)
  nif database_check_name(name)
  nif database_generate_name()

  nif memory_reserve(catalog, bytes)
  nif memory_count(catalog, bytes, may_fail)
  nif memory_resize(reservation, bytes)
  nif memory_release(reservation)
  nif memory_work(catalog)
  nif memory_indexes(catalog)

  nif outbox_open()
  nif outbox_send()
  nif write(catalog, name, request, options, ref), [:write_dirty_cpu, :write_dirty_io]
  nif provenance_member(text)

  nif upload_new(catalog, name, options)
  nif upload_feed(upload, part)
  nif upload_begun(upload)
  nif upload_end(upload)
  nif upload_ready(upload)
  nif upload_submit(catalog, name, upload, options, ref)
  nif upload_rejected(upload)
  nif upload_warnings(upload)
  nif upload_missing(upload)

  nif transaction_begin(catalog, name, begin)
  nif transaction_status(catalog, name, id)
  nif transaction_apply(catalog, name, id, text, times, key), [:transaction_apply_dirty]
  nif transaction_commit(catalog, name, id, options, ref)
  nif transaction_abort(catalog, name, id)
  nif transaction_check_actor(catalog, name, id, actor)
  nif transactions_open(catalog, name)

  nif feature(catalog, name, id, as_of), [:feature_dirty]
  nif feature_bytes(catalog, name, id, as_of)
  nif feature_in(catalog, name, transaction, id)
  nif has_feature(catalog, name, id, as_of), [:has_feature_dirty]
  nif attributes(catalog, name, series, as_of), [:attributes_dirty]
  nif attributes_bytes(catalog, name, series, as_of)
  nif has_attributes(catalog, name, series, as_of), [:has_attributes_dirty]
  nif attributes_provenance(catalog, name, series, since, as_of, limit)
  nif features_in_box_in(catalog, name, transaction, query)
  nif search(catalog, name, search), [:search_tried, :search_dirty]
  nif search_once(catalog, name, search)
  nif search_count(catalog, name, search), [:search_count_tried, :search_count_dirty]
  nif json_members(text), [:json_members_dirty]
  nif cbor_to_json(cbor, limit), [:cbor_to_json_dirty]
  nif json_to_cbor(json), [:json_to_cbor_dirty]
  nif json_lines(array, sequence), [:json_lines_dirty]
  nif heatmap(catalog, name, heatmap), [:heatmap_tried, :heatmap_dirty]

  nif series_list(catalog, name, list, attributes)
  nif series_table(catalog, name, list, attributes, form)
  nif range_table(catalog, name, range, form)
  nif ranges_table(catalog, name, range, form)
  nif range_detailed(catalog, name, range, told)
  nif ranges_detailed(catalog, name, range, told)
  nif include_columns(include)
  nif range_wide(catalog, name, range)
  nif aggregate_table(catalog, name, query, table)
  nif range_json(catalog, name, range), [:range_json_tried, :range_json_dirty]
  nif range_points(catalog, name, range), [:range_points_tried, :range_points_dirty]
  nif range_many(catalog, name, range)
  nif latest(catalog, name, series, as_of), [:latest_dirty]
  nif latest_list(catalog, name, list, form)
  nif aggregate(catalog, name, query), [:aggregate_tried, :aggregate_dirty]
  nif aggregation_names(text)
  nif summary(catalog, name, series, figures, as_of)
  nif summary_list(catalog, name, list, figures, form)

  nif schema(catalog, name, as_of)
  nif seq(catalog, name)
  nif seq_at(catalog, name, micros)
  nif block(catalog, name, seq)
  nif block_bytes(catalog, name, seq)
  nif find_block(catalog, name, hash)
  nif written_features(catalog, name, first, last)
  nif points_deleted_by(catalog, name, seq)
  nif undo_outline(catalog, name, text, partial)
  nif provenance(catalog, name, id, since, as_of, limit)
  nif series_provenance(catalog, name, asked)
  nif feature_diff(catalog, name, id, from, to)
  nif series_diff(catalog, name, asked)
  nif absence(catalog, name, which, as_of)
  nif lineage(catalog, name, id, as_of, limit)
  nif entries(catalog, name, query)
  nif webhooks(catalog, name, since, as_of)
  nif live_subscribe(catalog, name, follow, pid, ref)
  nif live_change(catalog, subscription, filter, ref)
  nif live_ask(subscription, count)
  nif live_end(subscription)
  nif live_info(subscription)
  nif live_subscriptions(catalog, name)
  nif tree_head(catalog, name, size)
  nif inclusion_proof(catalog, name, seq, size)
  nif consistency_proof(catalog, name, first, second)

  nif inspect_verify(dir, ref)
  nif inspect_diagnose(dir, ref)
  nif inspect_salvage(from, to, beyond, ref)

  nif backup_open(catalog, to, options, ref)
  nif backup_closed(from, to, options, ref)
  nif backup_verify(dir, ref)
  nif backup_restore(from, to, until, ref)
  nif backup_list(folder)
  nif dump_open(catalog, name, to, ref)
  nif dump_closed(from, name, to, ref)
  nif dump_load(from, to, ref)

  nif process_figures()
  nif stdout_is_terminal()
  nif disk_space(path)

  nif gate_new(bound)
  nif gate_enter(gate)
  nif gate_leave(place)
  nif gate_taken(gate)

  nif file_lock(path)
  nif file_unlock(lock)

  nif password_hash(password, salt, ref)
  nif password_verify(place, password, phc, ref)

  nif places_new()
  nif places_size(places), [:places_size_dirty]
  nif places_insert(places, id, corners), [:places_insert_dirty]
  nif places_delete(places, id), [:places_delete_dirty]
  nif places_query(places, corners), [:places_query_dirty]
  nif places_count(places, corners), [:places_count_dirty]
  nif places_nearest(places, point, k, radius)

  nif series_new()
  nif series_size(index)
  nif series_insert(index, id, timestamp, value), [:series_insert_dirty]
  nif series_insert_many(index, id, timestamps, values), [:series_insert_many_dirty]
  nif series_delete(index, id, start, stop)
  nif series_range(index, id, start, stop), [:series_range_dirty]
  nif series_columns(index, id, start, stop), [:series_columns_dirty]
  nif series_latest(index, id), [:series_latest_dirty]
  nif series_aggregate(index, id, query), [:series_aggregate_dirty]

  nif answers_new(entries, bytes, ttl_ms)
  nif answers_put(cache, key, value), [:answers_put_dirty]
  nif answers_get(cache, key)
  nif answers_delete(cache, key)
  nif answers_clear(cache)
  nif answers_stats(cache)

  nif json_decode(text), [:json_decode_dirty]
  nif json_check_numbers(text), [:json_check_numbers_dirty]

  nif content_compress(coding, bytes), [:content_compress_dirty]
  nif content_packer(catalog, coding)
  nif content_pack(packer, bytes, last)
  nif content_unpacker(catalog, coding)
  nif content_unpack(unpacker, part, last, most), [:content_unpack_dirty]

  nif timestamp_parse(text, tz)
  nif timestamp_parameter(text, times)
  nif timestamp_format(micros, tz)
  nif time_zone_check(tz)
  nif time_zone_release()
end
