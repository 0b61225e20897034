defmodule FormdbHttp.Webhooks.Attempt do
  @moduledoc false
  # One attempt to deliver, in a process of its own, which ends with whoever started it. The name
  # is resolved once, each of its addresses is checked, and the connection is made to one of
  # those: what the name means a moment later does not matter.

  require Logger

  alias FormdbHttp.Webhooks.{Address, Exchange, Signature}

  @enforce_keys [:address, :id, :body, :secrets, :limits]
  defstruct @enforce_keys ++ [resolve: &Address.resolve/1]

  @typedoc """
    * `id` - of the message, the same whenever it is sent
    * `secrets` - by which it is signed, the present one first
    * `limits` - of the configuration
  """
  @type t :: %__MODULE__{
          address: Address.t(),
          id: String.t(),
          body: iodata(),
          secrets: [binary(), ...],
          limits: limits(),
          resolve: (String.t() -> [:inet.ip_address()])
        }
  @type limits :: %{
          connect_ms: pos_integer(),
          attempt_ms: pos_integer(),
          private: boolean(),
          ca_file: Path.t() | nil
        }

  @typedoc """
  What came of it: the status of the answer, `nil` without one, and where it counts as a failure
  a sentence. `retry_after` is how many seconds the receiver wants to be left alone, and `gone`
  that it wants nothing any more.
  """
  @type outcome :: %{
          status: 200..599 | nil,
          error: String.t() | nil,
          retry_after: non_neg_integer() | nil,
          gone: boolean()
        }

  # Beyond the deadline of its own: names are looked up without one, and the rest of an answer is
  # read for a second.
  @slack_ms 1_500

  @doc "What the configuration allows."
  @spec limits(FormdbHttp.Config.t()) :: limits()
  def limits(config) do
    %{
      connect_ms: config.webhook_connect_ms,
      attempt_ms: config.webhook_attempt_ms,
      private: config.webhook_private,
      ca_file: config.webhook_ca_file
    }
  end

  @doc """
  Starts one. The caller is sent `{Attempt, pid, outcome}`, unless the process dies before; it
  lives a moment longer than that, and no longer than `milliseconds` in all.
  """
  @spec start_link(t()) :: {pid(), milliseconds :: pos_integer()}
  def start_link(%__MODULE__{limits: limits} = attempt) do
    to = self()
    pid = spawn_link(fn -> guarded(attempt, &send(to, {__MODULE__, self(), &1})) end)
    {pid, longest_ms(limits)}
  end

  # What the log says of a process that failed may have what it was called with.
  defp guarded(attempt, told) do
    run(attempt, told)
  rescue
    error ->
      Logger.error("an attempt to deliver a webhook failed: #{inspect(error.__struct__)}")
      told.(failed("the server failed to make the attempt"))
  end

  @doc "After how many milliseconds one has ended, or is to be ended."
  @spec longest_ms(limits()) :: pos_integer()
  def longest_ms(limits), do: limits.attempt_ms + @slack_ms

  @doc "Makes one in the calling process, and calls `told` as soon as its outcome is known."
  @spec run(t(), (outcome() -> term())) :: :ok
  def run(%__MODULE__{address: address, limits: limits} = attempt, told) do
    deadline = System.monotonic_time(:millisecond) + limits.attempt_ms

    with {:ok, ips} <- ips(address, attempt.resolve, limits.private),
         {:ok, status, fields, connection, rest} <-
           Exchange.post(address, ips, fields(attempt), attempt.body, %{
             connect_ms: limits.connect_ms,
             deadline: deadline,
             ca_file: limits.ca_file
           }) do
      told.(answered(status, fields))
      Exchange.finish(connection, fields, rest)
    else
      {:error, why} ->
        told.(failed(why))
        :ok
    end
  end

  @doc "The outcome of one that came to no answer."
  @spec failed(String.t()) :: outcome()
  def failed(why), do: %{status: nil, error: why, retry_after: nil, gone: false}

  defp ips(address, resolve, private?) do
    literal = Address.ip(address.host)
    all = if literal, do: [literal], else: resolve.(address.host)

    case Enum.filter(all, &Address.allowed?(&1, private?)) do
      [_ | _] = ips ->
        {:ok, ips}

      [] when all == [] ->
        {:error, "the name of the host has no address"}

      [] ->
        {:error,
         "the host has none but private addresses, to which webhooks do not go (FORMDB_WEBHOOK_PRIVATE)"}
    end
  end

  defp fields(attempt) do
    time = System.os_time(:second)

    [
      {"content-type", "application/json"},
      {"user-agent", "FormDB-HTTP/#{FormdbHttp.version()}"},
      {"webhook-id", attempt.id},
      {"webhook-timestamp", Integer.to_string(time)},
      {"webhook-signature", Signature.sign(attempt.secrets, attempt.id, time, attempt.body)}
    ]
  end

  defp answered(status, _fields) when status in 200..299,
    do: %{status: status, error: nil, retry_after: nil, gone: false}

  defp answered(status, fields) do
    error =
      case status do
        410 ->
          "the receiver answered 410: it is gone"

        status when status in 300..399 ->
          "the receiver answered #{status}; redirects are not followed"

        status ->
          "the receiver answered #{status}"
      end

    %{status: status, error: error, retry_after: retry_after(status, fields), gone: status == 410}
  end

  # A date in its place is as good as nothing: the pause grows by itself.
  defp retry_after(status, fields) when status in [429, 503] do
    case Integer.parse(fields["retry-after"] || "") do
      {seconds, ""} when seconds >= 0 -> seconds
      _other -> nil
    end
  end

  defp retry_after(_status, _fields), do: nil
end
