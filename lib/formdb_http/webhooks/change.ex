defmodule FormdbHttp.Webhooks.Change do
  @moduledoc false
  # What becomes of webhooks by what is asked for: what the journal is to have of one, and what of
  # it is written beside that.

  alias FormdbHttp.{Error, Types}
  alias FormdbHttp.Webhooks.{Address, Known, Registration, SideFiles}

  @typedoc "What is known of them (`t:Known.where/0`), those there are, and how many there may be."
  @type having :: %{
          optional(atom()) => term(),
          webhooks: %{String.t() => Registration.t()},
          config: FormdbHttp.Config.t()
        }

  @typedoc "The address that is written, whether it begins anew, and whether it is to go on."
  @type new :: %{address: Address.t() | nil, begins: boolean(), resumed: boolean()}

  @doc "The webhook that is asked for, of which there is room."
  @spec make(having(), map()) :: Types.result(Registration.t())
  def make(having, asked) do
    id = asked[:id] || Registration.generate_id()

    with :ok <- Registration.check_id(id),
         :ok <- check_room(having) do
      %{address: address, filter: filter, since: {_begins, since}} = asked

      {:ok,
       %Registration{
         id: id,
         seq: nil,
         hash: nil,
         time: nil,
         actor: nil,
         receiver: Address.shown(address.()),
         filter: filter,
         since: since,
         active: Map.get(asked, :active, true),
         nonce: Registration.generate_nonce(),
         secrets: [Registration.generate_nonce()]
       }}
    end
  end

  defp check_room(%{webhooks: webhooks, config: %{webhooks_per_database: most}}) do
    if map_size(webhooks) < most do
      :ok
    else
      detail =
        "the database has #{map_size(webhooks)} webhooks, as many as FORMDB_WEBHOOKS_PER_DATABASE allows; " <>
          "delete one, or raise that"

      {:error, %Error{code: :too_large, detail: detail}}
    end
  end

  @doc """
  What a webhook is to be, and what of that stands beside the journal; `:unchanged` where nothing
  is asked for that is not so.
  """
  @spec of(having(), Registration.t(), map()) ::
          {:ok, Registration.t(), new()} | :unchanged | {:error, Error.t()}
  def of(having, webhook, asked) do
    with {:ok, changed, address} <- readdress(having, webhook, asked) do
      changed = changed |> refilter(asked) |> begin_again(asked) |> rotate(asked)
      changed = %{changed | active: Map.get(asked, :active, changed.active)}
      resumed? = asked[:active] == true
      new = %{address: address, begins: match?(%{since: {:there, _}}, asked), resumed: resumed?}

      if changed == webhook and not (resumed? and stopped?(having, webhook)),
        do: :unchanged,
        else: {:ok, changed, new}
    end
  end

  # The address is written anew where it is another one, or where it becomes that of this database.
  defp readdress(having, webhook, asked) do
    text = asked[:address] && asked.address.().text

    case {Known.address(having, webhook), asked} do
      {{:ok, %{text: ^text}}, _asked} ->
        {:ok, webhook, nil}

      {_known, %{address: address}} ->
        with :ok <- check_place(having, webhook, asked), do: moved(webhook, address.())

      {{:copy, address, _from}, %{active: true}} ->
        moved(webhook, address)

      _stays ->
        {:ok, webhook, nil}
    end
  end

  defp moved(webhook, address) do
    webhook = raise_number(webhook, :address)
    {:ok, %{webhook | receiver: Address.shown(address)}, address}
  end

  # A copy of a database does not know how far the webhooks of the other one got.
  defp check_place(_having, _webhook, %{since: {:there, _since}}), do: :ok

  defp check_place(having, webhook, _asked) do
    case {Known.place(having, webhook), Known.address(having, webhook)} do
      {{:unknown, _}, {:unknown, _}} ->
        detail =
          "it is not known here up to where this webhook was delivered; say from where it goes on"

        {:error, %Error{code: :missing_parameter, detail: detail, pointer: "/since"}}

      _known ->
        :ok
    end
  end

  # What is delivered is another thing then.
  defp refilter(%{filter: same} = webhook, %{filter: same}), do: webhook
  defp refilter(webhook, %{filter: filter}), do: %{webhook | filter: filter, version: nil}
  defp refilter(webhook, _asked), do: webhook

  defp begin_again(webhook, %{since: {:there, since}}),
    do: %{raise_number(webhook, :since) | since: since, version: nil}

  defp begin_again(webhook, _asked), do: webhook

  defp rotate(webhook, %{rotate_secret: true}),
    do: Registration.rotate(webhook, System.os_time(:second))

  defp rotate(webhook, _asked), do: webhook

  defp stopped?(having, webhook) do
    match?(
      {:ok, %{"stopped" => %{}}},
      SideFiles.read_json(having.folder, SideFiles.name(webhook, :state))
    )
  end

  defp raise_number(webhook, which), do: update_in(webhook.numbers[which], &(&1 + 1))
end
