defmodule FormdbHttp.Webhooks.Registration do
  @moduledoc false
  # A webhook as the journal has it, and what of a request makes it. Pure.

  alias FormdbHttp.Error

  @enforce_keys [:id, :seq, :hash, :time, :actor, :receiver, :filter, :since]
  defstruct @enforce_keys ++
              [active: true, numbers: %{address: 1, since: 1}, version: nil] ++
              [nonce: nil, secrets: [], rotated: 0]

  @typedoc """
    * `seq`, `hash`, `time`, `actor` - of the block that set it last
    * `receiver` - scheme and host of its address
    * `filter` - what it is told of, in the words of `FormdbHttp.subscribe/2`
    * `since` - the block after which it began
    * `numbers` - how often each of these was set: the first is 1
    * `version` - the block that set last what is delivered, filter or `since`
    * `nonce` - of its registration, which no other has, of whatever id
    * `secrets` - the nonces its secrets are derived with: the present one, and the one before it
    * `rotated` - when its secret was changed last, seconds since 1970; 0: never
  """
  @type t :: %__MODULE__{}

  @doc "An id that is free to choose: a name as databases have."
  @spec check_id(term()) :: :ok | {:error, Error.t()}
  def check_id(id) do
    if is_binary(id) and id =~ ~r/\A[a-z0-9][a-z0-9_-]{0,62}\z/ do
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

  @doc "What comes once: no registration and no secret has it again, whatever was restored."
  @spec generate_nonce() :: String.t()
  def generate_nonce, do: Base.encode32(:crypto.strong_rand_bytes(15), case: :lower)

  @doc "With another secret; the one before it is known still."
  @spec rotate(t(), integer()) :: t()
  def rotate(%__MODULE__{secrets: [present | _]} = webhook, now),
    do: %{webhook | secrets: [generate_nonce(), present], rotated: now}

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
          name <- [:address, :since],
          into: %{},
          do: {name, webhook["numbers"]["#{name}"]}
        ),
      version: webhook["version"] || entry["seq"],
      nonce: webhook["nonces"]["registration"],
      secrets: webhook["nonces"]["secrets"],
      rotated: webhook["rotated"]
    }
  end

  @doc "What stands in the journal of it. Its `version` is null where that is its own block."
  @spec document(t()) :: map()
  def document(%__MODULE__{} = webhook) do
    %{
      "receiver" => webhook.receiver,
      "filter" => webhook.filter,
      "since" => webhook.since,
      "active" => webhook.active,
      "numbers" => webhook.numbers,
      "version" => webhook.version,
      "nonces" => %{"registration" => webhook.nonce, "secrets" => webhook.secrets},
      "rotated" => webhook.rotated
    }
  end

  @doc "The nonces of the secrets by which a delivery is signed at a time, the present one first."
  @spec secrets(t(), integer(), non_neg_integer()) :: [String.t(), ...]
  def secrets(%__MODULE__{secrets: secrets, rotated: rotated}, now, seconds),
    do: if(now < rotated + seconds, do: secrets, else: Enum.take(secrets, 1))
end
