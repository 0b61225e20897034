defmodule FormdbHttpCli.Version do
  @moduledoc false

  @behaviour FormdbHttpCli.Command

  alias FormdbHttp.Serving
  alias FormdbHttpCli.Command

  @impl true
  def summary, do: "Prints the version"

  @impl true
  def help do
    """
    Prints the version, and what it is built on.

        formdb-server version
    """
  end

  @impl true
  def run([]) do
    Command.say(
      "formdb-server #{FormdbHttp.version()} (Elixir #{System.version()}, Erlang/OTP #{System.otp_release()}, " <>
        "time zones #{Serving.time_zone_data()})"
    )
  end

  def run(arguments),
    do: Command.refuse("version takes no arguments, got: #{Enum.join(arguments, " ")}")
end
