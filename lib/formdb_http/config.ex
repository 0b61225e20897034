defmodule FormdbHttp.Config do
  alias FormdbHttp.Config.{Conflicts, Reference, Settings, Value}

  @settings Settings.all()
  @reference Reference.table(@settings)
  @by_variable Map.new(@settings, &{Settings.variable(&1.field), &1})
  @by_field Map.new(@settings, &{&1.field, &1})
  # Read elsewhere: by commands and clients of ours in the same shell, and before there are settings.
  @others ~w(FORMDB_URL FORMDB_TOKEN FORMDB_CA_FILE FORMDB_DB FORMDB_CONFIG FORMDB_NATIVE_LIBRARY)
  @engine_fields for %{engine: true, field: field} <- @settings, do: field

  @moduledoc """
  The settings, as one validated struct.

  A server takes them from environment variables (`load/1`). An application that has the
  databases in its own supervision tree gives them as options (`new/1`), which are called as
  the variables without `FORMDB_` and in lower case: `data_dir:` is `FORMDB_DATA_DIR`. So
  does one that has them started with the application `:formdb_http`:

      config :formdb_http, config: [data_dir: "/var/lib/my_app/formdb"]

  What does not fit, or is not a setting, is refused with its name, its value and what was
  expected. Sizes are whole numbers of bytes, or text with one of the units `KiB`, `MiB` and
  `GiB`: `67108864` and `64MiB` are the same.

  #{@reference}
  """

  defstruct Enum.map(@settings, &{&1.field, &1.default})

  @type t :: %__MODULE__{unquote_splicing(for s <- @settings, do: {s.field, Value.typespec(s)})}

  @typedoc "Settings by their names, see `new/1`."
  @type options :: [{atom(), term()}] | %{optional(atom()) => term()}

  @doc """
  The settings as a Markdown table: variable, type, default, range, meaning.
  """
  @spec reference() :: String.t()
  def reference, do: @reference

  @doc """
  The configuration from options: keywords, or a map. A value is text, as for the
  environment variable, or the term that the struct has for it.

  The error has one line for each thing that is wrong, and every line begins with an option.

      iex> {:ok, config} = FormdbHttp.Config.new(data_dir: "/srv/formdb", page_bytes: "8MiB")
      iex> config.page_bytes
      8388608
      iex> FormdbHttp.Config.new(page_items: 0)
      {:error, ":page_items is 0; expected a whole number from 1 to 268435456. Change or unset it"}
  """
  @spec new(options()) :: {:ok, t()} | {:error, String.t()}
  def new(options) do
    if options?(options),
      do: build(options, @by_field, &inspect/1),
      else: raise(ArgumentError, no_options(options))
  end

  defp options?(given), do: is_map(given) or Keyword.keyword?(given)

  defp no_options(given),
    do: "found #{inspect(given)}; expected options such as [data_dir: path]"

  @doc """
  As `new/1`, but raises `ArgumentError` when something is wrong. A configuration is itself.
  """
  @spec new!(t() | options()) :: t()
  def new!(%__MODULE__{} = config), do: config
  def new!(options), do: options |> new() |> ok!()

  @doc """
  The configuration from a map of environment variables, by default those of this process.

  Names that do not begin with `FORMDB_` are ignored, and so are those that a command or a client of ours
  reads in the same shell: `FORMDB_URL`, `FORMDB_TOKEN`, `FORMDB_CA_FILE`, `FORMDB_DB`, `FORMDB_CONFIG`; and
  `FORMDB_NATIVE_LIBRARY`, which says where the Rust library is. The error has one line for each thing
  that is wrong, and every line begins with a variable's name.
  """
  @spec load(%{optional(String.t()) => String.t()}) :: {:ok, t()} | {:error, String.t()}
  def load(environment \\ System.get_env()) do
    environment
    |> Map.filter(fn {name, _text} -> Settings.variable?(name) and name not in @others end)
    |> build(@by_variable, & &1)
  end

  @doc """
  The configuration of a VM of our own: what the key `:config` of the application says, which
  is `:environment` (also when it is not set), options for `new/1`, or a map of variables for
  `load/1`.
  """
  @spec from_application() :: {:ok, t()} | {:error, String.t()}
  def from_application do
    case Application.get_env(:formdb_http, :config, :environment) do
      :environment ->
        load()

      given ->
        cond do
          variables?(given) -> load(given)
          options?(given) -> new(given)
          true -> {:error, no_options(given)}
        end
    end
  end

  defp variables?(given), do: is_map(given) and Enum.all?(Map.keys(given), &is_binary/1)

  @doc "As `from_application/0`, but raises `ArgumentError` when something is wrong."
  @spec load!() :: t()
  def load!, do: ok!(from_application())

  defp ok!({:ok, config}), do: config

  defp ok!({:error, message}),
    do: raise(ArgumentError, "the configuration is wrong:\n" <> message)

  @doc """
  The bounds that the engine enforces, by its own names for them.
  """
  @spec engine_limits(t()) :: %{atom() => non_neg_integer() | atom()}
  def engine_limits(%__MODULE__{} = config), do: Map.take(config, @engine_fields)

  # `by_name` has the settings by the names that are given, which `show` writes down.
  defp build(given, by_name, show) do
    results = for {name, value} <- Enum.sort(given), do: field(name, value, by_name, show)
    problems = for {:error, problem} <- results, do: problem
    config = struct!(__MODULE__, for({:ok, field} <- results, do: field))
    config = Map.update!(config, :data_dir, &Path.expand/1)
    config = Map.update!(config, :backup_dir, &(&1 && Path.expand(&1)))

    # The settings are compared with each other only once each is right in itself.
    case if(problems == [], do: conflicts(config, by_name, show), else: problems) do
      [] -> {:ok, config}
      problems -> {:error, Enum.join(problems, "\n")}
    end
  end

  defp conflicts(config, by_name, show) do
    names = Map.new(by_name, fn {name, %{field: field}} -> {field, show.(name)} end)
    Conflicts.find(config, &Map.fetch!(names, &1))
  end

  defp field(name, value, by_name, show) do
    case by_name do
      %{^name => setting} ->
        with {:ok, value} <- Value.cast(setting, value) do
          {:ok, {setting.field, value}}
        else
          :error ->
            {:error,
             "#{show.(name)} is #{inspect(value)}; expected #{Value.expectation(setting)}. " <>
               "Change or unset it"}
        end

      _unknown ->
        nearest = by_name |> Map.keys() |> Enum.map(show) |> Settings.nearest(show.(name))

        hint =
          if nearest,
            do: "the nearest one is #{nearest}. Rename or unset it",
            else: "docs/OPERATIONS.md lists all settings. Unset it"

        {:error, "#{show.(name)} is not a setting; #{hint}"}
    end
  end
end
