defmodule FormdbHttpWeb.WebhookController do
  @moduledoc false
  # Webhooks of a database, and their dead letters.

  import FormdbHttpWeb.Problem, only: [refuse: 3, show_json: 1]

  alias FormdbHttpWeb.Audit.Notes
  alias FormdbHttpWeb.Live.Channel
  alias FormdbHttpWeb.{Answer, Authorization, Members, Params, Paths}

  # A filter may have a geometry of many positions.
  @body_bytes 131_072
  @asked ["address", "filter", "since", "active"]
  @example ~s({"address":"https://example.org/hook","filter":{"type":"put_feature"}})

  # In this order in answers.
  @members [:id, :receiver, :address, :secret, :filter, :since, :active, :state, :reason] ++
             [:cursor, :lag, :last, :next, :dead_letters, :deliveries, :events, :failures] ++
             [:seq, :hash, :time, :actor]

  def index(req, %{db: db} = params) do
    with {:ok, webhooks} <- FormdbHttp.webhooks(db, Params.options(params, [:as_of])),
         do: Answer.json(200, webhooks: Enum.map(webhooks, &members(req, db, &1)))
  end

  def show(req, %{db: db, webhook: id}) do
    with {:ok, webhook} <- FormdbHttp.webhook(db, id),
         do: Answer.json(200, members(req, db, webhook))
  end

  def create(req, %{db: db} = params) do
    Notes.say(act: :create_webhook)

    with {:ok, body} <- Members.read(req, ["id" | @asked], @example, @body_bytes),
         {:ok, asked} <- asked(body),
         asked = Map.merge(asked, taken(body, id: "id")),
         opts = Params.options(params, [:durability]),
         {:ok, webhook} <- located(FormdbHttp.create_webhook(db, asked, opts)) do
      req
      |> Paths.to(:webhook, %{db: db, webhook: webhook.id})
      |> Answer.created(members(req, db, webhook))
      |> Answer.unstored()
    end
  end

  def update(req, %{db: db, webhook: id} = params) do
    Notes.say(act: :change_webhook)

    with {:ok, body} <-
           Members.read(req, @asked ++ ["rotate_secret"], ~s({"active":false}), @body_bytes),
         {:ok, asked} <- asked(body),
         :ok <- boolean(body, "rotate_secret"),
         asked = Map.merge(asked, taken(body, rotate_secret: "rotate_secret")),
         opts = Params.options(params, [:durability]),
         {:ok, webhook} <- located(FormdbHttp.update_webhook(db, id, asked, opts)) do
      200 |> Answer.json(members(req, db, webhook)) |> Answer.unstored()
    end
  end

  def delete(_req, %{db: db, webhook: id} = params) do
    Notes.say(act: :delete_webhook)

    with {:ok, ack} <- FormdbHttp.delete_webhook(db, id, Params.options(params, [:durability])) do
      time = FormdbHttp.format_timestamp(ack.time)
      Answer.json(200, id: id, seq: ack.seq, hash: ack.hash, time: time)
    end
  end

  def letters(_req, %{db: db, webhook: id}) do
    with {:ok, letters} <- FormdbHttp.dead_letters(db, id),
         do: Answer.json(200, dead_letters: Enum.map(letters, &letter/1))
  end

  def settle(req, %{db: db, webhook: id}) do
    Notes.say(act: :settle_dead_letters)

    with {:ok, body} <-
           Members.read(req, ["ids", "forget"], ~s({"ids":["1_12-40"]}), @body_bytes),
         {:ok, which} <- ids(body["ids"]),
         :ok <- boolean(body, "forget"),
         how = if(body["forget"], do: :forget, else: :resend),
         {:ok, count} <- FormdbHttp.settle_dead_letters(db, id, how, which) do
      Answer.json(200, [{if(how == :forget, do: :forgotten, else: :queued), count}])
    end
  end

  defp ids(nil), do: {:ok, :all}

  defp ids(list) do
    if is_list(list) and Enum.all?(list, &is_binary/1),
      do: {:ok, list},
      else:
        refuse(
          :invalid_body,
          "ids is #{show_json(list)}; expected a list of dead letters",
          "/ids"
        )
  end

  ## What is asked

  # What is followed is said as everywhere where something is.
  defp asked(body) do
    with {:ok, opts} <- Channel.options(Map.take(body, ["filter", "since"])),
         :ok <- boolean(body, "active") do
      given =
        for {key, name} <- [filter: "filter", since: "since"],
            body[name] != nil,
            do: {key, opts[key]}

      # An address is never taken away: null is refused as what is no URL.
      address = for {"address", address} <- body, into: %{}, do: {:address, address}
      {:ok, given |> Map.new() |> Map.merge(taken(body, active: "active")) |> Map.merge(address)}
    end
  end

  defp taken(body, names),
    do: for({key, name} <- names, body[name] != nil, into: %{}, do: {key, body[name]})

  defp boolean(body, name) do
    case body[name] do
      value when value in [nil, true, false] ->
        :ok

      other ->
        refuse(
          :invalid_body,
          "#{name} is #{show_json(other)}; expected true or false",
          "/#{name}"
        )
    end
  end

  # The words of a filter are known to the core, and not where they stand.
  defp located({:error, %{code: code} = error})
       when code in [:invalid_address, :invalid_id, :webhook_exists, :missing_parameter],
       do: {:error, error}

  defp located({:error, error}), do: {:error, Channel.located(error)}
  defp located(ok), do: ok

  ## What is answered

  defp members(req, db, webhook) do
    # The path of an address is often a secret.
    hidden = if Authorization.may?(req, :admin, db), do: [], else: [:address]

    for key <- @members -- hidden, is_map_key(webhook, key), do: member(key, webhook[key])
  end

  defp member(:last, %{} = last),
    do: {:last_attempt, [time: time(last.time), status: last.status, error: last.error]}

  defp member(:last, nil), do: {:last_attempt, nil}
  defp member(:next, nil), do: {:next_attempt, nil}
  defp member(:next, ms), do: {:next_attempt, time(1_000 * ms)}
  defp member(key, value), do: {key, value}

  defp letter(letter) do
    for key <- [:id, :first_seq, :last_seq, :count, :attempts, :time, :status, :error, :queued],
        do: {key, if(key == :time, do: time(letter.time), else: letter[key])}
  end

  defp time(micros), do: FormdbHttp.format_timestamp(micros)
end
