defmodule FormdbHttp.Config.Settings do
  @moduledoc false
  # The one table of settings. The struct and its type, parsing and checking, the reference
  # in docs/OPERATIONS.md and the engine's limits all come from it.

  alias FormdbHttp.Config.{DatabaseSettings, HttpSettings, SecuritySettings, WebhookSettings}

  @prefix "FORMDB_"

  @typedoc """
  A setting: its key in `FormdbHttp.Config`, its type (`FormdbHttp.Config.Value` has what
  each takes), its default, what it means, and where they apply, the numbers that it may
  be, the values that there are, and that it is one of the engine's limits, which has the
  same name there.
  """
  @type row :: %{
          required(:field) => atom(),
          required(:type) => atom(),
          required(:default) => term(),
          required(:doc) => String.t(),
          optional(:range) => Range.t(),
          optional(:choices) => [atom()],
          optional(:engine) => true
        }

  @doc "The rows, in the order of the reference."
  @spec all() :: [row()]
  def all do
    HttpSettings.all() ++
      SecuritySettings.all() ++ DatabaseSettings.all() ++ WebhookSettings.all()
  end

  @doc "The environment variable of a setting."
  @spec variable(atom()) :: String.t()
  def variable(field), do: @prefix <> (field |> Atom.to_string() |> String.upcase())

  @doc "Whether an environment variable is meant for this program."
  @spec variable?(String.t()) :: boolean()
  def variable?(name), do: String.starts_with?(name, @prefix)

  # From here on one name is like another.
  @like 0.8

  @doc """
  Which of these names somebody probably meant who wrote `name`; `nil` when none is like it.
  What all names begin with says nothing.
  """
  @spec nearest([String.t()], String.t()) :: String.t() | nil
  def nearest(names, name) do
    likeness = &String.jaro_distance(bare(&1), bare(name))
    nearest = Enum.max_by(names, likeness)
    if likeness.(nearest) >= @like, do: nearest
  end

  defp bare(name), do: String.replace_prefix(name, @prefix, "")
end
