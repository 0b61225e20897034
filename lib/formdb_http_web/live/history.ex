defmodule FormdbHttpWeb.Live.History do
  @moduledoc false
  # The call get_history of a channel: what `GET .../journal` answers, asked for by the same words.

  require Logger

  alias FormdbHttp.{Error, Fault, WorkMemory}
  alias FormdbHttpWeb.{JournalPage, Params}
  alias FormdbHttpWeb.Routes.History

  @call Enum.find(History.resources(), &(&1.name == :journal)).calls["GET"]
  # Whoever has a channel is told what comes.
  @parameters Enum.reject(@call.query, &(&1.name == "wait"))

  @doc "The answer's text."
  @spec read(String.t(), String.t()) :: {:ok, iodata()} | {:error, Error.t()}
  def read(db, query) do
    with {:ok, texts, filters} <- Params.query(query, @parameters),
         given = Map.merge(@call.given, %{db: db, filters: filters}),
         {:ok, params} <- Params.typed(@parameters, texts, given),
         {:ok, params} <- JournalPage.resolve(params),
         {:ok, page} <- JournalPage.read(params),
         {:ok, json} <- WorkMemory.count(page.json, true),
         do: {:ok, JournalPage.members(%{page | json: json})}
  end

  @doc """
  As `read/2`, in a process of its own, which ends with the answer as `{:shutdown, answer}`:
  it may wait for its turn, and the socket goes on meanwhile.
  """
  @spec start(String.t(), String.t(), term()) :: {pid(), reference()}
  def start(db, query, asker) do
    spawn_monitor(fn ->
      FormdbHttp.ask_as(asker)

      answer =
        try do
          read(db, query)
        catch
          kind, reason ->
            Logger.error(["get_history failed: ", Fault.describe(kind, reason, __STACKTRACE__)])
            detail = "the server failed to answer; its log says why"
            {:error, %Error{code: :internal_error, detail: detail}}
        end

      exit({:shutdown, answer})
    end)
  end
end
