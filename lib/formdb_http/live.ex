defmodule FormdbHttp.Live do
  @moduledoc false
  # Subscriptions. FormdbHttp documents the functions. The engine sends the messages, from
  # threads of its own.

  alias FormdbHttp.{Catalog, Engine, Error, Input, JSON, Native, Subscription, Writing}

  @words ~w(type series_id ids bbox geometry predicate antimeridian fence feature dwell
            above below outside hysteresis for)
  @demand 1_000

  def subscribe(name, opts) do
    opts =
      Input.options!(opts,
        filter: [],
        since: nil,
        demand: @demand,
        bytes: nil,
        to: self(),
        proof: false
      )

    demand = opts[:demand]

    unless is_integer(demand) and demand >= 0 do
      raise ArgumentError, "demand is #{inspect(demand)}; expected a number of events"
    end

    bytes = opts[:bytes]

    unless bytes == nil or (is_integer(bytes) and bytes > 0) do
      raise ArgumentError, "bytes is #{inspect(bytes)}; expected a number of bytes"
    end

    ref = make_ref()

    with {:ok, filter} <- filter(opts[:filter]),
         {:ok, since} <- since(name, opts[:since]),
         follow =
           Map.merge(since, %{filter: filter, demand: demand, bytes: bytes, proof: opts[:proof]}),
         {:ok, {handle, seq, log, consistency}} <-
           Engine.call(name, fn catalog ->
             parse(filter, fn -> Native.live_subscribe(catalog, name, follow, opts[:to], ref) end)
           end) do
      {:ok,
       %Subscription{
         ref: ref,
         database: name,
         since: seq,
         log: log,
         consistency: consistency,
         pid: opts[:to],
         handle: handle
       }}
    end
  end

  def ask(%Subscription{handle: handle}, count) when is_integer(count) and count > 0,
    do: Native.live_ask(handle, count)

  def update_filter(%Subscription{handle: handle}, filter) do
    ref = make_ref()

    with {:ok, filter} <- filter(filter),
         change = fn -> Native.live_change(Catalog.handle(), handle, filter, ref) end,
         {:ok, seq} <- Engine.native(parse(filter, change)),
         {:ok, seq} <- await(ref, seq),
         do: {:ok, %{seq: seq}}
  end

  defp parse(%{geometry: geometry}, work), do: Writing.parse(byte_size(geometry || ""), work)

  defp await(ref, nil) do
    receive do
      {^ref, answer} -> Engine.native(answer)
    end
  end

  defp await(_ref, seq), do: {:ok, seq}

  def unsubscribe(%Subscription{ref: ref, handle: handle, pid: pid}) do
    Native.live_end(handle)
    if pid == self(), do: flush(ref), else: :ok
  end

  defp flush(ref) do
    receive do
      {:formdb, ^ref, _what} -> flush(ref)
    after
      0 -> :ok
    end
  end

  def info(%Subscription{handle: handle}), do: Native.live_info(handle)

  def count(name), do: Engine.call(name, &Native.live_subscriptions(&1, name))

  ## Filters

  defp filter(filter) do
    words = for {key, value} <- filter, value != nil, do: {to_string(key), value}

    with :ok <- check(words) do
      {properties, words} = Enum.split_with(words, fn {key, _value} -> property?(key) end)
      words = Map.new(words)

      with {:ok, predicate} <- choice(words, "predicate", ~w(intersects within contains)a, nil),
           {:ok, antimeridian} <- choice(words, "antimeridian", ~w(refuse cut as_is)a, :refuse),
           {:ok, ids} <- texts(words, "ids", &String.split(&1, ",")),
           {:ok, series} <- texts(words, "series_id", &[&1]),
           {:ok, fence} <- texts(words, "fence", &String.split(&1, ",")),
           {:ok, feature} <- feature(words["feature"]),
           {:ok, dwell} <- number(words["dwell"], "dwell"),
           {:ok, level} <- level(words),
           {:ok, bbox} <- bbox(words["bbox"]),
           {:ok, geometry} <- geometry(words["geometry"]) do
        {:ok,
         Map.merge(level, %{
           op: words["type"] && to_string(words["type"]),
           series: series,
           ids: ids,
           bbox: bbox,
           geometry: geometry,
           antimeridian: antimeridian,
           predicate: predicate,
           fence: fence,
           feature: feature,
           dwell: dwell,
           properties:
             for({key, text} <- properties, text <- List.wrap(text), do: {key, to_string(text)})
         })}
      end
    end
  end

  # The engine refuses time and seq, which are words of queries, and says why.
  defp property?(key), do: String.starts_with?(key, "prop.") or key in ["time", "seq"]

  defp check(words) do
    case Enum.find(words, fn {key, _value} -> key not in @words and not property?(key) end) do
      nil ->
        :ok

      {key, _value} ->
        refuse(
          "found #{inspect(key)}; a filter takes #{Enum.join(@words, ", ")} and prop.NAME",
          key
        )
    end
  end

  defp choice(words, key, values, default) do
    case words[key] do
      nil ->
        {:ok, default}

      given ->
        case Enum.find(values, &(&1 == given or Atom.to_string(&1) == given)) do
          nil ->
            refuse("found #{inspect(given)}; expected one of #{Enum.join(values, ", ")}", key)

          value ->
            {:ok, value}
        end
    end
  end

  # Several may be given as a list; what else `split` makes of a text.
  defp texts(words, key, split) do
    case words[key] do
      nil ->
        {:ok, []}

      text when is_binary(text) ->
        {:ok, split.(text)}

      [_ | _] = list ->
        if Enum.all?(list, &is_binary/1), do: {:ok, list}, else: no_texts(key, list)

      other ->
        no_texts(key, other)
    end
  end

  defp feature(id) when is_nil(id) or is_binary(id), do: {:ok, id}
  defp feature(other), do: refuse("found #{inspect(other)}; expected an id", "feature")

  # The engine reads texts.
  defp number(nil, _key), do: {:ok, nil}
  defp number(text, _key) when is_binary(text), do: {:ok, text}
  defp number(number, _key) when is_number(number), do: {:ok, to_string(number)}
  defp number(other, key), do: refuse("found #{inspect(other)}; expected a number", key)

  # How series pass a level.
  defp level(words) do
    with {:ok, above} <- number(words["above"], "above"),
         {:ok, below} <- number(words["below"], "below"),
         {:ok, outside} <- band(words["outside"]),
         {:ok, hysteresis} <- number(words["hysteresis"], "hysteresis"),
         {:ok, least} <- number(words["for"], "for"),
         do:
           {:ok,
            %{above: above, below: below, outside: outside, hysteresis: hysteresis, least: least}}
  end

  defp band({low, high}), do: band([low, high])

  defp band([low, high]) when is_number(low) and is_number(high),
    do: {:ok, "#{low},#{high}"}

  defp band(text) when is_nil(text) or is_binary(text), do: {:ok, text}
  defp band(other), do: refuse("found #{inspect(other)}; expected two numbers", "outside")

  defp no_texts(key, found),
    do: refuse("found #{inspect(found)}; expected a text, or a list of one or more", key)

  defp bbox(nil), do: {:ok, nil}
  defp bbox(text) when is_binary(text), do: {:ok, text}
  defp bbox({_w, _s, _e, _n} = box), do: box |> Tuple.to_list() |> bbox()

  defp bbox([_w, _s, _e, _n] = box) do
    if Enum.all?(box, &is_number/1), do: {:ok, Enum.join(box, ",")}, else: no_box(box)
  end

  defp bbox(other), do: no_box(other)

  defp no_box(found) do
    detail = "found #{inspect(found)}; expected west, south, east and north in degrees"
    {:error, %Error{code: :invalid_bbox, detail: detail, pointer: "/bbox"}}
  end

  defp geometry(nil), do: {:ok, nil}
  defp geometry(text) when is_binary(text), do: {:ok, text}
  defp geometry(map) when is_map(map), do: {:ok, JSON.text(map)}
  defp geometry(other), do: refuse("found #{inspect(other)}; expected GeoJSON", "geometry")

  ## Where to begin

  defp since(name, %{} = since) when not is_struct(since) do
    known = by_name(since)

    case Map.drop(known, ~w(seq hash log head)) do
      none when none == %{} ->
        with {:ok, seq} <- Input.sequence(name, :since, known["seq"]),
             {:ok, hash} <- hash(known["hash"], "since/hash"),
             {:ok, log} <- log(known["log"]),
             {:ok, head} <- head(known["head"]),
             do: {:ok, %{seq: seq, hash: hash, log: log, head: head}}

      unknown ->
        found = unknown |> Map.keys() |> Enum.join(", ")
        refuse("found #{found}; since takes seq, hash, log and head", "since")
    end
  end

  defp since(name, since) do
    with {:ok, seq} <- Input.sequence(name, :since, since),
         do: {:ok, %{seq: seq, hash: nil, log: nil, head: nil}}
  end

  defp by_name(map), do: Map.new(map, fn {key, value} -> {to_string(key), value} end)

  defp hash(nil, _place), do: {:ok, nil}

  defp hash(hex, place) when is_binary(hex) do
    case Base.decode16(hex, case: :mixed) do
      {:ok, hash} when byte_size(hash) == 32 -> {:ok, hash}
      _other -> no_hash(hex, place)
    end
  end

  defp hash(other, place), do: no_hash(other, place)

  defp no_hash(found, place),
    do: refuse("found #{inspect(found)}; expected 64 hexadecimal digits", place)

  defp head(nil), do: {:ok, nil}

  defp head(%{} = head) when not is_struct(head) do
    case by_name(head) do
      %{"tree_size" => size, "root" => <<root::binary>>} when size in 0..0xFFFFFFFFFFFFFFFF ->
        with {:ok, root} <- hash(root, "since/head/root"), do: {:ok, {size, root}}

      _other ->
        no_head(head)
    end
  end

  defp head(other), do: no_head(other)

  defp no_head(found),
    do: refuse("found #{inspect(found)}; expected a map of tree_size and root", "since/head")

  defp log(log) when is_nil(log) or is_binary(log), do: {:ok, log}
  defp log(other), do: refuse("found #{inspect(other)}; expected the id of a log", "since/log")

  defp refuse(detail, place),
    do: {:error, %Error{code: :invalid_parameter, detail: detail, pointer: "/" <> place}}
end
