defmodule FormdbHttp.Engine do
  @moduledoc false
  # Between Elixir and the engine: how it is called, what its errors become, and the
  # forms in which callers may give documents and times.

  alias FormdbHttp.{Admission, Catalog, Database, DataFolder, Error, JSON, Native}

  @doc """
  Calls the engine with the catalog. Only when it does not have the database open is
  it worth looking why.
  """
  def call(name, call) do
    case call.(Catalog.handle()) do
      {:error, %Error{} = error} -> {:error, error}
      {:error, {:database_not_found, _, _} = error} -> {:error, not_open(name, error)}
      {:error, error} -> {:error, Error.from_native(error)}
      ok -> ok
    end
  end

  @doc """
  A question that may take long, once there is a place for it: `work` calls the engine on a
  dirty I/O thread. Within `call/2`; `{:error, error}` when there is no place in time.
  """
  def heavy(work), do: Admission.run(:question, work)

  # Reading a record of this size, and making a document of it, takes some 10 ms or more.
  @large_bytes 1_048_576

  @doc """
  What `work` returns, which reads one record. How long that is, in bytes, the engine has
  said: `{:ok, bytes}`, or an error, which is left to `work`. A large one is heavy.
  """
  def read({:ok, bytes}, work) when bytes > @large_bytes, do: heavy(work)
  def read(_small_or_error, work), do: work.()

  @doc "As `call/2`, of a question that is heavy in any case."
  def call_heavy(name, call), do: call(name, fn catalog -> heavy(fn -> call.(catalog) end) end)

  @doc """
  A question whose answer may be in memory, as `short` finds in the calling process, or
  which is heavy. Both take the catalog, the name and the question.
  """
  def ask(name, question, short, dirty) do
    call(name, fn catalog ->
      with :long <- short.(catalog, name, question),
           do: heavy(fn -> dirty.(catalog, name, question) end)
    end)
  end

  @doc "An answer of the engine that is about no database in particular."
  def native({:error, %Error{} = error}), do: {:error, error}
  def native({:error, error}), do: {:error, Error.from_native(error)}
  def native(ok), do: ok

  @doc """
  `:ok` when the database is open as far as one knows without asking the engine, or else the
  error that a call would have. For those who would rather know before they read a body.
  """
  def check_open(name) do
    if Database.status(name) == :open do
      :ok
    else
      detail = "there is no open database #{inspect(name, binaries: :as_strings)}"
      {:error, not_open(name, {:database_not_found, detail, nil})}
    end
  end

  defp not_open(name, error) do
    case Database.status(name) do
      :opening ->
        detail = "database #{name} is reading its journal; try again shortly"
        %Error{code: :database_opening, detail: detail}

      {:failed, %Error{detail: detail}} ->
        %Error{
          code: :database_unavailable,
          detail: "database #{name} cannot be opened: #{detail}"
        }

      _other ->
        # From memory: whoever asks for what is not there is no reason to read the folder.
        if DataFolder.member?(name) do
          detail = "database #{name} is closed; creating it again opens it"
          %Error{code: :database_not_found, detail: detail}
        else
          Error.from_native(error)
        end
    end
  end

  @doc "A document as JSON text."
  def json(text) when is_binary(text), do: text
  def json(map) when is_map(map), do: JSON.text(map)

  @doc "A document that may be missing."
  def optional_json(nil), do: nil
  def optional_json(document), do: json(document)

  @doc "A time as microseconds. `pointer` is where an error points to."
  def micros(timestamp, pointer \\ "/timestamp")
  def micros(micros, _pointer) when is_integer(micros), do: {:ok, micros}
  def micros(%DateTime{} = time, _pointer), do: {:ok, DateTime.to_unix(time, :microsecond)}

  def micros(text, pointer) when is_binary(text) do
    with {:error, error} <- native(Native.timestamp_parse(text)),
         do: {:error, %{error | pointer: pointer}}
  end

  @doc "As `micros/2`, of a time that may be missing."
  def optional_micros(nil, _pointer), do: {:ok, nil}
  def optional_micros(time, pointer), do: micros(time, pointer)

  # Integers up to here are doubles, each of them.
  @exact 9_007_199_254_740_992
  @greatest trunc(1.7976931348623157e308)

  @doc "A column of values as packed doubles: a list of numbers, or packed already."
  def pack_floats(packed) when is_binary(packed), do: {:ok, packed}

  def pack_floats(list) do
    case Enum.find_index(list, &rounded?/1) do
      nil -> {:ok, for(n <- list, into: <<>>, do: <<n::little-float-64>>)}
      index -> {:error, rounded(Enum.at(list, index), "/values/#{index}")}
    end
  end

  @doc "Whether it is an integer that no double is."
  def rounded?(n) when is_integer(n) and (n > @exact or n < -@exact),
    do: abs(n) > @greatest or trunc(n / 1) != n

  def rounded?(_number), do: false

  @doc "The refusal of an integer that no double is."
  def rounded(n, pointer) do
    detail = "found #{n}, an integer that a double does not hold; values are doubles"
    %Error{code: :invalid_value, detail: detail, pointer: pointer}
  end

  @units [:s, :ms, :us, :ns]

  @doc "What integers count that stand for times: the option `:unit` as text, `nil` without."
  def unit(opts) do
    case opts[:unit] do
      nil ->
        nil

      unit when unit in @units ->
        Atom.to_string(unit)

      other ->
        raise ArgumentError, "unit is #{inspect(other)}; expected one of #{inspect(@units)}"
    end
  end

  @doc "The option `:order`."
  def order(opts) do
    case Keyword.get(opts, :order, :asc) do
      order when order in [:asc, :desc] -> order
      other -> raise ArgumentError, "order is #{inspect(other)}; give :asc or :desc"
    end
  end

  @doc "Whether the option `:as` asks for JSON text."
  def json?(opts) do
    case Keyword.get(opts, :as, :points) do
      :json -> true
      :points -> false
      other -> raise ArgumentError, "as is #{inspect(other)}; give :points or :json"
    end
  end

  @doc "The sequence that `as_of` means: itself, or the last one by a time."
  def as_of(_name, nil), do: {:ok, nil}
  def as_of(_name, seq) when seq in 0..0xFFFFFFFFFFFFFFFF, do: {:ok, seq}

  def as_of(_name, seq) when is_integer(seq) do
    detail = "as_of is #{seq}; expected a sequence that the journal has reached, or a time"
    {:error, %Error{code: :invalid_parameter, detail: detail, pointer: "/as_of"}}
  end

  def as_of(name, time) do
    with {:ok, micros} <- micros(time, "/as_of"), do: seq_at(name, micros)
  end

  # Until the clock has passed a time that is a little ahead, and until what began to be
  # committed by then is: a second for each.
  @patience_ms 2_000

  @doc "The last sequence that was committed by a time. Waits until nobody can add to it."
  def seq_at(name, micros, left \\ @patience_ms) do
    case call(name, &Native.seq_at(&1, name, micros)) do
      {:ok, {:not_yet, wait}} when wait > left ->
        detail =
          "what began to be committed by the time of as_of is still being written; try again"

        {:error, %Error{code: :busy, detail: detail, pointer: "/as_of"}}

      {:ok, {:not_yet, wait}} ->
        Process.sleep(wait)
        seq_at(name, micros, left - wait)

      told ->
        told
    end
  end

  @doc "Options, checked for names that the call does not have."
  def options!(opts, allowed) do
    case Keyword.validate(opts, allowed) do
      {:ok, opts} ->
        opts

      {:error, unknown} ->
        raise ArgumentError,
              "unknown options #{inspect(unknown)}; this call takes #{inspect(allowed)}"
    end
  end
end
