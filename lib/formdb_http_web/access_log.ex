defmodule FormdbHttpWeb.AccessLog do
  @moduledoc false
  # A line of the log for each request (FORMDB_ACCESS_LOG): a handler of the event that tells
  # of them. Of what a request holds it has the path alone: neither query string nor header
  # fields nor bodies, in which secrets and documents stand.

  alias FormdbHttp.{Config, Telemetry}

  @id "formdb-access-log"
  @event [:formdb, :request, :stop]
  # Of a longer path the beginning is shown.
  @longest 1_024

  @doc "Writes it from now on, or no longer, as the configuration says."
  @spec attach(Config.t()) :: :ok
  def attach(%{access_log: true}), do: Telemetry.attach(@id, @event, &__MODULE__.handle/4, nil)
  def attach(_config), do: Telemetry.detach(@id)

  @doc false
  def handle(@event, measurements, metadata, nil) do
    micros = System.convert_time_unit(measurements.duration, :native, :microsecond)

    # The id of the request and its trace are in the metadata of this process.
    report = %{
      event: "request",
      actor: metadata.actor,
      method: metadata.method,
      route: metadata.route,
      path: shown(metadata.path),
      status: metadata.status,
      request_bytes: measurements.request_bytes,
      response_bytes: measurements.response_bytes,
      duration_ms: micros / 1_000,
      client: metadata.client
    }

    :logger.log(:info, report, %{report_cb: &__MODULE__.text/1, fields: report})
  end

  @doc false
  def text(report) do
    {~c"~ts ~ts ~b ~b bytes ~.3f ms ~ts ~ts",
     [
       report.method,
       report.path,
       report.status,
       report.response_bytes,
       report.duration_ms,
       report.client,
       actor(report.actor)
     ]}
  end

  # The sub of a token may have spaces, and so look like more than it is.
  defp actor(nil), do: "-"
  defp actor(actor), do: if(printable?(actor), do: actor, else: inspect(actor))

  # As it was sent it may hold any byte but those that end a line.
  defp shown(path) do
    start = binary_part(path, 0, min(byte_size(path), @longest))
    start = if printable?(start), do: start, else: inspect(start, binaries: :as_strings)
    if byte_size(path) > @longest, do: start <> "...", else: start
  end

  defp printable?(<<char, rest::binary>>) when char in 0x21..0x7E, do: printable?(rest)
  defp printable?(rest), do: rest == ""
end
