defmodule FormdbHttpWeb.Audit.Event do
  @moduledoc false
  # That something was refused, or done by who may administer: counted, and told to whoever
  # listens (FormdbHttp.Telemetry).

  alias FormdbHttp.Telemetry
  alias FormdbHttpWeb.Problem

  @event [:formdb, :audit]

  # 401: not known who asks; 403: not theirs to do; 421: by another name; 429: too often.
  @statuses [401, 403, 421, 429]
  @refusals [:hidden] ++ for({code, status} <- Problem.codes(), status in @statuses, do: code)
  @outcomes [:done, :failed] ++ @refusals

  @counters {__MODULE__, :counters}

  @doc "The name of the event."
  @spec name() :: FormdbHttp.Telemetry.event()
  def name, do: @event

  @doc "Whether a code of an error says that something was refused to somebody."
  @spec refusal?(atom()) :: boolean()
  def refusal?(code), do: code in @refusals

  @doc "Makes the counters, unless they are there: counts go on."
  @spec start() :: :ok
  def start do
    if :persistent_term.get(@counters, nil) == nil,
      do: :persistent_term.put(@counters, :counters.new(length(@outcomes), []))

    :ok
  end

  @doc "It happened: `metadata` is as `FormdbHttp.Telemetry` has it."
  @spec emit(map()) :: :ok
  def emit(%{outcome: outcome, reason: reason} = metadata) do
    counted = if outcome == :refused, do: reason, else: outcome
    :counters.add(:persistent_term.get(@counters), number(counted), 1)
    if Telemetry.listened?(@event), do: Telemetry.execute(@event, %{count: 1}, metadata)
    :ok
  end

  for {outcome, number} <- Enum.with_index(@outcomes, 1),
      do: defp(number(unquote(outcome)), do: unquote(number))

  @doc "How many there were, by outcome: of refusals the reason."
  @spec counts() :: [{keyword(), non_neg_integer()}]
  def counts do
    counters = :persistent_term.get(@counters)
    for outcome <- @outcomes, do: {[outcome: outcome], :counters.get(counters, number(outcome))}
  end
end
