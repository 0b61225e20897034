defmodule FormdbHttpWeb.Live.Channel do
  @moduledoc false
  # One topic that a socket has joined: what its messages ask for, and what it is sent. Pure: the
  # socket does what is asked.

  import FormdbHttpWeb.Problem,
    only: [pointer_part: 1, refuse: 2, refuse: 3, show: 1, show_json: 1]

  alias FormdbHttp.{Error, JSON}
  alias FormdbHttpWeb.Live.{Entry, Serializer}
  alias FormdbHttpWeb.Params

  @enforce_keys [:version, :topic, :db, :join_ref, :sub, :around]
  defstruct @enforce_keys

  @typedoc "`around` is what stands before and behind each entry."
  @type t :: %__MODULE__{
          version: Serializer.version(),
          topic: String.t(),
          db: String.t(),
          join_ref: Serializer.ref(),
          sub: FormdbHttp.Subscription.t(),
          around: {binary(), binary()}
        }

  @params ["filter", "proof", "since"]
  @calls ["get_history", "get_info", "update_filter"]

  ## Joining

  @doc "The database that a topic is about; `nil` where there is no such topic."
  @spec database(String.t()) :: String.t() | nil
  def database("journal:" <> db), do: db
  def database(_topic), do: nil

  @doc "What is followed, as options of `FormdbHttp.subscribe/2`, from the payload of a join."
  @spec options(JSON.value()) :: {:ok, keyword()} | {:error, Error.t()}
  def options(params) when is_map(params) do
    case Map.keys(params) -- @params do
      [] ->
        with {:ok, filter} <- filter(params["filter"]),
             {:ok, proof} <- proof(params["proof"]),
             {:ok, since} <- since(params["since"]),
             do: {:ok, [filter: filter, since: since, proof: proof]}

      [name | _] ->
        detail =
          "found #{show(name)}; #{Params.meant(name, @params)}a join takes filter, proof and since"

        refuse(:unknown_parameter, detail, "/" <> pointer_part(name))
    end
  end

  def options(other), do: not_an_object(other, "a join takes an object")

  defp filter(nil), do: {:ok, %{}}

  # What is no text, number or list of them is GeoJSON.
  defp filter(%{} = filter) do
    case Enum.find(filter, fn {name, value} -> not filters?(name, value) end) do
      nil ->
        {:ok, filter}

      {name, value} ->
        detail =
          "#{name} is #{show_json(value)}; give a text, a number, or a list of them, or leave it out"

        refuse(:invalid_parameter, detail, "/filter/" <> pointer_part(name))
    end
  end

  defp filter(other),
    do:
      not_an_object(
        other,
        "a filter is an object of names and texts as in a query string",
        "/filter"
      )

  # One of nothing would let everything through.
  defp filters?("geometry", value), do: value not in [nil, []]
  defp filters?(_name, value), do: words?(value)

  defp words?([_ | _] = values), do: Enum.all?(values, &word?/1)
  defp words?(value), do: word?(value)

  defp word?(value), do: is_binary(value) or is_number(value)

  defp proof(nil), do: {:ok, false}
  defp proof(value) when is_boolean(value), do: {:ok, value}

  defp proof(other),
    do: refuse(:invalid_parameter, "proof is #{show_json(other)}; give true or false", "/proof")

  defp since(nil), do: {:ok, nil}
  defp since(seq) when is_integer(seq) and seq >= 0, do: {:ok, seq}
  defp since(time) when is_binary(time), do: {:ok, time}

  defp since(%{"seq" => seq} = place) when is_integer(seq) and seq >= 0, do: place(place)
  defp since(%{"head" => _head} = place) when not is_map_key(place, "seq"), do: place(place)

  defp since(other) do
    detail =
      "since is #{show_json(other)}; give a sequence, a time, or an object of seq, hash, log and head"

    refuse(:invalid_parameter, detail, "/since")
  end

  defp place(place) do
    case Map.keys(place) -- ["hash", "head", "log", "seq"] do
      [] ->
        {:ok, place}

      [name | _] ->
        detail = "found #{show(name)}; since takes seq, hash, log and head"
        refuse(:unknown_parameter, detail, "/since")
    end
  end

  defp not_an_object(value, expected, pointer \\ nil),
    do: refuse(:invalid_parameter, "found #{show_json(value)}; #{expected}", pointer)

  @doc "An error of the core, which knows the words of a filter and not where they stand."
  @spec located(Error.t()) :: Error.t()
  def located(%Error{pointer: "/since" <> _rest} = error), do: error

  def located(%Error{pointer: "/" <> _word} = error),
    do: %{error | pointer: "/filter" <> error.pointer}

  def located(error), do: error

  @doc "The channel that a message joined."
  @spec joined(
          Serializer.version(),
          Serializer.message(),
          String.t(),
          FormdbHttp.Subscription.t()
        ) :: t()
  def joined(version, %{topic: topic} = message, db, sub) do
    # In the first version a join is named by its ref alone.
    join_ref = message.join_ref || message.ref
    around = Serializer.around(version, join_ref, nil, topic, "journal_event")

    %__MODULE__{
      version: version,
      topic: topic,
      db: db,
      join_ref: join_ref,
      sub: sub,
      around: around
    }
  end

  @doc """
  What a join is answered: from where on what comes is sent, in which history, and that this only
  added to what the client knew, where it asked for that.
  """
  @spec greeting(FormdbHttp.Subscription.t()) :: keyword()
  def greeting(%{since: seq, log: log, consistency: nil}), do: [seq: seq, log: log]

  def greeting(%{since: seq, log: log, consistency: proof}),
    do: [seq: seq, log: log, consistency: proof]

  ## What clients say on it

  @doc "Whether a message is for an earlier join of the topic."
  @spec stale?(t(), Serializer.message()) :: boolean()
  def stale?(%{join_ref: own}, %{join_ref: join_ref}), do: join_ref not in [nil, own]

  @doc """
  What a message asks for: entries of the journal, by the query string that asks for them over
  HTTP, how the subscription is getting on, or another filter.
  """
  @spec asked(String.t(), JSON.value()) ::
          {:history, query :: String.t()}
          | :info
          | {:filter, map()}
          | {:error, Error.t()}
  def asked("get_history", params) when is_map(params), do: query(params)
  def asked("get_history", other), do: not_an_object(other, "get_history takes an object")

  def asked("get_info", params) when params == %{}, do: :info
  def asked("get_info", other), do: not_an_object(other, "get_info takes an empty object")

  def asked("update_filter", %{"filter" => %{} = filter} = params) when map_size(params) == 1,
    do: with({:ok, filter} <- filter(filter), do: {:filter, filter})

  def asked("update_filter", other),
    do:
      not_an_object(
        other,
        ~s(update_filter takes an object such as {"filter":{"type":"put_feature"}})
      )

  def asked(event, _params) do
    detail =
      "found #{show(event)}; #{Params.meant(event, @calls)}a channel takes #{Enum.join(@calls, ", ")}"

    refuse(:unknown_event, detail)
  end

  # In a query string all is text, and what may be given several times is.
  defp query(params) do
    pairs = for {name, value} <- params, one <- List.wrap(value), do: {name, one}

    case Enum.find(pairs, fn {_name, value} -> not scalar?(value) end) do
      nil ->
        {:history, URI.encode_query(pairs)}

      {name, value} ->
        detail = "#{name} is #{show_json(value)}; give a text, a number, true or false"
        refuse(:invalid_parameter, detail, "/" <> pointer_part(name))
    end
  end

  defp scalar?(value), do: is_binary(value) or is_number(value) or is_boolean(value)

  ## What is sent on it

  @doc "Entries, each as a frame."
  @spec events(t(), [FormdbHttp.Event.t()]) :: [Serializer.frame()]
  def events(%{around: {before, behind}}, events),
    do: for(event <- events, do: {:text, [before, Entry.json(event), behind]})

  @doc "Who stayed inside a fence, each as a frame."
  @spec dwells(t(), [FormdbHttp.Dwell.t()]) :: [Serializer.frame()]
  def dwells(channel, dwells),
    do: for(dwell <- dwells, do: push(channel, nil, "dwell_event", dwell.json))

  @doc "That it lags, is at the end of the journal, or has come so far."
  @spec state(t(), :lagging | :live | :position, non_neg_integer()) :: Serializer.frame()
  def state(channel, event, seq) when event in [:lagging, :live, :position],
    do: push(channel, nil, Atom.to_string(event), JSON.encode(seq: seq))

  @doc """
  The end of a channel: one that was left or whose database is gone for good is not joined
  again; after any other end the client tries to.
  """
  @spec closed(t(), :left | :purged | :closed | :failed | :crashed | :unauthorized) ::
          Serializer.frame()
  def closed(channel, why) when why in [:left, :purged],
    do: push(channel, channel.join_ref, "phx_close", "{}")

  def closed(channel, why) do
    reason =
      case why do
        :closed -> "database_closed"
        :failed -> "database_failed"
        :crashed -> "channel_crash"
        :unauthorized -> "unauthorized"
      end

    push(channel, channel.join_ref, "phx_error", JSON.encode(reason: reason))
  end

  defp push(%{version: version, join_ref: join_ref, topic: topic}, ref, event, payload),
    do: Serializer.push(version, join_ref, ref, topic, event, payload)
end
