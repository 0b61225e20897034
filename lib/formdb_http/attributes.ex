defmodule FormdbHttp.Attributes do
  @moduledoc false
  # Attributes of series: setting, deleting and reading them. FormdbHttp documents the
  # functions.

  alias FormdbHttp.{Engine, Input, Native, Writing}

  # Versions that are read in one go on a thread for small reads.
  @small_page 1_000

  def set_attributes(name, series, attributes, opts) do
    opts = Writing.options!(opts, [:expect])
    text = Input.json(attributes)
    scheduler = if Writing.large?(text), do: :cpu, else: :normal

    with {:ok, nil, ack} <- Writing.write(name, {:attributes, series, text}, scheduler, opts),
         do: {:ok, Map.put(written(series, ack), :created, new?(name, series, ack))}
  end

  # The version before it cannot change any more, so this is no race.
  defp new?(name, series, %{first_seq: seq, replayed: replayed?}) do
    had? = if replayed?, do: &Native.has_attributes_dirty/4, else: &Native.has_attributes/4
    Engine.call(name, &had?.(&1, name, series, seq - 1)) == {:ok, false}
  end

  def delete_attributes(name, series, opts) do
    opts = Writing.options!(opts, [:expect, :provenance])
    request = {:delete_attributes, series, Input.provenance(opts)}

    with {:ok, nil, ack} <- Writing.write(name, request, :normal, opts),
         do: {:ok, written(series, ack)}
  end

  defp written(series, ack) do
    %{
      series_id: series,
      seq: ack.first_seq,
      hash: ack.hash,
      time: ack.time,
      replayed: ack.replayed
    }
  end

  def get_attributes(name, series, opts) do
    opts = Input.options!(opts, [:as_of])

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {seq, hash, json}} <- Engine.call(name, &find(&1, name, series, as_of)),
         do: {:ok, %{seq: seq, hash: hash, json: json}}
  end

  defp find(catalog, name, series, as_of) do
    with :long <- Native.attributes(catalog, name, series, as_of) do
      bytes = Native.attributes_bytes(catalog, name, series, as_of)
      Engine.read(bytes, fn -> Native.attributes_dirty(catalog, name, series, as_of) end)
    end
  end

  def attributes_provenance(name, series, opts) do
    opts = Input.options!(opts, [:since, :limit, :as_of])
    since = opts[:since] || 0
    limit = Input.limit(opts)
    call = if limit > @small_page, do: &Engine.call_heavy/2, else: &Engine.call/2

    with {:ok, as_of} <- Input.as_of(name, opts),
         {:ok, {json, returned, next}} <-
           call.(name, &Native.attributes_provenance(&1, name, series, since, as_of, limit)),
         do: {:ok, %{json: json, returned: returned, next: next}}
  end
end
