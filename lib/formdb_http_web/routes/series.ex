defmodule FormdbHttpWeb.Routes.Series do
  @moduledoc false
  # Series of points.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.{AggregateController, AttributesController, TimeseriesController}
  alias FormdbHttpWeb.Routes.Databases

  @timeseries Databases.path() <> "/timeseries"
  @series @timeseries <> "/{series}"
  # A star at the end of an id is written %2A, so this one is told apart.
  @many @timeseries <> "/{prefix}*"

  @read [413, 504]
  @write [504]
  @duplicate [409, 504]

  def resources do
    [
      new(:timeseries, @timeseries, [
        call("GET", {TimeseriesController, :index}, :read, "All series.",
          query:
            [prefix() | chosen()] ++ [include_attributes(), limit(), cursor(), tz(), as_of()],
          answers: [
            ok(json(:series_page) ++ lines(:series_entry) ++ csv(:series_table), link: false)
          ],
          errors: @read
        ),
        call("POST", {TimeseriesController, :create}, :write, "Writes points.",
          brief: true,
          more:
            "A point, a list of them or columns are written as a whole, or not at all. Lines and tables are " <>
              "written as they come, in batches of 5,000 records or 4 MiB; the answer is lines of progress. What " <>
              "becomes of points whose timestamps their series has, on_duplicate says.",
          query: [
            series_id(),
            table_shape(),
            unit(),
            tz(),
            on_duplicate(),
            on_error(),
            missing(),
            durability(),
            provenance_of_all()
          ],
          headers: [idempotency_key()],
          body: required(json(:points_input) ++ lines(:point_lines) ++ csv(:point_table)),
          answers: [
            created(json(:points_written), []),
            ok(json(:points_ignored) ++ lines(:uploaded))
          ],
          errors: @duplicate
        )
      ]),
      new(:series, @series, [
        call("GET", {TimeseriesController, :show}, :read, "The points of a series.",
          brief: true,
          query: range() ++ [transaction()],
          answers: [ok(json(:range) ++ lines(:series_point) ++ csv(:table), link: false)],
          errors: @read
        ),
        call("PUT", {TimeseriesController, :replace}, :write, "Replaces the points of a range.",
          more:
            "All points from start on and before end go, and those of the body come, as one transaction. Both " <>
              "ends are required, or all=true. The points of the body lie in the range; there may be none.",
          query: [start(), stop(), all(), unit(), tz(), on_duplicate(), durability()],
          headers: [idempotency_key()],
          body: required(json(:replacement_input)),
          answers: [ok(json(:points_replaced))],
          errors: @duplicate
        ),
        call("DELETE", {TimeseriesController, :delete}, :write, "Deletes points of a series.",
          query: [start(), stop(), unit(), tz(), durability()],
          headers: [idempotency_key()],
          body: optional(json(:reason)),
          answers: [ok(json(:points_deleted))],
          errors: @write
        )
      ]),
      new(:point, @series <> "/points/{point_id}", [
        call("PUT", {TimeseriesController, :correct_point}, :write, "Corrects a point.",
          more: "The point is deleted and another put in its place, as one transaction.",
          query: [unit(), tz(), on_duplicate(), durability()],
          headers: [idempotency_key()],
          body: required(json(:correction_input)),
          answers: [ok(json(:point_corrected))],
          errors: @duplicate
        ),
        call("DELETE", {TimeseriesController, :delete_point}, :write, "Deletes a point.",
          query: [durability()],
          headers: [idempotency_key()],
          body: optional(json(:reason)),
          answers: [ok(json(:point_deleted))],
          errors: @write
        )
      ]),
      new(:attributes, @series <> "/attributes", [
        call("GET", {AttributesController, :show}, :read, "The attributes of a series.",
          brief: true,
          query: [as_of()],
          headers: [if_match(), if_none_match()],
          answers: [ok(json(:attributes), etag: false, formdb_seq: false), not_modified()],
          errors: [504]
        ),
        call("PUT", {AttributesController, :put}, :write, "Sets the attributes of a series.",
          query: [durability()],
          headers: [idempotency_key(), if_match(), if_none_match()],
          body: required(json(:attributes_input)),
          answers: [
            created(json(:attributes_written), location: true, etag: true),
            ok(json(:attributes_written), etag: true)
          ],
          errors: @write
        ),
        call("DELETE", {AttributesController, :delete}, :write, "Deletes them.",
          query: [durability()],
          headers: [idempotency_key(), if_match(), if_none_match()],
          body: optional(json(:reason)),
          answers: [ok(json(:attributes_written))],
          errors: @write
        )
      ]),
      new(:attributes_provenance, @series <> "/attributes/provenance", [
        call("GET", {AttributesController, :provenance}, :read, "The versions of attributes.",
          query: [since_version(), limit(), as_of()],
          answers: [ok(json(:attributes_chain))],
          errors: [504]
        )
      ]),
      new(:series_by_prefix, @many, [
        call("GET", {TimeseriesController, :show_many}, :read, "The points of several series.",
          query: range() ++ [shape()] ++ chosen(),
          answers: [ok(json(:ranges) ++ lines(:series_point) ++ csv(:table), link: false)],
          errors: @read
        )
      ]),
      new(:aggregate, @series <> "/aggregate", [
        call("GET", {AggregateController, :show}, :read, "What the points of a series come to.",
          brief: true,
          query: aggregate(),
          answers: [ok(json(:aggregate) ++ lines(:series_value) ++ csv(:table))],
          errors: @read
        )
      ]),
      new(:aggregate_by_prefix, @many <> "/aggregate", [
        call("GET", {AggregateController, :show_many}, :read, "The same of several series.",
          query: aggregate() ++ [shape()] ++ chosen(),
          answers: [ok(json(:aggregates) ++ lines(:series_value) ++ csv(:table))],
          errors: @read
        )
      ]),
      new(:summary, @series <> "/summary", [
        call("GET", {AggregateController, :summary}, :read, "A series in figures.",
          brief: true,
          query: figures(),
          answers: [ok(json(:summary))],
          errors: @read
        )
      ]),
      new(:series_provenance, @series <> "/provenance", [
        call(
          "GET",
          {TimeseriesController, :provenance},
          :read,
          "The blocks of a range of points.",
          query: [start(), stop(), unit(), tz(), since(), limit(), as_of()],
          answers: [ok(json(:series_provenance), link: false)],
          errors: [504]
        )
      ]),
      new(:series_diff, @series <> "/diff", [
        call("GET", {TimeseriesController, :diff}, :read, "What changed in a series.",
          query: [from(), to(), start(), stop(), unit(), tz(), limit(), cursor()],
          answers: [ok(json(:series_diff), link: false)],
          errors: [504]
        )
      ]),
      new(:summary_by_prefix, @many <> "/summary", [
        call("GET", {AggregateController, :summary_many}, :read, "Several series in figures.",
          query: figures() ++ [limit(), cursor()] ++ chosen(),
          answers: [
            ok(json(:summaries) ++ lines(:series_summary) ++ csv(:summary_table), link: false)
          ],
          errors: @read
        )
      ]),
      new(:latest, @series <> "/latest", [
        call("GET", {TimeseriesController, :latest}, :read, "The last point of a series.",
          brief: true,
          query: [tz(), as_of()],
          answers: [ok(json(:latest))],
          errors: @read
        )
      ]),
      new(:latest_by_prefix, @many <> "/latest", [
        call(
          "GET",
          {TimeseriesController, :latest_many},
          :read,
          "The last points of several series.",
          query: [limit(), cursor(), tz(), as_of()] ++ chosen(),
          answers: [
            ok(json(:latest_page) ++ lines(:latest_point) ++ csv(:latest_table), link: false)
          ],
          errors: @read
        )
      ])
    ]
  end

  defp figures, do: [start(), stop(), unit(), tz(), value(), as_of()]

  defp series_id do
    about = "The series of all points of a table with the columns timestamp and value."
    parameter("series_id", :text, about)
  end

  defp on_duplicate do
    about =
      "What becomes of a point for whose timestamp the series has points already, stored or earlier " <>
        "in the request; without it what the database says, at first keep. A body that is written as " <>
        "it comes does not take refuse."

    parameter("on_duplicate", {:enum, [:keep, :replace, :ignore, :refuse]}, about)
  end

  defp all do
    instead = "give start and end"
    parameter("all", {:only, true, instead}, "All points of the series, in place of a range.")
  end

  defp include_attributes do
    about = "What each series comes with besides its points."
    parameter("include", {:enum, [:attributes]}, about)
  end

  defp shape do
    about = "Of a table: a row for each point, or side by side, a column for each series."
    parameter("shape", {:enum, [:long, :wide]}, about)
  end

  defp table_shape do
    about =
      "Which header a table has: series_id,timestamp,value (long), timestamp and a column a series " <>
        "(wide), or timestamp,value with series_id (single). Without it the names of its columns tell."

    parameter("shape", {:enum, [:long, :wide, :single]}, about)
  end

  defp missing do
    about =
      "Of a table: what stands for no value besides an empty cell, with commas between. Numbers among " <>
        "them are compared as numbers."

    parameter("missing", :text, about)
  end

  defp on_error do
    about = "Whether faulty lines are left out, which is the default, or stop it."
    parameter("on_error", {:enum, [:skip, :stop]}, about)
  end

  defp range,
    do: [start(), stop(), unit(), tz(), value(), limit(), order(), cursor(), as_of(), include()]

  defp include do
    form = "seq, hash, time, actor, point_id, metadata and provenance, with commas between them"
    about = "What is told of each point besides: of its block, its id and its metadata."
    parameter("include", {:engine, form}, about)
  end

  defp since, do: parameter("since", :count, "Only blocks after this sequence.")

  defp aggregate do
    [
      start(),
      stop(),
      unit(),
      value(),
      aggregation(),
      interval(),
      window(),
      group_by(),
      expected(),
      origin(),
      tz(),
      fill(),
      order(),
      as_of()
    ]
  end

  # Which of several series are meant.
  defp chosen do
    about = "Only series that belong to this feature: whose attribute `feature` it is."
    [pattern(), feature(about), attribute()]
  end

  defp pattern do
    about = "Only series whose ids are so; a star stands for any characters, or for none."
    parameter("pattern", {:engine, "an id with stars in it, such as */temp"}, about)
  end

  defp prefix,
    do: parameter("prefix", :text, "Only series whose ids begin with this.", default: "")

  defp aggregation do
    form =
      "avg, sum, count, min, max, first, last, stddev, median, p0 to p100, rate, delta or coverage"

    about = "What is worked out; up to 16 with commas between them."
    parameter("aggregation", {:engine, form}, about, required: "avg")
  end

  defp interval do
    about = "The length of a bucket; without it all points are one."
    parameter("interval", {:engine, "a number and a unit, such as 5m"}, about)
  end

  defp window do
    about =
      "The length of the window that ends where a bucket does, and that it is worked out of."

    parameter("window", {:engine, "a number and a unit, such as 8h"}, about)
  end

  defp group_by do
    about = "What points are put together by, instead of buckets, as their zone's clock shows it."
    parameter("group_by", {:enum, [:hour_of_day, :day_of_week, :month]}, about)
  end

  defp expected do
    about = "For coverage: the time from one expected value to the next."
    parameter("expected", {:engine, "a number and a unit, such as 1h"}, about)
  end

  defp origin, do: parameter("origin", :time, "Where a bucket begins.")

  defp fill do
    about = "What stands in buckets without points."
    parameter("fill", {:engine, "none, null, previous or linear"}, about, default: "none")
  end
end
