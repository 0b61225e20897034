defmodule FormdbHttpCli do
  @moduledoc false
  # The commands of a release: what `bin/formdb-server` runs in the VM. It prints what a command has
  # to say, and ends the VM with the command's status.

  alias FormdbHttpCli.Command

  # In the order of the help.
  @commands [
    {"start", FormdbHttpCli.Start},
    {"stop", FormdbHttpCli.Stop},
    {"remote", FormdbHttpCli.Remote},
    {"health", FormdbHttpCli.Health},
    {"keys", FormdbHttpCli.Keys},
    {"users", FormdbHttpCli.Users},
    {"verify", FormdbHttpCli.Verify},
    {"doctor", FormdbHttpCli.Doctor},
    {"backup", FormdbHttpCli.Backup},
    {"verify-backup", FormdbHttpCli.VerifyBackup},
    {"restore", FormdbHttpCli.Restore},
    {"dump", FormdbHttpCli.Dump},
    {"load-dump", FormdbHttpCli.LoadDump},
    {"version", FormdbHttpCli.Version}
  ]

  @refused 1
  @unknown 2

  @doc "Runs the command of the VM's plain arguments, and ends the VM."
  @spec main() :: :ok
  def main do
    FormdbHttp.CommandNames.in_release()
    arguments = Enum.map(:init.get_plain_arguments(), &List.to_string/1)

    # The VM has started only once this returns.
    spawn(__MODULE__, :run_and_halt, [arguments])
    :ok
  end

  @doc false
  @spec run_and_halt([String.t()]) :: no_return()
  def run_and_halt(arguments), do: System.halt(guarded(arguments))

  # A fault of ours ends the VM, too, which would otherwise stay for ever.
  defp guarded(arguments) do
    for app <- [:elixir, :formdb_http], do: Application.load(app)
    {:ok, _} = Application.ensure_all_started(:elixir)
    run(arguments)
  catch
    kind, reason ->
      IO.puts(:stderr, ["formdb-server: ", Exception.format(kind, reason, __STACKTRACE__)])
      @refused
  end

  @doc "Runs a command; the exit status."
  @spec run([String.t()]) :: 0..2
  def run([]), do: print(help())
  def run([word]) when word in ["help", "--help", "-h"], do: print(help())
  def run(["help", command]), do: run([command, "--help"])
  def run(["--version"]), do: run(["version"])

  def run([name | arguments]) do
    case List.keyfind(@commands, name, 0) do
      {_name, command} -> status(Command.perform(command, arguments))
      nil -> complain("there is no command #{name}\n\n" <> help(), @unknown)
    end
  end

  defp status(:ok), do: 0
  defp status(:failed), do: @refused
  defp status({:refused, sentence}), do: complain(sentence, @refused)

  defp print(text) do
    IO.puts(text)
    0
  end

  defp complain(text, status) do
    IO.puts(:stderr, "formdb-server: " <> text)
    status
  end

  defp help do
    lines =
      for {name, command} <- @commands,
          do: ["  ", String.pad_trailing(name, 15), command.summary(), "\n"]

    """
    formdb-server COMMAND

    #{lines}
    `formdb-server help COMMAND` says more. Settings are environment variables FORMDB_...; the data is in
    FORMDB_DATA_DIR, by default /var/lib/formdb.\
    """
  end
end
