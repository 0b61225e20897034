defmodule FormdbHttp.Writing do
  @moduledoc false
  # What all writes have in common: their options, the way to the engine, and the
  # answer that the committer sends.

  alias FormdbHttp.{Actor, Admission, Catalog, Engine, Error, Input, Native, Telemetry, Types}

  @typedoc "What the committer acknowledges."
  @type ack :: %{
          first_seq: pos_integer(),
          last_seq: pos_integer(),
          time: integer(),
          hash: String.t(),
          points_put: non_neg_integer(),
          points_deleted: non_neg_integer(),
          features_replaced: non_neg_integer(),
          whole: {first_seq :: pos_integer(), blocks :: pos_integer()},
          replayed: boolean()
        }

  @event [:formdb, :commit, :stop]

  @options [:actor, :timeout, :durability, :idempotency_key]
  @levels [:sync, :interval, :none]

  # Parsing runs on a normal scheduler up to this many bytes (about 0.2 ms).
  @dirty_bytes 16_384
  # One of these keeps a dirty thread for some 10 ms or more.
  @large_bytes 1_048_576

  @doc "The options of a write that has `more` of its own, checked."
  @spec options!(keyword(), [atom() | {atom(), term()}]) :: keyword()
  def options!(opts, more \\ []), do: Input.options!(opts, more ++ @options)

  @doc "Whether parsing this text would keep a normal scheduler busy."
  @spec large?(binary()) :: boolean()
  def large?(text), do: byte_size(text) > @dirty_bytes

  @doc """
  Whether a document may have the member `formdb`, however that is escaped: then versions are
  read from the journal to tell what answers had added.
  """
  @spec names_versions?(binary()) :: boolean()
  def names_versions?(text), do: :binary.match(text, version_names()) != :nomatch

  @version_names {__MODULE__, :version_names}

  # To make it anew takes several times as long as to look for it in a short text.
  defp version_names do
    with nil <- :persistent_term.get(@version_names, nil) do
      pattern = :binary.compile_pattern(["formdb", "\\u006", "\\u007"])
      :persistent_term.put(@version_names, pattern)
      pattern
    end
  end

  @doc "What a write has to tell besides what it wrote, if it has: the warnings of the engine."
  @spec told({[tuple()], [{atom(), pos_integer()}]}) :: %{
          optional(:warnings) => [Error.fault()],
          optional(:warning_counts) => %{atom() => pos_integer()}
        }
  def told({_told, []}), do: %{}

  def told({told, counts}),
    do: %{warnings: Error.faults(told), warning_counts: Map.new(counts)}

  @doc """
  Queues a request (native_rust/nif/src/writes.rs has their forms) and waits for the
  commit. `scheduler` is `:normal`, `:cpu` or `:io`.

  Returns `{:ok, summary, ack}`; `ack` is `nil` when there was nothing to write.
  """
  @spec write(Types.database(), tuple(), :normal | :cpu | :io, keyword()) ::
          {:ok, summary :: term(), ack() | nil} | {:error, Error.t()}
  def write(name, request, scheduler, opts) do
    ref = make_ref()
    native = native_options(opts)

    # Elsewhere nothing that is stored is read.
    stored = if scheduler == :io, do: &stored/3, else: fn _catalog, _name, _request -> 0 end
    # An expected hash is compared with that of a block, which may have to be read.
    scheduler = if match?({:hashes, _}, native.expect), do: :io, else: scheduler

    write =
      case scheduler do
        :normal -> &Native.write/5
        :cpu -> &Native.write_dirty_cpu/5
        :io -> &Native.write_dirty_io/5
      end

    queued =
      Engine.call(name, fn catalog ->
        bytes = bytes(request) + stored.(catalog, name, request)
        parse(bytes, fn -> write.(catalog, name, request, native, ref) end)
      end)

    with {:ok, {queued?, summary}} <- queued,
         {:ok, ack} <- await(ref, queued?, opts),
         do: {:ok, summary, ack}
  end

  @doc """
  What `work` returns, which is to parse so many bytes. Of what is large so many at once
  only that a dirty thread is left for what is not; `{:error, error}` when there is no
  place in time.
  """
  @spec parse(non_neg_integer(), (... -> answer)) :: answer | {:error, Error.t()}
        when answer: term()
  def parse(bytes, work) when bytes > @large_bytes, do: Admission.run(:write, work)
  def parse(_bytes, work), do: work.()

  # What has to be read and taken apart before it can be written again.
  defp stored(catalog, name, {:patch, id, _patch, _antimeridian}),
    do: known(Native.feature_bytes(catalog, name, id, nil))

  defp stored(catalog, name, {:revert, seq, _provenance, _partial}),
    do: known(Native.block_bytes(catalog, name, seq))

  defp stored(catalog, name, {:restore, seq, _provenance}),
    do: known(Native.block_bytes(catalog, name, seq))

  # Many blocks, for all that is known before.
  defp stored(_catalog, _name, {:reverts, _selection, _partial}), do: @large_bytes + 1

  # The version that it was before, which it may name.
  defp stored(catalog, name, {:feature, id, text, _antimeridian}) do
    if names_versions?(text), do: known(Native.feature_bytes(catalog, name, id, nil)), else: 0
  end

  # Of each feature one.
  defp stored(_catalog, _name, {:features, text, one?, _puts}) do
    if not one? and names_versions?(text), do: @large_bytes + 1, else: 0
  end

  defp stored(_catalog, _name, _request), do: 0

  # That something is not there, the write itself says.
  defp known({:ok, bytes}), do: bytes
  defp known({:error, _error}), do: 0

  defp bytes(request) do
    for part <- Tuple.to_list(request), is_binary(part), reduce: 0 do
      sum -> sum + byte_size(part)
    end
  end

  @doc "Names and values of a JSON object, the values as text."
  @spec members(binary()) :: Types.result([{String.t(), binary()}])
  def members(text) do
    Engine.native(
      parse(byte_size(text), fn ->
        if large?(text), do: Native.json_members_dirty(text), else: Native.json_members(text)
      end)
    )
  end

  @doc "The options in the form that the engine takes."
  @spec native_options(keyword()) :: map()
  def native_options(opts) do
    level = opts[:durability] || Catalog.config().durability

    unless level in @levels do
      raise ArgumentError,
            "durability is #{inspect(level)}; expected one of #{inspect(@levels)}"
    end

    %{
      actor: Actor.of(opts),
      durability: level,
      idempotency_key: opts[:idempotency_key],
      expect: expect(opts[:expect])
    }
  end

  defp expect(expected) when expected in [nil, :absent, :exists], do: expected
  defp expect({:seq, seq}) when is_integer(seq) and seq >= 0, do: {:seq, seq}
  defp expect({:hash, hex}), do: expect({:hashes, [hex]})

  # What is no hash is one that no version has.
  defp expect({:hashes, list}) when is_list(list) do
    {:hashes, for(hex <- list, {:ok, hash} <- [Base.decode16(hex, case: :mixed)], do: hash)}
  end

  defp expect(other) do
    raise ArgumentError,
          "expect is #{inspect(other)}; expected :absent, :exists, {:hash, hex}, " <>
            "{:hashes, list} or {:seq, seq}"
  end

  @doc "Waits for the answer to `ref`, unless there will be none."
  @spec await(reference(), boolean(), keyword()) :: Types.result(ack() | nil)
  def await(_ref, false, _opts), do: {:ok, nil}

  def await(ref, true, opts) do
    started = System.monotonic_time()
    answer = receive_answer(ref, opts)

    if Telemetry.listened?(@event) do
      duration = System.monotonic_time() - started
      Telemetry.execute(@event, %{duration: duration}, %{result: result(answer)})
    end

    answer
  end

  defp result({:ok, _ack}), do: :ok
  defp result({:error, %Error{code: code}}), do: code

  defp receive_answer(ref, opts) do
    timeout = timeout(opts)

    receive do
      {^ref, {:ok, nil}} -> {:ok, nil}
      {^ref, {:ok, ack}} -> {:ok, ack(ack)}
      {^ref, error} -> Engine.native(error)
    after
      timeout ->
        detail =
          "not confirmed after #{timeout} ms (FORMDB_WRITE_TIMEOUT_MS); the write may still land. Send it " <>
            "again with the same idempotency key: it is then written once; without a key, look first " <>
            "whether it is there"

        {:error, %Error{code: :write_timeout, detail: detail}}
    end
  end

  @doc "How many milliseconds a write is waited for."
  @spec timeout(keyword()) :: timeout()
  def timeout(opts),
    do: Keyword.get_lazy(opts, :timeout, fn -> Catalog.config().write_timeout_ms end)

  @doc "The engine's acknowledgement as a map."
  @spec ack(tuple()) :: ack()
  def ack({first_seq, last_seq, time, hash, counts, whole, replayed}) do
    {points_put, points_deleted, features_replaced} = counts

    %{
      first_seq: first_seq,
      last_seq: last_seq,
      time: time,
      hash: hash,
      points_put: points_put,
      points_deleted: points_deleted,
      features_replaced: features_replaced,
      whole: whole,
      replayed: replayed
    }
  end
end
