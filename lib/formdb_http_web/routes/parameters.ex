defmodule FormdbHttpWeb.Routes.Parameters do
  @moduledoc false
  # The parameters that calls have: each is written once, whichever calls take it.

  alias FormdbHttpWeb.Routes.Parameter
  alias FormdbHttpWeb.Types

  @doc "A parameter of that name. Options: `:key`, `:required` and `:default`."
  @spec parameter(String.t(), Types.t(), String.t(), keyword()) :: Parameter.t()
  def parameter(name, type, about, opts \\ []) do
    own = [name: name, type: type, about: about]
    struct!(Parameter, Keyword.merge([key: String.to_atom(name)], own ++ opts))
  end

  ## Parts of the path

  @spec part(atom()) :: Parameter.t()
  def part(:db), do: parameter("db", :text, "The name of a database.")
  def part(:id), do: parameter("id", :text, "The id of a feature; `/` within it is `%2F`.")
  def part(:series), do: parameter("series", :text, "The id of a series; `/` within it is `%2F`.")

  def part(:prefix) do
    parameter("prefix", :text, "What the ids of the series begin with; `/` within it is `%2F`.")
  end

  def part(:point_id), do: parameter("point_id", :text, "The id of a point, such as pt_17_0.")
  def part(:block), do: parameter("block", :block, "The sequence of a block, or its hash.")
  def part(:webhook), do: parameter("webhook", :text, "The id of a webhook.")
  def part(:txn), do: parameter("txn", :text, "The id of a transaction.")

  ## When

  def as_of,
    do: parameter("as_of", :as_of, "The state at a sequence, or at a time such as 2026-01-31.")

  def from do
    about = "The sequence or time that is compared."
    parameter("from", :as_of, about, required: "1")
  end

  def to, do: parameter("to", :as_of, "What it is compared with; without it all there is.")

  def transaction,
    do: parameter("transaction", :transaction, "What this open transaction sees is read.")

  def start, do: parameter("start", :time, "From this time on.")
  def stop, do: parameter("end", :time, "Before this time.")

  def unit do
    about = "What integers count that stand for times; without it microseconds."
    parameter("unit", {:enum, Types.units()}, about)
  end

  def tz do
    about =
      "The time zone of times without an offset, of those in the answer, and of buckets of " <>
        "days and more; without it UTC, and times need an offset."

    parameter("tz", :tz, about)
  end

  ## Pages

  def limit do
    about =
      "At most so many on a page; without it FORMDB_DEFAULT_PAGE_ITEMS (1000), and never more than " <>
        "FORMDB_PAGE_ITEMS (100000). Of lines, sequences and tables, which have no pages: in all, " <>
        "without it all there are."

    parameter("limit", :count, about)
  end

  def cursor do
    about = "Goes on after a page: that of the page's link `next`."
    parameter("cursor", {:engine, "the cursor of a link"}, about)
  end

  def order,
    do: parameter("order", {:enum, [:asc, :desc]}, "Oldest or newest first.", default: :asc)

  ## Writes

  def durability do
    about = "What the answer promises; without it the setting FORMDB_DURABILITY."
    parameter("durability", {:enum, [:sync, :interval, :none]}, about)
  end

  @doc "Members of a provenance, for all that is written without one of its own."
  def provenance_of_all do
    about =
      "A member of the provenance of all features and points that have none of their own. The value is " <>
        "text; of derived_from, sequences and hashes with commas between them."

    parameter("provenance.NAME", {:filter, "TEXT"}, about, key: :filters, default: [])
  end

  def antimeridian do
    about = "What becomes of edges wider than 180 degrees; without it they are refused."
    parameter("antimeridian", {:enum, [:refuse, :cut, :as_is]}, about)
  end

  def idempotency_key do
    about = "A second write with the same key and content is answered as the first."
    parameter("idempotency-key", :idempotency_key, about, key: :idempotency_key)
  end

  ## Conditions

  def if_match,
    do: parameter("if-match", :condition, "Only if the current version has one of these tags.")

  def if_none_match,
    do: parameter("if-none-match", :condition, "Only if the current version has none of these.")

  ## Searches

  @filter "VALUE, OP:VALUE, exists, since:TIME or until:TIME"

  @doc "The token, for those who cannot set header fields."
  def token do
    parameter("token", :text, "The access token, in the place of the field Authorization.")
  end

  @doc "Filters on properties alone."
  def properties, do: Enum.filter(filters(), &(&1.name == "prop.NAME"))

  @doc "Filters: they may be given several times, and all must hold."
  def filters do
    for {name, about} <- [
          {"time", "When the version was committed."},
          {"seq", "The sequence of the version."},
          {"prop.NAME", "A property of the feature."}
        ],
        do: parameter(name, {:filter, @filter}, about, key: :filters, default: [])
  end

  @condition "NUMBER, ne:NUMBER, gt:, gte:, lt:, lte: or in:NUMBER,NUMBER"

  @doc "Conditions on values: they may be given several times, and all must hold."
  def value do
    about = "Only points with such a value. Given several times, all must hold."
    parameter("value", {:filter, @condition}, about, key: :filters, default: [])
  end

  @doc "Conditions on the attributes of series: they may be given several times, and all must hold."
  def attribute do
    about = "Only series with such an attribute, in the words of filters on properties."
    parameter("attr.NAME", {:filter, @filter}, about, key: :filters, default: [])
  end

  def since_version, do: parameter("since", :count, "Only versions after this sequence.")

  @order "west,south,east,north"
  @box @order <> " in degrees"

  def bbox(about, opts \\ []),
    do: parameter("bbox", {:engine, @box}, about <> " In degrees: #{@order}.", opts)

  def box_form, do: @box

  def geometry,
    do: parameter("geometry", {:engine, "a GeoJSON geometry"}, "Where to look, of any type.")

  def feature(about), do: parameter("feature", :text, about)

  def predicate do
    about = "How a feature lies to where one looks; without it intersects."
    parameter("predicate", {:enum, [:intersects, :within, :contains]}, about)
  end

  def count do
    about = "Only the number of those that are found."
    parameter("count", {:enum, [true, false]}, about, default: false)
  end

  @doc "What all searches take that are answered in pages, filters last."
  def search, do: [limit(), cursor(), as_of(), transaction(), count() | filters()]
end
