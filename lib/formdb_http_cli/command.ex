defmodule FormdbHttpCli.Command do
  @moduledoc false
  # What a command is, of a task of Mix and of a release's `bin/formdb-server`: both run the same
  # module. It prints its report on standard output, and refuses what it cannot do with a sentence.
  # Nothing here calls Mix, which a release has not.
  #
  # Texts name the tasks of Mix, and are put into the words of a release there (`FormdbHttp.CommandNames`).

  alias FormdbHttp.{CommandNames, Config, Engine, Native}

  @doc "What it does, in a line."
  @callback summary() :: String.t()

  @doc "What `--help` prints."
  @callback help() :: String.t()

  @doc "Does it. `:failed` when the report on standard output says what is wrong."
  @callback run([String.t()]) :: :ok | :failed

  defmodule Refusal do
    @moduledoc false
    defexception [:message]
  end

  @doc "Runs a command, or prints its help."
  @spec perform(module(), [String.t()]) :: :ok | :failed | {:refused, String.t()}
  def perform(command, arguments) when arguments in [["--help"], ["-h"]],
    do: say(String.trim_trailing(command.help()))

  def perform(command, arguments) do
    command.run(arguments)
  rescue
    refusal in Refusal -> {:refused, CommandNames.worded(refusal.message)}
  end

  @doc "Ends the command with a sentence for whoever called it."
  @spec refuse(String.t()) :: no_return()
  def refuse(sentence), do: raise(Refusal, message: sentence)

  @doc """
  Has `check` look at each of what was found in a folder, at the others too where one does not hold;
  refuses with the sentence `none` where nothing was found.
  """
  @spec check_all([Path.t()], String.t(), (Path.t() -> boolean())) :: :ok | :failed
  def check_all([], none, _check), do: refuse(none)

  def check_all(found, _none, check),
    do: if(Enum.all?(Enum.map(found, check)), do: :ok, else: :failed)

  @doc "The settings; a sentence for whoever called it where they are wrong."
  @spec config() :: Config.t()
  def config do
    case Config.from_application() do
      {:ok, config} -> config
      {:error, message} -> refuse("The configuration is wrong:\n" <> message)
    end
  end

  @doc """
  Refuses a folder of the data folder for a new database, where its name is none that a database may
  have: the server would pass it over. Elsewhere any name will do.
  """
  @spec check_new_database(Path.t()) :: :ok
  def check_new_database(dir) do
    dir = Path.expand(dir)

    with {:ok, %Config{data_dir: data_dir}} <- Config.from_application(),
         true <- Path.dirname(dir) == Path.expand(data_dir),
         {:error, error} <- Engine.native(Native.database_check_name(Path.basename(dir))) do
      refuse("#{dir} is in the data folder: #{error.detail}")
    else
      _any_name -> :ok
    end
  end

  @doc "Prints a line, or more."
  @spec say(IO.device(), iodata()) :: :ok
  def say(device \\ :stdio, text),
    do: IO.puts(device, text |> IO.iodata_to_binary() |> CommandNames.worded())
end
