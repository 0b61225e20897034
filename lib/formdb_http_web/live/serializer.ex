defmodule FormdbHttpWeb.Live.Serializer do
  @moduledoc false
  # Messages of the Phoenix Channels protocol as frames of a WebSocket, and back. Pure.
  #
  #   V1  {"topic","event","payload","ref"}; text alone, and nothing that is sent has a join_ref
  #   V2  [join_ref, ref, topic, event, payload]; or binary: a kind, the lengths of the names (a
  #       byte each), the names, and the data
  #
  # A payload with a number that would not be kept as it is written is refused, as the bodies of
  # requests are: the message is there to be answered.
  #
  # What is sent stands in parts: names before, the payload as it is, so that the bytes of one
  # payload are shared by all that it is sent to.

  alias FormdbHttp.{Error, JSON}

  @push 0
  @reply 1

  @type version :: :v1 | :v2

  @typedoc "Names one message or one join. Clients make them up."
  @type ref :: String.t() | integer() | nil

  @type message :: %{
          join_ref: ref(),
          ref: ref(),
          topic: String.t(),
          event: String.t(),
          payload: JSON.value() | {:binary, binary()} | {:refused, Error.t()}
        }

  @typedoc "Opcode and payload of a frame."
  @type frame :: {:text | :binary, iodata()}

  @doc "The version that the parameter `vsn` names; without it the first one."
  @spec version(String.t() | nil) :: {:ok, version()} | :error
  def version(nil), do: {:ok, :v1}

  def version(text) do
    case Version.parse(text) do
      {:ok, %{major: 1, minor: 0, pre: []}} -> {:ok, :v1}
      {:ok, %{major: 2, minor: 0, pre: []}} -> {:ok, :v2}
      _other -> :error
    end
  end

  ## What comes

  @doc "The message in a frame."
  @spec decode(version(), :text | :binary, binary()) :: {:ok, message()} | :error
  def decode(:v1, :text, text) do
    with {:ok, %{"topic" => topic, "event" => event, "payload" => payload, "ref" => ref} = object,
          unkept} <- read(text),
         do: message(object["join_ref"], ref, topic, event, payload(payload, unkept, "/payload")),
         else: (_other -> :error)
  end

  def decode(:v2, :text, text) do
    with {:ok, [join_ref, ref, topic, event, payload | _more], unkept} <- read(text),
         do: message(join_ref, ref, topic, event, payload(payload, unkept, "/4")),
         else: (_other -> :error)
  end

  def decode(
        :v2,
        :binary,
        <<@push, join_ref_size, ref_size, topic_size, event_size,
          join_ref::binary-size(join_ref_size), ref::binary-size(ref_size),
          topic::binary-size(topic_size), event::binary-size(event_size), data::binary>>
      ) do
    if Enum.all?([join_ref, ref, topic, event], &String.valid?/1),
      do: message(null(join_ref), null(ref), topic, event, {:binary, data}),
      else: :error
  end

  def decode(_version, _opcode, _payload), do: :error

  # The official client writes null so, and others leave it out.
  defp null(ref) when ref in ["", "null"], do: nil
  defp null(ref), do: ref

  defp read(text),
    do: with({:ok, term} <- JSON.decode(text), do: {:ok, term, JSON.check_numbers(text)})

  defp payload(payload, :ok, _place), do: payload

  defp payload(_payload, {:error, error}, place),
    do: {:refused, %{error | pointer: String.replace_prefix(error.pointer, place, "")}}

  defguardp is_ref(ref) when is_binary(ref) or is_integer(ref) or ref == nil

  defp message(join_ref, ref, topic, event, payload)
       when is_ref(join_ref) and is_ref(ref) and is_binary(topic) and is_binary(event) do
    {:ok, %{join_ref: join_ref, ref: ref, topic: topic, event: event, payload: payload}}
  end

  defp message(_join_ref, _ref, _topic, _event, _payload), do: :error

  ## What is sent

  @doc """
  A message of the server's own. The payload is the text of an object; `join_ref` is that of
  the join, on a channel that was joined.
  """
  @spec push(version(), ref(), ref(), String.t(), String.t(), iodata()) :: frame()
  def push(version, join_ref, ref, topic, event, payload) do
    {before, behind} = around(version, join_ref, ref, topic, event)
    {:text, [before, payload, behind]}
  end

  @doc "What stands before the payload of such a message, and what behind it."
  @spec around(version(), ref(), ref(), String.t(), String.t()) :: {binary(), binary()}
  def around(:v1, _join_ref, ref, topic, event) do
    before = [~s({"topic":), JSON.encode(topic), ~s(,"event":), JSON.encode(event)]
    {text([before, ~s(,"payload":)]), text([~s(,"ref":), JSON.encode(ref), ?}])}
  end

  def around(:v2, join_ref, ref, topic, event) do
    names = for name <- [join_ref, ref, topic, event], do: [JSON.encode(name), ?,]
    {text([?[, names]), "]"}
  end

  defp text(parts), do: IO.iodata_to_binary(parts)

  @doc "The answer to a message. The response is the text of an object, or bytes."
  @spec reply(version(), message(), :ok | :error, iodata() | {:binary, binary()}) :: frame()
  def reply(:v2, message, status, {:binary, data}) do
    names = [message.join_ref || "", message.ref || "", message.topic, Atom.to_string(status)]
    {:binary, [@reply, Enum.map(names, &byte_size/1), names, data]}
  end

  def reply(version, message, status, response) do
    payload = [~s({"status":"), Atom.to_string(status), ~s(","response":), response, ?}]
    push(version, message.join_ref, message.ref, message.topic, "phx_reply", payload)
  end
end
