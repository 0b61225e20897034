defmodule FormdbHttpWeb.Live.Reader do
  @moduledoc false
  # Whoever has opened a socket or a stream: what they may read, and until when. A request is done
  # before that changes; what stays open looks again when the files of credentials have changed
  # (the message of FormdbHttpWeb.Live.Open).

  alias FormdbHttp.Error
  alias FormdbHttpWeb.{Audit, Auth, Authorization, Request}

  @enforce_keys [:asker, :expires_at, :may_read, :refused, :again]
  defstruct @enforce_keys

  @typedoc """
    * `asker` - whose turn it is when places for heavy questions are given out
    * `expires_at` - until when the credential is good, in seconds since the epoch; `nil`: for good
    * `may_read` - whether a database may be read
    * `refused` - tells of a database that was asked for and may not be
    * `again` - who it is by the credentials of today; `:gone` where the credential is none any more
  """
  @type t :: %__MODULE__{
          asker: term(),
          expires_at: integer() | nil,
          may_read: (String.t() -> :ok | {:error, Error.t()}),
          refused: (String.t() -> :ok),
          again: (... -> {:ok, t()} | :gone)
        }

  @doc "Whoever sends a request."
  @spec new(Request.t()) :: t()
  def new(%{settings: %{auth: nil}, asker: asker}), do: anybody(asker)

  def new(%{settings: %{auth: auth}, principal: principal, asker: asker} = req),
    do: known(auth, principal, asker, Audit.client(req))

  defp anybody(asker) do
    %__MODULE__{
      asker: asker,
      expires_at: nil,
      may_read: fn _db -> :ok end,
      refused: fn _db -> :ok end,
      again: fn -> {:ok, anybody(asker)} end
    }
  end

  defp known(auth, principal, asker, client) do
    %__MODULE__{
      asker: asker,
      expires_at: good_until(auth, principal),
      may_read: fn db ->
        if Authorization.may_read?(principal, db),
          do: :ok,
          else: {:error, Authorization.no_database(db)}
      end,
      refused: &Audit.join_refused(client, principal, &1),
      again: fn ->
        with {:ok, principal} <- current(auth, principal),
             do: {:ok, known(auth, principal, asker, client)}
      end
    }
  end

  # An application does not tell later what became of those it knows.
  defp good_until(:host, principal), do: principal.expires
  defp good_until(auth, principal), do: Auth.good_until(auth, principal)

  defp current(:host, principal), do: {:ok, principal}
  defp current(_auth, principal), do: Auth.current(principal)

  @doc "Who it is by the credentials of today, if the database may still be read."
  @spec renewed(t(), String.t()) :: {:ok, t()} | :gone
  def renewed(reader, db) do
    with {:ok, reader} <- reader.again.(),
         :ok <- reader.may_read.(db),
         do: {:ok, reader},
         else: (_ended -> :gone)
  end

  @doc "Whether a database that is asked for may be read. Where it may not, that is told of."
  @spec admit(t(), String.t()) :: :ok | {:error, Error.t()}
  def admit(reader, db) do
    with {:error, error} <- reader.may_read.(db) do
      reader.refused.(db)
      {:error, error}
    end
  end

  @doc "Whether the credential has ended by now."
  @spec expired?(t()) :: boolean()
  def expired?(%{expires_at: nil}), do: false
  def expired?(%{expires_at: at}), do: System.os_time(:second) >= at

  @doc "For how many milliseconds it is good, at most `most`."
  @spec left_ms(t(), non_neg_integer()) :: non_neg_integer()
  def left_ms(%{expires_at: nil}, most), do: most

  def left_ms(%{expires_at: at}, most),
    do: min(most, max(at * 1_000 - System.os_time(:millisecond), 0))
end
