defmodule FormdbHttpWeb.OpenAPI.Schemas.Series do
  @moduledoc false
  # Points: what is sent, and what is read.

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.Schemas.{Features, Warnings}

  @value "A finite double. An integer that no double holds is refused."

  def schemas, do: written() ++ read()

  defp written do
    [
      points_input:
        any_of([ref(:point_input), ref(:points_list), ref(:points_columns)],
          description: "One point, a list of them, or columns of one series; all or nothing."
        ),
      point_input:
        closed(
          [series_id: ref(:series_id), timestamp: ref(:time), value: number(description: @value)],
          [metadata: ref(:json_object), provenance: ref(:provenance)],
          examples: [
            [series_id: "tokyo/temperature", timestamp: "2026-01-31T12:00:00+09:00", value: 4.5]
          ]
        ),
      points_list:
        closed([points: list(ref(:point_input))], [provenance: ref(:provenance)],
          description: "The provenance is that of every point without one of its own."
        ),
      points_columns:
        closed(
          [
            series_id: ref(:series_id),
            timestamps: list(ref(:time)),
            values: list(number(description: @value))
          ],
          [provenance: ref(:provenance)],
          description: "As many timestamps as values.",
          examples: [
            [
              series_id: "tokyo/temperature",
              timestamps: ["2026-01-31T05:00:00Z", "2026-01-31T06:00:00Z"],
              values: [5.6, 5.4]
            ]
          ]
        ),
      point_lines:
        text(
          description: "A point object a line, written as features in lines are.",
          examples: [
            ~s({"series_id":"tokyo/temperature","timestamp":"2026-01-31T12:00:00+09:00","value":4.5}\n)
          ]
        ),
      point_table:
        text(
          minLength: 1,
          examples: [
            "series_id,timestamp,value\ntokyo/temperature,2026-01-31T12:00:00+09:00,4.5\n"
          ],
          description:
            "CSV with a header: series_id, timestamp and value; or timestamp and a column a series; " <>
              "or timestamp and value, with the parameter series_id. An empty cell is a gap. Written as " <>
              "features in lines are."
        ),
      point_id:
        text(
          pattern: "^pt_[1-9][0-9]{0,17}_(0|[1-9][0-9]{0,8})$",
          description: "A point: the sequence of the block that wrote it, and its place there.",
          examples: ["pt_17_0"]
        ),
      point_written:
        object(
          [
            point_id: ref(:point_id),
            seq: ref(:block_seq),
            hash: ref(:hash),
            time: ref(:timestamp)
          ] ++ counts(),
          Warnings.members()
        ),
      several_written:
        object(
          counts() ++
            [first_seq: nullable(ref(:block_seq)), last_seq: nullable(ref(:block_seq))],
          Warnings.members(),
          description:
            "`replaced`: points that went for new ones. Where nothing was written both sequences are null.",
          examples: [[inserted: 2, replaced: 0, ignored: 0, first_seq: 5, last_seq: 6]]
        ),
      points_ignored:
        object(
          counts(),
          [first_seq: nullable(ref(:block_seq)), last_seq: nullable(ref(:block_seq))],
          description: "All points were ignored: nothing was written."
        ),
      replacement_input:
        any_of([ref(:replacement_list), ref(:replacement_columns)],
          description: "The points of the range from now on; there may be none."
        ),
      replacement_list:
        closed(
          [points: list(ref(:replacement_point))],
          provenance: ref(:provenance)
        ),
      replacement_point:
        closed(
          [timestamp: ref(:time), value: number(description: @value)],
          series_id: ref(:series_id),
          metadata: ref(:json_object),
          provenance: ref(:provenance)
        ),
      replacement_columns:
        closed(
          [timestamps: list(ref(:time)), values: list(number(description: @value))],
          [series_id: ref(:series_id), provenance: ref(:provenance)],
          examples: [
            [
              timestamps: ["2026-01-31T05:00:00Z"],
              values: [5.5],
              provenance: [agent: "Ana", note: "recalibrated"]
            ]
          ]
        ),
      points_replaced:
        object(
          [
            series_id: ref(:series_id),
            deleted: count(0, description: "Points that the range had."),
            inserted: count(),
            replaced:
              count(0, description: "Points of the body in whose place later ones of it came."),
            ignored: count(),
            first_seq: nullable(ref(:block_seq)),
            last_seq: nullable(ref(:block_seq)),
            hash: nullable(ref(:hash)),
            time: nullable(ref(:timestamp))
          ],
          Warnings.members()
        ),
      correction_input:
        closed(
          [value: number(description: @value)],
          [
            timestamp: ref(:time),
            metadata: ref(:json_object),
            provenance: ref(:provenance)
          ],
          description: "Without a timestamp it has that of the point in whose place it comes.",
          examples: [[value: 4.6, provenance: [agent: "Ana", note: "misread"]]]
        ),
      point_corrected:
        object(
          [series_id: ref(:series_id), point_id: nullable(ref(:point_id))] ++
            counts() ++
            [first_seq: ref(:block_seq), last_seq: ref(:block_seq)] ++
            [hash: ref(:hash), time: ref(:timestamp)],
          Warnings.members()
        ),
      point_deleted:
        object(
          series_id: ref(:series_id),
          point_id: ref(:point_id),
          deleted: count(),
          seq: ref(:block_seq),
          hash: ref(:hash),
          time: ref(:timestamp)
        ),
      points_written: any_of([ref(:point_written), ref(:several_written)]),
      points_deleted:
        object(
          [series_id: ref(:series_id), deleted: count()],
          [seq: ref(:block_seq), hash: ref(:hash), time: ref(:timestamp)],
          description:
            "Where there was nothing to delete nothing was written: then there is no block."
        )
    ]
  end

  defp counts, do: [inserted: count(), replaced: count(), ignored: count()]

  defp read do
    [
      series_entry:
        object(
          [
            series_id: ref(:series_id),
            points: count(),
            first: nullable(ref(:local_timestamp)),
            last: nullable(ref(:local_timestamp))
          ],
          [attributes: nullable(ref(:json_object), description: "With `include=attributes`.")],
          description: "A series with attributes may have no points: then both times are null."
        ),
      attributes_input:
        object(
          [],
          [feature: ref(:feature_id), provenance: nullable(ref(:provenance))],
          description:
            "Any members; `feature` is the id of the feature that the series belongs to. At most 64 KiB.",
          examples: [[unit: "Cel", description: "Air, 2 m above ground", feature: "stn-1"]]
        ),
      attributes:
        object([], [feature: ref(:id)],
          description: "As they were set; their provenance is that of their versions."
        ),
      attributes_written:
        object(
          series_id: ref(:series_id),
          seq: ref(:block_seq),
          hash: ref(:hash),
          time: ref(:timestamp)
        ),
      attributes_chain:
        object(
          series_id: ref(:series_id),
          provenance_chain: list(ref(:version_entry), description: "Oldest first."),
          next: Features.next()
        ),
      series_page:
        object(series: list(ref(:series_entry)), seq: ref(:seq), links: ref(:page_links)),
      series_table:
        text(
          description:
            "CSV with the header series_id,points,first,last. Lines end in a line feed."
        ),
      timed_value: object(timestamp: ref(:local_timestamp), value: number()),
      ranged_point: object([timestamp: ref(:local_timestamp), value: number()], origin()),
      series_point:
        object(
          [series_id: ref(:series_id), timestamp: ref(:local_timestamp), value: number()],
          origin(),
          description: "A point a line, as such lines are taken by POST; not with `include`."
        ),
      series_value:
        object(
          [series_id: ref(:series_id)],
          [
            timestamp: ref(:local_timestamp),
            group: ref(:group_number),
            value: nullable(number())
          ],
          additionalProperties: nullable(number()),
          description:
            "A bucket or a group a line, with its value, or with one for each aggregation by its name."
        ),
      table:
        text(
          description:
            "CSV with a header: of one series timestamp,value; of several series_id,timestamp,value; " <>
              "of points also the columns that `include` asks for; " <>
              "of groups group in place of timestamp; of several aggregations their names in place of value; " <>
              "or with shape=wide timestamp and a column a series. An empty cell is a gap. Lines end in a " <>
              "line feed."
        ),
      range:
        object(
          [series_id: ref(:series_id)] ++ span() ++ [data: list(ref(:ranged_point))] ++ page()
        ),
      ranges:
        object(
          [prefix: text()] ++
            span() ++
            [series: list(ref(:range_of_series))] ++
            page()
        ),
      range_of_series: object(series_id: ref(:series_id), data: list(ref(:ranged_point))),
      buckets_of_series: object(series_id: ref(:series_id), data: ref(:buckets)),
      bucket:
        object([timestamp: ref(:local_timestamp), value: nullable(number())], [],
          description:
            "A bucket, at its start. Null: no value, or one beyond the range of a double."
        ),
      bucket_values:
        object([timestamp: ref(:local_timestamp)], [],
          additionalProperties: nullable(number()),
          description: "A bucket with several aggregations, each by its name.",
          examples: [[timestamp: "2026-01-31T02:00:00.000000Z", avg: 4.5, count: 1]]
        ),
      group_number:
        count(0,
          maximum: 23,
          description: "An hour from 0 to 23, a weekday from 1, a Monday, to 7, or a month."
        ),
      group:
        object([group: ref(:group_number)], [],
          additionalProperties: nullable(number()),
          description: "A group with its value, or with several aggregations, each by its name.",
          examples: [[group: 6, value: 5.15]]
        ),
      buckets: list(any_of([ref(:bucket), ref(:bucket_values), ref(:group)])),
      aggregate:
        object(
          [series_id: ref(:series_id), tz: text(), data: ref(:buckets), seq: ref(:seq)],
          asked()
        ),
      aggregates:
        object(
          [
            prefix: text(),
            tz: text(),
            series: list(ref(:buckets_of_series)),
            seq: ref(:seq)
          ],
          asked()
        ),
      summary: object([series_id: ref(:series_id)] ++ figures() ++ [seq: ref(:seq)]),
      series_summary: object([series_id: ref(:series_id)] ++ figures()),
      summaries:
        object([prefix: text(), series: list(ref(:series_summary))] ++ page(), [],
          description: "Each series with its figures, also where it has no such points."
        ),
      summary_table:
        text(
          description:
            "CSV with the header series_id,count,first,first_value,last,last_value,min,max,avg,sum,stddev. " <>
              "What there is not is an empty cell. Lines end in a line feed."
        ),
      latest_page: object([prefix: text(), series: list(ref(:latest_point))] ++ page()),
      latest_table:
        text(
          description:
            "CSV with the header series_id,timestamp,value,point_id,seq. Lines end in a line feed."
        ),
      touching_block:
        object(
          [
            seq: ref(:block_seq),
            hash: ref(:hash),
            time: ref(:timestamp),
            txn: count(1),
            op: ref(:operation),
            points: count(1, description: "Points of the range that it did that to.")
          ],
          actor: text(),
          provenance: ref(:provenance),
          reverts: ref(:block_seq),
          effect: ref(:operation)
        ),
      series_provenance:
        object(
          [series_id: ref(:series_id)] ++
            span() ++
            [
              provenance_chain: list(ref(:touching_block)),
              next: nullable(count(1), description: "The `since` of the next page.")
            ]
        ),
      series_diff:
        object(
          [series_id: ref(:series_id)] ++
            span() ++
            [
              from: ref(:seq),
              to: ref(:seq),
              added:
                list(ref(:timed_value), description: "There as of `to`, and not as of `from`."),
              removed:
                list(ref(:timed_value), description: "There as of `from`, and not as of `to`."),
              links: ref(:page_links)
            ]
        ),
      latest:
        object(
          last_point() ++
            [as_of: count(0, description: "The sequence that the answer is as of.")],
          metadata: ref(:json_object),
          provenance: ref(:provenance)
        ),
      latest_point:
        object(last_point(), metadata: ref(:json_object), provenance: ref(:provenance))
    ]
  end

  defp last_point do
    [
      series_id: ref(:series_id),
      timestamp: ref(:local_timestamp),
      value: number(),
      point_id: ref(:point_id),
      seq: ref(:block_seq)
    ]
  end

  defp span do
    [
      start: nullable(ref(:local_timestamp), description: "Null when it was not given."),
      end: nullable(ref(:local_timestamp), description: "Null when it was not given.")
    ]
  end

  # With the parameter `include`. Of what a transaction has not committed yet all is null.
  defp origin do
    [
      seq: nullable(ref(:block_seq)),
      hash: nullable(ref(:hash)),
      time: nullable(ref(:timestamp), description: "When it was written."),
      actor: nullable(text(), description: "Who wrote it."),
      point_id: nullable(text(pattern: "^pt_[1-9][0-9]{0,17}_(0|[1-9][0-9]{0,8})$")),
      metadata: nullable(ref(:json_object)),
      provenance: nullable(ref(:provenance))
    ]
  end

  # Null where there are no points.
  defp figures do
    [
      count: count(),
      first: nullable(ref(:timed_value)),
      last: nullable(ref(:timed_value)),
      min: nullable(number()),
      max: nullable(number()),
      avg: nullable(number()),
      sum: nullable(number()),
      stddev: nullable(number())
    ]
  end

  defp page, do: [seq: ref(:seq), links: ref(:page_links)]

  defp asked do
    [
      aggregation: text(description: "If it was one that was asked for."),
      aggregations: list(text(), description: "If they were several."),
      interval: nullable(text()),
      window: text(),
      group_by: ref(:group_by),
      expected: text()
    ]
  end
end
