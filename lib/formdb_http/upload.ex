defmodule FormdbHttp.Upload do
  @moduledoc """
  Writes what comes in parts and may be of any length, in bounded memory: features or points,
  a record each, which are read as they come and written in batches.

  Memory is taken as it comes. Where there is none for the next record (`FORMDB_WORK_BYTES`),
  or no place in the queue for a batch, it waits until there is, for as long as a write is
  waited for (`FORMDB_WRITE_TIMEOUT_MS`).

  A batch is a transaction of up to 5,000 records or 4 MiB. Where it ends depends on the bytes
  alone, never on time or on how they come in. While one is being made durable the next
  one is read.

  With `:idempotency_key` an upload that broke off, or whose answer was lost, can be sent
  again from its beginning: what was written of it is passed over. The same key with
  something else is refused (`idempotency_key_reused`).

  `FormdbHttp.upload/3` does all of it with an enumerable of parts; this module is for those
  who have the parts one after the other:

      {:ok, upload} = FormdbHttp.Upload.new("quakes", format: {:features, :lines})
      {:ok, upload} = FormdbHttp.Upload.put(upload, part)
      {:ok, result} = FormdbHttp.Upload.finish(upload)

  It belongs to the process that began it. One that is not finished needs no end: what was
  written stays, the rest was never there.
  """

  alias FormdbHttp.{Catalog, Engine, Error, Input, Native, Types, Writing}

  @enforce_keys [:name, :ref, :native, :opts]
  defstruct @enforce_keys ++
              [
                pending: nil,
                inserted: 0,
                replaced: 0,
                ignored: 0,
                skipped: 0,
                first_seq: nil,
                last_seq: nil,
                blocks: 0,
                rejected: [],
                warnings: [],
                warning_counts: [],
                reused: nil
              ]

  @opaque t :: %__MODULE__{}

  # The most that is read by one call, so that what it completes is written before the next: the
  # engine holds so much for it.
  @piece_bytes 262_144

  # Memory and places in the queue come back as batches are written, of this upload and of
  # others.
  @wait_ms 10

  @options [:format, :on_error, :unit, :tz, :antimeridian, :on_duplicate, :series_id, :shape] ++
             [:record_bytes, :missing, :provenance]

  @counts [:inserted, :replaced, :ignored, :skipped, :first_seq, :last_seq, :blocks]
  @nothing %{inserted: 0, replaced: 0, ignored: 0, skipped: 0, rejected: []}
           |> Map.merge(%{first_seq: nil, last_seq: nil, blocks: 0})

  @doc "Begins one. Options as of `FormdbHttp.upload/3`."
  @spec new(Types.database(), [Types.upload_option()]) :: Types.result(t())
  def new(name, opts) do
    opts = Writing.options!(opts, @options)
    native = Writing.native_options(opts)

    options = %{
      form: form(opts[:format], opts),
      stop: Input.choice!(opts, :on_error, [:skip, :stop]) == :stop,
      record_bytes: opts[:record_bytes] || Catalog.config().max_body_bytes,
      on_duplicate: Input.on_duplicate(opts),
      provenance: Input.provenance(opts),
      idempotency_key: opts[:idempotency_key]
    }

    with {:ok, ref} <- Engine.call(name, &Native.upload_new(&1, name, options)),
         do: {:ok, %__MODULE__{name: name, ref: ref, native: native, opts: opts}}
  end

  defp form({:features, framing}, opts) when framing in [:lines, :sequence],
    do: {:features, framing, Input.antimeridian(opts)}

  defp form({:points, framing}, opts) when framing in [:lines, :sequence],
    do: {:points, framing, Input.times(opts)}

  defp form(:csv, opts) do
    missing = opts[:missing] |> List.wrap() |> Enum.join(",")
    {:table, opts[:series_id], shape(opts[:shape]), Input.times(opts), missing}
  end

  defp form(other, _opts) do
    raise ArgumentError,
          "format is #{inspect(other)}; expected {:features, framing}, {:points, framing} with " <>
            "a framing of :lines or :sequence, or :csv"
  end

  defp shape(shape) when shape in [nil, :single, :long, :wide], do: shape

  defp shape(other) do
    raise ArgumentError, "shape is #{inspect(other)}; expected :single, :long or :wide"
  end

  @doc false
  @spec all(Types.database(), Enumerable.t(), [Types.upload_option()]) ::
          {:ok, Types.uploaded()} | {:error, Error.t(), Types.uploaded()}
  def all(name, parts, opts) do
    with {:ok, upload} <- new(name, opts),
         {:ok, upload} <- Enum.reduce_while(parts, {:ok, upload}, &next/2),
         {:ok, uploaded} <- finish(upload) do
      {:ok, uploaded}
    else
      {:error, error, upload} -> {:error, error, figures(upload)}
      {:error, error} -> {:error, error, @nothing}
    end
  end

  defp next(part, {:ok, upload}) do
    case put(upload, part) do
      {:ok, upload} -> {:cont, {:ok, upload}}
      error -> {:halt, error}
    end
  end

  @doc """
  Takes the next part, of any length, and has written what it completes. Waits for the batch
  before the last one that it completes to be durable.

  An error ends the upload; what comes with it says what was written until then.
  """
  @spec put(t(), binary()) :: {:ok, t()} | {:error, Error.t(), t()}
  def put(upload, <<piece::binary-size(@piece_bytes), rest::binary>>) when rest != "" do
    with {:ok, upload} <- put(upload, piece), do: put(upload, rest)
  end

  def put(upload, part), do: feed(upload, part, patience(upload))

  defp feed(upload, part, patience) do
    fed = parse(upload, fn -> Native.upload_feed(upload.ref, part) end)
    upload = told(upload)

    # What was complete before a fault is written.
    with {:ok, upload} <- poll(upload),
         {:ok, upload} <- submit(upload) do
      case fed do
        {:full, 0, error} -> wait(upload, error, patience, &feed(&1, part, &2))
        {:full, taken, _error} -> put(upload, rest(part, taken))
        fed -> fed(fed, upload)
      end
    end
  end

  defp rest(part, taken), do: binary_part(part, taken, byte_size(part) - taken)

  defp patience(upload) do
    case Writing.timeout(upload.opts) do
      :infinity -> :infinity
      timeout -> now() + timeout
    end
  end

  # Goes on after a moment with what there was no room for, unless it has waited too long; any
  # number is less than an atom.
  defp wait(upload, error, patience, go_on) do
    if now() < patience do
      Process.sleep(@wait_ms)
      go_on.(upload, patience)
    else
      fed({:error, error}, upload)
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  # A piece is read in a moment, but the record that ends in it may be long.
  defp parse(upload, work), do: Writing.parse(Native.upload_begun(upload.ref), work)

  # What is durable by now is told by the next figures, whatever is still to come.
  defp poll(%{pending: {reply, _count}} = upload) do
    receive do
      {^reply, _answer} = message ->
        send(self(), message)
        await(upload)
    after
      0 -> {:ok, upload}
    end
  end

  defp poll(upload), do: {:ok, upload}

  @doc "Has the rest written, and waits until all of it is durable."
  @spec finish(t()) :: {:ok, Types.uploaded()} | {:error, Error.t(), t()}
  def finish(upload), do: finish(upload, patience(upload))

  defp finish(upload, patience) do
    fed = parse(upload, fn -> Native.upload_end(upload.ref) end)
    upload = told(upload)

    with {:ok, upload} <- submit(upload) do
      case fed do
        {:full, _taken, error} -> wait(upload, error, patience, &finish/2)
        fed -> finished(fed, upload)
      end
    end
  end

  defp finished(fed, upload) do
    with {:ok, upload} <- fed(fed, upload),
         {:ok, upload} <- await(upload) do
      if upload.reused, do: {:error, upload.reused, upload}, else: {:ok, figures(upload)}
    end
  end

  @doc "What was written until now, and what was left out."
  @spec figures(t()) :: Types.uploaded()
  def figures(upload) do
    upload
    |> Map.take(@counts)
    |> Map.merge(missing(upload))
    |> Map.put(:rejected, Enum.reverse(upload.rejected))
    |> Map.merge(warnings(upload))
  end

  defp warnings(%{warning_counts: []}), do: %{}

  defp warnings(upload) do
    counts = Map.new(upload.warning_counts)
    %{warnings: Enum.reverse(upload.warnings), warning_counts: counts}
  end

  defp missing(%{opts: opts, ref: ref}),
    do: if(opts[:format] == :csv, do: %{missing: Native.upload_missing(ref)}, else: %{})

  defp fed(:ok, upload), do: {:ok, upload}

  defp fed({:error, error}, upload) do
    # Whatever is under way belongs to what is told.
    with {:ok, upload} <- await(upload), do: failed(error, upload)
  end

  defp failed(error, upload) do
    {:error, error} = Engine.native({:error, error})
    {:error, error, upload}
  end

  defp told(upload) do
    rejected = Enum.map(Native.upload_rejected(upload.ref), &in_line/1)
    {warnings, counts} = Native.upload_warnings(upload.ref)
    warnings = Enum.map(warnings, &in_line/1)

    %{
      upload
      | rejected: Enum.reverse(rejected, upload.rejected),
        warnings: Enum.reverse(warnings, upload.warnings),
        warning_counts: counts
    }
  end

  defp in_line({line, {code, detail, pointer}}),
    do: %{line: line, code: code, detail: detail, pointer: pointer}

  # One batch is under way at a time: when it fails, nothing after it is written.
  defp submit(upload), do: submit(upload, patience(upload))

  defp submit(upload, patience) do
    with {:ok, upload} <- await_if_ready(upload) do
      %{name: name, ref: ref, native: native} = upload
      reply = make_ref()

      case Engine.call(name, &Native.upload_submit(&1, name, ref, native, reply)) do
        {:ok, nil} -> {:ok, upload}
        {:ok, count} -> submit(%{upload | pending: {reply, count}})
        {:error, %Error{code: :busy} = error} -> wait(upload, error, patience, &submit/2)
        {:error, error} -> {:error, error, upload}
      end
    end
  end

  # While none is complete the one that is under way is not waited for.
  defp await_if_ready(upload) do
    if Native.upload_ready(upload.ref), do: await(upload), else: {:ok, upload}
  end

  defp await(%{pending: nil} = upload), do: {:ok, upload}

  defp await(%{pending: {reply, count}} = upload) do
    waited = Writing.await(reply, true, upload.opts)
    landed(waited, count, %{upload | pending: nil})
  end

  defp landed({:ok, %{replayed: true} = ack}, count, upload) do
    {:ok, wrote(%{upload | skipped: upload.skipped + count}, ack)}
  end

  # All points of the batch were ignored.
  defp landed({:ok, nil}, count, upload),
    do: {:ok, %{upload | ignored: upload.ignored + count}}

  defp landed({:ok, ack}, count, upload) do
    {inserted, replaced, ignored} = counts(upload.opts[:format], count, ack)

    upload = %{
      upload
      | inserted: upload.inserted + inserted,
        replaced: upload.replaced + replaced,
        ignored: upload.ignored + ignored
    }

    {:ok, wrote(upload, ack)}
  end

  # The key is known with another digest: of a later batch of the same body, which an earlier
  # attempt has written, or still writes, or of something else. Which of them comes out when that
  # batch comes, or the end.
  defp landed({:error, %Error{code: :idempotency_key_reused} = error}, count, upload),
    do: {:ok, %{upload | skipped: upload.skipped + count, reused: error}}

  defp landed({:error, error}, _count, upload), do: {:error, error, upload}

  # The first answer, and one after some of other attempts, say what was written of the body by all
  # of them.
  defp wrote(%{last_seq: last, reused: reused} = upload, %{whole: {first_seq, blocks}} = ack)
       when last == nil or reused != nil do
    %{upload | first_seq: first_seq, last_seq: ack.last_seq, blocks: blocks, reused: nil}
  end

  defp wrote(upload, ack) do
    blocks = upload.blocks + ack.last_seq - ack.first_seq + 1
    %{upload | last_seq: ack.last_seq, blocks: blocks}
  end

  defp counts({:features, _framing}, count, ack),
    do: {count - ack.features_replaced, ack.features_replaced, 0}

  defp counts(_points, count, ack),
    do: {ack.points_put, ack.points_deleted, count - ack.points_put}
end
