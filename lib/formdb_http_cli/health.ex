defmodule FormdbHttpCli.Health do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.{Httpc, OwnServer}
  alias FormdbHttpCli.Command

  @timeout_ms 5_000

  @impl true
  def summary, do: "Asks the running server whether it is well"

  @impl true
  def help do
    """
    Asks the server at FORMDB_HOST and FORMDB_PORT (or FORMDB_PROBE_HOST and FORMDB_PROBE_PORT, where those
    are set) whether every database takes reads and writes, and prints its answer.

        formdb-server health [--live]

    With --live it asks only whether the server answers: for those who would restart it. The exit status
    is 0 when all is well, else 1.
    """
  end

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [live: :boolean]) do
      {options, [], []} -> ask(if(options[:live], do: "live", else: "ready"))
      _other -> Command.refuse("usage: formdb-server health [--live]")
    end
  end

  defp ask(probe) do
    url = OwnServer.probe_url(Command.config())

    # The certificate is not looked at: nothing secret is sent, and a server that is to be left running answers
    # also where the file has another one meanwhile.
    options = [timeout: @timeout_ms, connect_timeout: @timeout_ms, ssl: OwnServer.unverified()]

    case Httpc.request(:get, "#{url}/health/#{probe}", [], nil, options) do
      {:ok, {200, body}} ->
        Command.say(body)

      {:ok, {_status, body}} ->
        Command.say(body)
        :failed

      {:error, reason} ->
        Command.refuse("no answer from #{url}: #{Httpc.worded(reason)}")
    end
  end
end
