defmodule FormdbHttpWeb.RequestMetrics do
  @moduledoc false
  # Counts requests: how many by method and class of status, how long they took and how many
  # bytes went either way, each by route. The counters are one array, in which every route has
  # its stretch, so that a request costs some additions and no process, and there are only so
  # many, whatever clients ask for.

  alias FormdbHttpWeb.Routes
  alias FormdbHttpWeb.Routes.Resource

  @routes Enum.map(Routes.all(), & &1.template) ++ ["unmatched"]
  @methods ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"]
  # 501 and 505 clients bring about as they like, so they are no failures of the server.
  @classes ["1xx", "2xx", "3xx", "4xx", "5xx", "501", "505"]

  # Seconds. From a read in memory to a bulk load.
  @durations [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5] ++
               [1, 2.5, 5, 10]
  # Bytes: from nothing to an upload. Few, since there is a series of each for every route.
  @sizes [0, 1_024, 16_384, 262_144, 4_194_304, 67_108_864]

  # A stretch: numbers of requests, then three histograms, each with a bucket for what is
  # beyond all bounds and the sum at its end.
  @statuses length(@methods) * length(@classes)
  @durations_at @statuses
  @received_at @durations_at + length(@durations) + 2
  @sent_at @received_at + length(@sizes) + 2
  @stretch @sent_at + length(@sizes) + 2

  @counters {__MODULE__, :counters}

  @doc "Makes the counters, unless they are there: counts go on."
  @spec start() :: :ok
  def start do
    if :persistent_term.get(@counters, nil) == nil do
      size = length(@routes) * @stretch
      :persistent_term.put(@counters, :counters.new(size, [:write_concurrency]))
    end

    :ok
  end

  @doc """
  Counts a request that was answered: how long it took, in native units of time, and the bytes
  of the bodies that came and went.
  """
  @spec count(
          String.t(),
          Resource.t() | nil,
          100..599,
          non_neg_integer(),
          non_neg_integer(),
          non_neg_integer()
        ) :: :ok
  def count(method, resource, status, duration, received, sent) do
    counters = :persistent_term.get(@counters)
    at = stretch(resource)
    nanos = System.convert_time_unit(duration, :native, :nanosecond)
    class = method_number(method) * unquote(length(@classes)) + class_number(status)
    :counters.add(counters, at + class + 1, 1)

    observe(
      counters,
      at + @durations_at,
      duration_bucket(nanos),
      unquote(length(@durations)),
      nanos
    )

    observe(counters, at + @received_at, size_bucket(received), unquote(length(@sizes)), received)
    observe(counters, at + @sent_at, size_bucket(sent), unquote(length(@sizes)), sent)
  end

  # The counters are numbered from 1.
  defp observe(counters, at, bucket, bounds, value) do
    :counters.add(counters, at + bucket + 1, 1)
    :counters.add(counters, at + bounds + 2, value)
  end

  for {resource, number} <- Enum.with_index(Routes.all()) do
    defp stretch(%{name: unquote(resource.name)}), do: unquote(number * @stretch)
  end

  defp stretch(nil), do: unquote(length(Routes.all()) * @stretch)

  @doc """
  The method as it is counted. A client can name any; and the name that it sent is a part of a
  larger binary, which whoever keeps it would keep.
  """
  @spec method(String.t()) :: String.t()
  for method <- @methods, do: def(method(unquote(method)), do: unquote(method))
  def method(_other), do: "other"

  for {method, number} <- Enum.with_index(@methods),
      do: defp(method_number(unquote(method)), do: unquote(number))

  defp method_number(_other), do: unquote(length(@methods) - 1)

  defp class_number(501), do: 5
  defp class_number(505), do: 6
  defp class_number(status), do: (status |> div(100) |> max(1) |> min(5)) - 1

  for {bound, number} <- Enum.with_index(@durations) do
    defp duration_bucket(nanos) when nanos <= unquote(round(bound * 1_000_000_000)),
      do: unquote(number)
  end

  defp duration_bucket(_longer), do: unquote(length(@durations))

  for {bound, number} <- Enum.with_index(@sizes),
      do: defp(size_bucket(bytes) when bytes <= unquote(bound), do: unquote(number))

  defp size_bucket(_larger), do: unquote(length(@sizes))

  ## Reading them

  @doc "Numbers of requests, with their labels; of what never came there is none."
  @spec requests() :: [{keyword(), pos_integer()}]
  def requests do
    counters = :persistent_term.get(@counters)

    for {route, at} <- stretches(),
        {method, number} <- Enum.with_index(@methods),
        {class, place} <- Enum.with_index(@classes),
        count = :counters.get(counters, at + number * length(@classes) + place + 1),
        count > 0,
        do: {[method: method, route: route, status: class], count}
  end

  @typedoc "As `prometheus` has a sample of a histogram: buckets add up."
  @type histogram ::
          {labels :: keyword(), [{number() | :infinity, non_neg_integer()}], non_neg_integer(),
           number()}

  @doc "How long requests took, in seconds, by route."
  @spec durations() :: [histogram()]
  def durations do
    for {labels, buckets, count, nanos} <- histograms(@durations_at, @durations),
        do: {labels, buckets, count, nanos / 1_000_000_000}
  end

  @doc "Bytes of the bodies that came, by route."
  @spec received() :: [histogram()]
  def received, do: histograms(@received_at, @sizes)

  @doc "Bytes of the bodies that went, by route."
  @spec sent() :: [histogram()]
  def sent, do: histograms(@sent_at, @sizes)

  defp histograms(within, bounds) do
    counters = :persistent_term.get(@counters)

    for {route, at} <- stretches(),
        counts = for(n <- 1..(length(bounds) + 1), do: :counters.get(counters, at + within + n)),
        count = Enum.sum(counts),
        count > 0 do
      buckets = Enum.zip(bounds ++ [:infinity], Enum.scan(counts, &+/2))
      {[route: route], buckets, count, :counters.get(counters, at + within + length(bounds) + 2)}
    end
  end

  defp stretches, do: Enum.with_index(@routes, fn route, number -> {route, number * @stretch} end)
end
