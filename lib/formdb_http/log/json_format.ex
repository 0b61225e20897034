defmodule FormdbHttp.Log.JSONFormat do
  @moduledoc false
  # A formatter of :logger: an event as an object of JSON on a line of its own, with the
  # members `time`, `level` and `message`, those of the request that it is about, and those that
  # whoever logs has put under `fields` of the metadata.

  alias FormdbHttp.JSON

  # The same words as in text.
  @message [:msg]
  @request [:request_id, :trace_id, :span_id]

  @doc false
  def format(%{level: level, meta: meta} = event, config) do
    {message, fields} = content(event, config)

    members =
      [time: time(meta), level: level, message: message] ++
        for(key <- @request, value = meta[key], is_binary(value), do: {key, value}) ++
        fields

    [JSON.encode(members), ?\n]
  end

  @doc false
  def check_config(_config), do: :ok

  defp content(%{meta: %{fields: %{event: event} = fields}}, _config),
    do: {event, Enum.sort(fields)}

  defp content(event, config) do
    text = :logger_formatter.format(event, %{config | template: @message})
    {:unicode.characters_to_binary(text), []}
  end

  defp time(%{time: micros}),
    do: micros |> DateTime.from_unix!(:microsecond) |> DateTime.to_iso8601()
end
