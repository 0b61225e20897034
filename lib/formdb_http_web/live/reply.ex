defmodule FormdbHttpWeb.Live.Reply do
  @moduledoc false
  # Payloads of messages and the answers to them, in the form in which the message came: text is
  # JSON, bytes are CBOR.

  alias FormdbHttp.{Error, JSON, Serving}
  alias FormdbHttpWeb.Live.Serializer
  alias FormdbHttpWeb.Places

  @doc "The payload as a term. Its bytes may come to `most` bytes of JSON."
  @spec payload(Serializer.message(), pos_integer()) ::
          {:ok, JSON.value()} | {:error, Error.t()}
  def payload(%{payload: {:binary, ""}}, _most), do: {:ok, %{}}

  def payload(%{payload: {:binary, data}}, most) do
    with {:ok, text} <- Serving.cbor_to_json(data, most),
         {:ok, term} <- JSON.decode(text),
         :ok <- JSON.check_numbers(text),
         do: {:ok, term}
  end

  def payload(%{payload: {:refused, error}}, _most), do: {:error, error}

  def payload(%{payload: payload}, _most), do: {:ok, payload}

  @doc "The answer with this value, which is an object."
  @spec ok(Serializer.version(), Serializer.message(), JSON.value()) :: Serializer.frame()
  def ok(version, message, value), do: give(version, message, :ok, value)

  @doc "The answer that an error is told by."
  @spec error(Serializer.version(), Serializer.message(), Error.t() | String.t()) ::
          Serializer.frame()
  def error(version, message, %Error{} = error),
    do: give(version, message, :error, reason(error))

  def error(version, message, reason), do: give(version, message, :error, reason: reason)

  @doc "An error as the payload of a message."
  @spec reason(Error.t()) :: keyword()
  def reason(%Error{code: code, detail: detail, pointer: pointer}) do
    pointer = if pointer in [nil, ""], do: [], else: [pointer: pointer]
    [reason: code, detail: Places.hide(detail)] ++ pointer
  end

  defp give(version, %{payload: {:binary, _data}} = message, status, value) do
    case value |> JSON.text() |> Serving.json_to_cbor() do
      {:ok, data} -> Serializer.reply(version, message, status, {:binary, data})
      {:error, error} -> Serializer.reply(version, message, :error, JSON.encode(reason(error)))
    end
  end

  defp give(version, message, status, value),
    do: Serializer.reply(version, message, status, JSON.encode(value))
end
