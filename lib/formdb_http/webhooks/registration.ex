defmodule FormdbHttp.Webhooks.Registration do
  @moduledoc false
  # A webhook as the journal has it, and what of a request makes it. Pure.

  alias FormdbHttp.Error

  @enforce_keys [:id, :seq, :hash, :time, :actor, :receiver, :filter, :since]
  defstruct @enforce_keys ++
              [active: true, numbers: %{address: 1, secret: 1, since: 1}, rotated: 0]

  @typedoc """
    * `seq`, `hash`, `time`, `actor` - of the block that set it last
    * `receiver` - scheme and host of its address
    * `filter` - what it is told of, in the words of `FormdbHttp.subscribe/2`
    * `since` - the block after which it began
    * `numbers` - how often each of these was set: the first is 1
    * `rotated` - when its secret was changed last, seconds since 1970; 0: never
  """
  @type t :: %__MODULE__{}

  @id ~r/\A[a-z0-9][a-z0-9_-]{0,62}\z/

  @doc "An id that is free to choose: a name as databases have."
  @spec check_id(term()) :: :ok | {:error, Error.t()}
  def check_id(id) do
    if is_binary(id) and id =~ @id do
      :ok
    else
      detail =
        "the id is not 1 to 63 of a-z, 0-9, _ and -, the first of them a letter or a digit; leave it out " <>
          "to be given one"

      {:error, %Error{code: :invalid_id, detail: detail, pointer: "/id"}}
    end
  end

  @spec generate_id() :: String.t()
  def generate_id, do: "wh_" <> Base.encode32(:crypto.strong_rand_bytes(10), case: :lower)

  @doc "From an entry of the journal, `set_webhook`."
  @spec from_entry(map()) :: t()
  def from_entry(%{"body" => %{"id" => id, "webhook" => webhook}} = entry) do
    %__MODULE__{
      id: id,
      seq: entry["seq"],
      hash: entry["hash"],
      time: entry["time"],
      actor: entry["actor"],
      receiver: webhook["receiver"],
      filter: webhook["filter"],
      since: webhook["since"],
      active: webhook["active"],
      numbers:
        for(
          name <- [:address, :secret, :since],
          into: %{},
          do: {name, webhook["numbers"]["#{name}"]}
        ),
      rotated: webhook["rotated"]
    }
  end

  @doc "What stands in the journal of it."
  @spec document(t()) :: map()
  def document(%__MODULE__{} = webhook) do
    %{
      "receiver" => webhook.receiver,
      "filter" => webhook.filter,
      "since" => webhook.since,
      "active" => webhook.active,
      "numbers" => webhook.numbers,
      "rotated" => webhook.rotated
    }
  end

  @doc "The numbers of the secrets by which a delivery is signed at a time, the present one first."
  @spec secrets(t(), integer(), non_neg_integer()) :: [pos_integer(), ...]
  def secrets(%__MODULE__{numbers: %{secret: number}, rotated: rotated}, now, seconds) do
    if number > 1 and now < rotated + seconds, do: [number, number - 1], else: [number]
  end
end
