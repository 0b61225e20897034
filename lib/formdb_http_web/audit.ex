defmodule FormdbHttpWeb.Audit do
  @moduledoc false
  # Which requests are told of for whoever wants to know later who did what: those that were
  # refused for who asked, from where or how often, and those that administer.

  alias FormdbHttpWeb.Audit.{Event, Notes}
  alias FormdbHttpWeb.Auth.Principal

  alias FormdbHttpWeb.{
    AuthController,
    DatabaseController,
    DatabaseName,
    Params,
    Request,
    RequestEnd
  }

  alias FormdbHttpWeb.{RequestMetrics, Router}

  @doc "The request was answered with this status."
  @spec request(Request.t(), 200..599) :: :ok
  def request(req, status) do
    notes = Notes.said()
    code = if status >= 400, do: notes[:code]

    cond do
      notes[:hidden] -> emit(req, status, notes, :refused, :hidden)
      Event.refusal?(code) -> emit(req, status, notes, :refused, code)
      not administers?(req) -> :ok
      status < 400 -> emit(req, status, notes, :done, nil)
      true -> emit(req, status, notes, :failed, code)
    end
  end

  @typedoc "Who has opened a socket, and from where, for what is refused to them on it."
  @opaque client :: map()

  @doc "Of the request that opened it."
  @spec client(Request.t()) :: client()
  def client(req), do: Map.put(described(req, req.principal), :status, 404)

  @doc """
  A join was refused: the database of that name is hidden, as in an answer with 404. `principal` is
  who it is by now.
  """
  @spec join_refused(client(), Principal.t(), String.t()) :: :ok
  def join_refused(client, principal, db) do
    name = if DatabaseName.valid?(db), do: db
    refused = %{act: :join, outcome: :refused, reason: :hidden, claimed: nil, database: name}
    client |> Map.merge(of(principal)) |> Map.merge(refused) |> Event.emit()
  end

  defp administers?(%{call: nil}), do: false
  # There is nobody to sign in.
  defp administers?(%{settings: %{auth: nil}, call: %{scope: nil}}), do: false
  defp administers?(%{call: %{action: {AuthController, :token}}}), do: true
  defp administers?(%{call: %{scope: scope}}), do: scope == :admin

  defp emit(req, status, notes, outcome, reason) do
    req
    |> described(notes[:principal] || req.principal)
    |> Map.merge(%{
      act: notes[:act] || act(req, status),
      outcome: outcome,
      reason: reason,
      claimed: notes[:claimed],
      database: database(req, notes),
      status: status
    })
    |> Event.emit()
  end

  defp described(req, principal) do
    Map.merge(of(principal), %{
      client: RequestEnd.client(req),
      method: RequestMetrics.method(req.method),
      route: Router.template(req.resource),
      request_id: req.id
    })
  end

  defp of(nil), do: %{actor: nil, credential: nil, key_id: nil}

  defp of(principal),
    do: %{actor: principal.actor, credential: credential(principal), key_id: principal.key_id}

  defp act(%{call: %{action: {DatabaseController, :create}}}, 200), do: :open_database
  defp act(%{call: %{action: {DatabaseController, :create}}}, _status), do: :create_database

  # Of one that is done the controller says which it was.
  defp act(%{call: %{action: {DatabaseController, :delete}}, query: query}, _status) do
    if query =~ ~r/(\A|&)purge=true(&|\z)/, do: :purge_database, else: :close_database
  end

  defp act(%{call: %{action: {AuthController, :token}}}, _status), do: :sign_in
  defp act(_req, _status), do: :request

  defp credential(%{auth_time: time}) when time != nil, do: :token
  defp credential(%{credential: nil}), do: :jwt
  defp credential(%{credential: :host}), do: :host
  defp credential(%{actor: "key:" <> _}), do: :api_key
  defp credential(_user), do: :password

  # What is no name is none of a database, and may be anything.
  defp database(req, notes) do
    with name when is_binary(name) <- notes[:database] || in_path(req),
         true <- DatabaseName.valid?(name),
         do: name,
         else: (_none -> nil)
  end

  defp in_path(%{call: %{access: :database}, parts: [raw | _]}) do
    with {:ok, name} <- Params.segment(raw), do: name
  end

  defp in_path(_req), do: nil
end
