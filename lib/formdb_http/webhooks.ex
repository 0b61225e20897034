defmodule FormdbHttp.Webhooks do
  @moduledoc false
  # Webhooks. FormdbHttp documents the functions.

  alias FormdbHttp.{Actor, Catalog, Error, Input, JSON, Live, Native, Types, Writing}
  alias FormdbHttp.Webhooks.{Address, Delivery, Keeper, Letters, Progress, Registration}

  @asked [:address, :filter, :since, :active]

  def webhooks(name, opts) do
    opts = Input.options!(opts, [:as_of])

    case opts[:as_of] do
      nil ->
        with {:ok, all} <- Keeper.call(name, :list),
             do: {:ok, Enum.map(all, fn {webhook, text} -> describe(name, webhook, text) end)}

      _past ->
        with {:ok, as_of} <- Input.as_of(name, opts),
             {:ok, all} <- Keeper.read(name, as_of),
             do: {:ok, Enum.map(all, &registered/1)}
    end
  end

  def webhook(name, id) do
    with {:ok, {webhook, text}} <- Keeper.call(name, {:get, id}),
         do: {:ok, describe(name, webhook, text)}
  end

  def create_webhook(name, asked, opts) do
    asked = asked |> asked!([:id]) |> Map.put_new(:address, nil) |> Map.put_new(:filter, %{})

    with {:ok, asked} <- checked(name, asked),
         {:ok, {webhook, text, secret}} <-
           Keeper.call(name, {:create, asked, write_options(opts)}),
         do: {:ok, name |> describe(webhook, text) |> Map.put(:secret, secret)}
  end

  def update_webhook(name, id, asked, opts) do
    with {:ok, asked} <- checked(name, asked!(asked, [:rotate_secret])),
         {:ok, {webhook, text, secret}} <-
           Keeper.call(name, {:update, id, asked, write_options(opts)}) do
      described = describe(name, webhook, text)
      {:ok, if(asked[:rotate_secret], do: Map.put(described, :secret, secret), else: described)}
    end
  end

  # In the process that asks: what cannot be read is nobody else's trouble.
  defp checked(name, asked) do
    with {:ok, asked} <- address(asked), do: followed(name, asked)
  end

  # As a function: whatever becomes of the process that gets it, the log has no secret then.
  defp address(%{address: text} = asked) do
    with {:ok, address} <- Address.parse(text, Catalog.config().webhook_private),
         do: {:ok, %{asked | address: fn -> address end}}
  end

  defp address(asked), do: {:ok, asked}

  # That a filter can be followed, and from where, is seen by doing so.
  defp followed(name, asked) when is_map_key(asked, :filter) or is_map_key(asked, :since) do
    filter = asked[:filter] || %{}

    with {:ok, sub} <- Live.subscribe(name, filter: filter, since: asked[:since], demand: 0) do
      Live.unsubscribe(sub)
      asked = if asked[:filter], do: %{asked | filter: plain(filter)}, else: asked
      begins = if asked[:since] == nil, do: :now, else: :there
      {:ok, Map.put(asked, :since, {begins, sub.since})}
    end
  end

  defp followed(_name, asked), do: {:ok, asked}

  # As JSON has it.
  defp plain(filter), do: filter |> Map.new() |> JSON.text() |> JSON.decode!()

  def delete_webhook(name, id, opts), do: Keeper.call(name, {:delete, id, write_options(opts)})

  # The keeper writes, in the name of whoever asked.
  defp write_options(opts) do
    opts = Writing.options!(opts)
    Keyword.put(opts, :actor, Actor.of(opts))
  end

  defp asked!(asked, more) do
    asked = Map.new(asked)

    with [key | _] <- Map.keys(asked) -- (@asked ++ more),
         do: raise(ArgumentError, "a webhook has no #{inspect(key)}")

    for key <- [:active, :rotate_secret], value = asked[key], value != true do
      raise ArgumentError, "#{key} is #{inspect(value)}; expected true or false"
    end

    asked
  end

  def dead_letters(name, id) do
    with {:ok, pid} <- Keeper.call(name, {:delivery, id}),
         do: {:ok, Enum.map(asking(fn -> Delivery.letters(pid) end), &letter/1)}
  end

  def settle_dead_letters(name, id, how, which) when how in [:resend, :forget] do
    with {:ok, pid} <- Keeper.call(name, {:delivery, id}) do
      case asking(fn -> Delivery.settle(pid, how, which) end) do
        {:ok, count} ->
          {:ok, count}

        {:error, {:unknown, letter}} ->
          detail =
            "there is no dead letter #{inspect(letter)}; it may have been delivered meanwhile"

          {:error, %Error{code: :dead_letter_not_found, detail: detail, pointer: "/ids"}}

        {:error, _why} ->
          {:error, %Error{code: :io_error, detail: "the dead letters cannot be written"}}
      end
    end
  end

  # It may be started anew just now.
  defp asking(call) do
    call.()
  catch
    :exit, _reason ->
      raise %Error{code: :busy, detail: "the webhook is being changed; try again"}
  end

  @spec letter(Letters.letter()) :: Types.Webhook.dead_letter()
  defp letter(letter) do
    letter
    |> Map.take([:id, :count, :attempts, :time, :status, :error, :queued])
    |> Map.merge(%{first_seq: letter.first, last_seq: letter.last})
  end

  ## What there is to see

  defp describe(name, %Registration{} = webhook, text) do
    progress = Progress.get(name, webhook.id)

    webhook
    |> registered()
    |> Map.put(:address, text)
    |> Map.merge(if(progress, do: progress(name, progress), else: %{}))
  end

  defp registered(webhook) do
    Map.take(webhook, [:id, :receiver, :filter, :since, :active, :seq, :hash, :time, :actor])
  end

  defp progress(name, row) do
    row
    |> Map.take([
      :state,
      :reason,
      :cursor,
      :last,
      :next,
      :dead_letters,
      :deliveries,
      :events,
      :failures
    ])
    |> Map.put(:lag, lag(name, row))
  end

  @doc "Blocks that a webhook has still to be told of, or to look at; `nil` where the database is closed."
  @spec lag(String.t(), Progress.row()) :: non_neg_integer() | nil
  def lag(name, row) do
    with {:ok, %{durable_seq: last}} <- Native.database_info(Catalog.handle(), name) do
      max(last - seen(row), 0)
    else
      {:error, _closed} -> nil
    end
  end

  defp seen(%{idle: nil, cursor: cursor}), do: cursor

  # What was sent and is not received yet is still to be delivered.
  defp seen(%{idle: {sub, received}, cursor: cursor}) do
    case Live.info(sub) do
      %{delivered: ^received, seq: seq} -> max(seq, cursor)
      _more -> cursor
    end
  end
end
