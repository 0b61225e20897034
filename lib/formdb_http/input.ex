defmodule FormdbHttp.Input do
  @moduledoc false
  # The forms in which callers may give documents, times, columns and options, as the
  # engine takes them. Misuse raises ArgumentError; what data can be wrong about is an error.

  alias FormdbHttp.{Catalog, Engine, Error, JSON, Native, Types}

  ## Options

  @doc "Options, checked for names that the call does not have; `allowed` may have defaults."
  @spec options!(keyword(), [atom() | {atom(), term()}]) :: keyword()
  def options!(opts, allowed) do
    case Keyword.validate(opts, allowed) do
      {:ok, opts} ->
        opts

      {:error, unknown} ->
        raise ArgumentError,
              "unknown options #{inspect(unknown)}; this call takes #{inspect(allowed)}"
    end
  end

  @doc "One of the values that an option may have, by default the first."
  @spec choice!(keyword(), atom(), [value, ...]) :: value when value: atom()
  def choice!(opts, name, [default | _] = values) do
    value = Keyword.get(opts, name)

    cond do
      value == nil ->
        default

      value in values ->
        value

      true ->
        raise ArgumentError, "#{name} is #{inspect(value)}; expected one of #{inspect(values)}"
    end
  end

  @doc "The option `:order`."
  @spec order(keyword()) :: :asc | :desc
  def order(opts), do: choice!(opts, :order, [:asc, :desc])

  @doc "Whether the option `:as` asks for JSON text."
  @spec json?(keyword()) :: boolean()
  def json?(opts), do: choice!(opts, :as, [:points, :json]) == :json

  @doc "What is told beside points, the option `:include`, as text; only JSON has a place for it."
  @spec include(keyword()) :: String.t() | nil
  def include(opts) do
    case opts[:include] do
      nil ->
        nil

      include ->
        json?(opts) || raise ArgumentError, "the option :include is taken with as: :json"
        if is_list(include), do: Enum.map_join(include, ",", &to_string/1), else: include
    end
  end

  @doc """
  How times are read: the options `:unit`, what integers count, as text, and `:tz`, the zone
  of texts without an offset; each `nil` if it is not given.
  """
  @spec times(keyword()) :: {String.t() | nil, String.t() | nil}
  def times(opts) do
    unit = if opts[:unit], do: Atom.to_string(choice!(opts, :unit, [:us, :s, :ms, :ns]))
    {unit, opts[:tz]}
  end

  @doc "What becomes of edges wider than 180 degrees: the option `:antimeridian`."
  @spec antimeridian(keyword()) :: :refuse | :cut | :as_is
  def antimeridian(opts), do: choice!(opts, :antimeridian, [:refuse, :cut, :as_is])

  @doc "What becomes of points that have duplicates, as text: the option `:on_duplicate`."
  @spec on_duplicate(keyword()) :: String.t() | nil
  def on_duplicate(opts) do
    if opts[:on_duplicate],
      do: Atom.to_string(choice!(opts, :on_duplicate, [:keep, :replace, :ignore, :refuse]))
  end

  @doc "The option `:limit`."
  @spec limit(keyword()) :: term()
  def limit(opts), do: opts[:limit] || Catalog.config().default_page_items

  @doc "The option `:value`: a condition on values, or several, as a list."
  @spec values(keyword()) :: [String.t()]
  def values(opts), do: List.wrap(opts[:value])

  @doc "The option `:filters`: keys and expressions, as text."
  @spec filters(keyword()) :: [{String.t(), String.t()}]
  def filters(opts),
    do: for({key, text} <- opts[:filters] || [], do: {to_string(key), to_string(text)})

  ## Documents and boxes

  @doc "A document as JSON text."
  @spec json(Types.document()) :: binary()
  def json(text) when is_binary(text), do: text
  def json(map) when is_map(map), do: JSON.text(map)

  @doc "The option `:provenance` as JSON text."
  @spec provenance(keyword()) :: binary() | nil
  def provenance(opts), do: opts[:provenance] && json(opts[:provenance])

  @doc "A box as the engine reads it."
  @spec box(Types.box()) :: String.t()
  def box(text) when is_binary(text), do: text
  def box({w, s, e, n}), do: Enum.map_join([w, s, e, n], ",", &to_string/1)

  ## Times

  @doc """
  A time as microseconds. `pointer` is where an error points to, and `tz` the zone of text
  without an offset, if such text is taken.
  """
  @spec micros(Types.timestamp(), String.t(), String.t() | nil) :: Types.result(integer())
  def micros(timestamp, pointer \\ "/timestamp", tz \\ nil)
  def micros(micros, _pointer, _tz) when is_integer(micros), do: {:ok, micros}
  def micros(%DateTime{} = time, _pointer, _tz), do: {:ok, DateTime.to_unix(time, :microsecond)}

  def micros(text, pointer, tz) when is_binary(text) do
    with {:error, error} <- Engine.native(Native.timestamp_parse(text, tz)),
         do: {:error, if(error.pointer == "", do: %{error | pointer: pointer}, else: error)}
  end

  @doc "As `micros/3`, of a time that may be missing."
  @spec optional_micros(Types.timestamp() | nil, String.t(), String.t() | nil) ::
          Types.result(integer() | nil)
  def optional_micros(time, pointer, tz \\ nil)
  def optional_micros(nil, _pointer, _tz), do: {:ok, nil}
  def optional_micros(time, pointer, tz), do: micros(time, pointer, tz)

  @doc "The sequence that the option `:as_of` means: itself, or the last one by a time."
  @spec as_of(Types.database(), keyword()) :: Types.result(non_neg_integer() | nil)
  def as_of(name, opts), do: sequence(name, :as_of, opts[:as_of])

  @doc "The same of the parameter `key`."
  @spec sequence(Types.database(), atom(), non_neg_integer() | Types.timestamp() | nil) ::
          Types.result(non_neg_integer() | nil)
  def sequence(name, key, value) do
    case value do
      nil ->
        {:ok, nil}

      seq when seq in 0..0xFFFFFFFFFFFFFFFF ->
        {:ok, seq}

      seq when is_integer(seq) ->
        detail = "#{key} is #{seq}; expected a sequence that the journal has reached, or a time"
        {:error, %Error{code: :invalid_parameter, detail: detail, pointer: "/#{key}"}}

      time ->
        with {:ok, micros} <- micros(time, "/#{key}"), do: at(name, key, micros)
    end
  end

  defp at(name, key, micros) do
    with {:error, %Error{pointer: "/as_of"} = error} <- Engine.seq_at(name, micros),
         do: {:error, %{error | pointer: "/#{key}"}}
  end

  @doc "What all ranges say: from when to when, which page, and as of when."
  @spec window(Types.database(), Types.timestamp(), Types.timestamp(), keyword()) ::
          Types.result(map())
  def window(name, from, to, opts) do
    with {:ok, start} <- micros(from, "/start", opts[:tz]),
         {:ok, stop} <- micros(to, "/end", opts[:tz]),
         {:ok, as_of} <- as_of(name, opts) do
      {:ok,
       %{
         start: start,
         end: stop,
         value: values(opts),
         order: order(opts),
         limit: limit(opts),
         cursor: opts[:cursor],
         as_of: as_of,
         tz: opts[:tz]
       }}
    end
  end

  @doc "Whether a list of series is to have their attributes."
  @spec attributes?(keyword()) :: boolean()
  def attributes?(opts), do: choice!(opts, :include, [nil, :attributes]) == :attributes

  @doc "What lists of series say: which, which page, and as of when."
  @spec list(Types.database(), String.t(), keyword()) :: Types.result(map())
  def list(name, prefix, opts) do
    with {:ok, as_of} <- as_of(name, opts) do
      {:ok,
       %{
         prefix: prefix,
         filters: filters(opts),
         limit: limit(opts),
         cursor: opts[:cursor],
         as_of: as_of,
         tz: opts[:tz],
         json: json?(opts)
       }}
    end
  end

  ## Columns

  # Integers up to here are doubles, each of them.
  @exact 9_007_199_254_740_992
  @greatest trunc(1.7976931348623157e308)

  @doc "A column of microseconds, packed: a list of integers, or packed already."
  @spec pack_integers([integer()] | binary()) :: binary()
  def pack_integers(packed) when is_binary(packed), do: packed
  def pack_integers(list), do: for(n <- list, into: <<>>, do: <<n::little-signed-64>>)

  @doc "A column of values as packed doubles: a list of numbers, or packed already."
  @spec pack_floats([number()] | binary()) :: Types.result(binary())
  def pack_floats(packed) when is_binary(packed), do: {:ok, packed}

  def pack_floats(list) do
    case Enum.find_index(list, &rounded?/1) do
      nil -> {:ok, for(n <- list, into: <<>>, do: <<n::little-float-64>>)}
      index -> {:error, rounded(Enum.at(list, index), "/values/#{index}")}
    end
  end

  @doc "Whether it is an integer that no double is."
  @spec rounded?(number()) :: boolean()
  def rounded?(n) when is_integer(n) and (n > @exact or n < -@exact),
    do: abs(n) > @greatest or trunc(n / 1) != n

  def rounded?(_number), do: false

  @doc "The refusal of an integer that no double is."
  @spec rounded(integer(), String.t()) :: Error.t()
  def rounded(n, pointer) do
    detail = "found #{n}, an integer that a double does not hold; values are doubles"
    %Error{code: :invalid_value, detail: detail, pointer: pointer}
  end
end
