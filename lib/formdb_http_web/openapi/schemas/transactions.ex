defmodule FormdbHttpWeb.OpenAPI.Schemas.Transactions do
  @moduledoc false

  import FormdbHttpWeb.OpenAPI.Schema

  alias FormdbHttpWeb.OpenAPI.Schemas.Warnings

  @id "^txn_[0-9a-f]{32}$"

  def schemas do
    [
      transaction_id: text(pattern: @id, description: "The id of a transaction."),
      transaction_request:
        closed(
          [],
          [
            read_only: boolean(),
            as_of:
              any_of([count(0), text(format: "date-time"), text(format: "date")],
                description: "A sequence, or a time; for one that only reads."
              )
          ],
          examples: [[read_only: true]]
        ),
      transaction_begun:
        object(
          transaction_id: ref(:transaction_id),
          seq: ref(:seq),
          read_only: boolean(),
          expires_in_ms: count()
        ),
      transaction:
        object(
          [
            transaction_id: ref(:transaction_id),
            status: ref(:transaction_status),
            seq: ref(:seq),
            read_only: boolean(),
            operations: count(),
            bytes: count(),
            expires_in_ms: count()
          ],
          [reason: text(description: "Of one that was aborted, or is unsettled.")] ++ outcome(),
          description: "One that was committed has what the commit answered."
        ),
      transaction_status:
        enum(["open", "committing", "committed", "aborted", "unsettled"],
          description:
            "Unsettled: the disk failed while it was being committed, and whether it is kept is open."
        ),
      operations:
        object([operations: list(ref(:operation_input))], [],
          description: "All are taken, or none; they are carried out in their order.",
          examples: [
            [
              operations: [
                [
                  op: "put_feature",
                  feature: [
                    type: "Feature",
                    id: "b",
                    geometry: [type: "Point", coordinates: [-70.6, -33.4]],
                    properties: [mag: 6.0]
                  ]
                ],
                [
                  op: "put_points",
                  points: [series_id: "t", timestamp: "2026-01-31T07:00:00Z", value: 5.2]
                ]
              ]
            ]
          ]
        ),
      operation_input: [
        oneOf: [
          ref(:put_feature),
          ref(:delete_feature),
          ref(:put_points),
          ref(:delete_points),
          ref(:delete_point),
          ref(:put_point),
          ref(:revert_operation),
          ref(:set_attributes),
          ref(:restore_operation)
        ]
      ],
      put_feature:
        object(
          [op: constant("put_feature"), feature: ref(:features_input)],
          on_duplicate: nullable(ref(:on_duplicate)),
          on_error: nullable(ref(:on_fault)),
          antimeridian: nullable(ref(:antimeridian))
        ),
      on_fault: enum(["refuse", "skip"]),
      delete_feature:
        object(
          [op: constant("delete_feature"), id: ref(:feature_id)],
          provenance: nullable(ref(:provenance))
        ),
      put_points:
        object([op: constant("put_points"), points: ref(:points_input)],
          on_duplicate: nullable(ref(:on_duplicate_point))
        ),
      delete_point:
        object(
          [op: constant("delete_point"), series_id: ref(:series_id), point_id: ref(:point_id)],
          provenance: nullable(ref(:provenance))
        ),
      put_point:
        object(
          [
            op: constant("put_point"),
            series_id: ref(:series_id),
            point_id: ref(:point_id),
            value: number()
          ],
          timestamp: ref(:time),
          metadata: ref(:json_object),
          provenance: ref(:provenance),
          on_duplicate: nullable(ref(:on_duplicate_point))
        ),
      delete_points:
        object([op: constant("delete_points"), series_id: ref(:series_id)],
          start: ref(:time),
          end: ref(:time),
          provenance: nullable(ref(:provenance))
        ),
      set_attributes:
        object(
          [
            op: constant("set_attributes"),
            series_id: ref(:series_id),
            attributes: nullable(ref(:json_object), description: "Null deletes them.")
          ],
          provenance: nullable(ref(:provenance))
        ),
      revert_operation:
        object(
          [op: constant("revert")],
          [
            partial: boolean(),
            transaction: ref(:block_seq),
            sequences: list(ref(:block_seq)),
            first_seq: ref(:block_seq),
            last_seq: ref(:block_seq),
            filter: ref(:revert_filter),
            provenance: nullable(ref(:provenance))
          ],
          description: "With what `POST .../reverts` takes."
        ),
      restore_operation:
        object([op: constant("restore"), block: ref(:block_seq)],
          provenance: nullable(ref(:provenance))
        ),
      operations_added:
        object(
          [
            operations: count(0, description: "How many the transaction holds by now."),
            feature_ids: list(ref(:id), description: "Of the features that this call puts.")
          ],
          [rejected: list(ref(:rejected))] ++ Warnings.members(),
          examples: [[operations: 2, feature_ids: ["b"]]]
        ),
      committed:
        object(outcome(), [], description: "All four are null when there was nothing to write."),
      transaction_aborted:
        object(transaction_id: ref(:transaction_id), status: ref(:transaction_status))
    ]
  end

  defp outcome do
    [
      first_seq: nullable(ref(:block_seq)),
      last_seq: nullable(ref(:block_seq)),
      hash: nullable(ref(:hash), description: "That of the first block."),
      time: nullable(ref(:timestamp))
    ]
  end
end
