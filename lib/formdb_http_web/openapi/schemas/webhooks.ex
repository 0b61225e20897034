defmodule FormdbHttpWeb.OpenAPI.Schemas.Webhooks do
  @moduledoc false

  import FormdbHttpWeb.OpenAPI.Schema

  @states ["delivering", "retrying", "paused", "stopped", "no_address", "off", "failed"]

  def schemas do
    [
      webhooks: object(webhooks: list(ref(:webhook))),
      webhook:
        object(
          [
            id: ref(:webhook_id),
            receiver: text(description: "Scheme and host of its address."),
            filter: ref(:json_object),
            since: ref(:seq),
            active: boolean(description: "False: it is paused."),
            seq: ref(:block_seq),
            hash: ref(:hash),
            time: ref(:timestamp),
            actor: nullable(text(), description: "Who set it last.")
          ],
          address: nullable(text(), description: "For those who have admin on the database."),
          secret: text(pattern: "^whsec_", description: "When it was made or changed."),
          state: ref(:webhook_state),
          reason: nullable(text(), description: "Why it is not delivered, or what was wrong."),
          cursor: count(0, description: "Events up to this sequence were confirmed or given up."),
          lag:
            nullable(count(),
              description: "Durable blocks that it has not been told of, or not looked at."
            ),
          last_attempt: nullable(ref(:webhook_attempt)),
          next_attempt: nullable(ref(:timestamp)),
          dead_letters: count(),
          deliveries: count(0, description: "Confirmed since the database was opened."),
          events: count(0, description: "Those of them."),
          failures: count(0, description: "Attempts that failed since then.")
        ),
      webhook_state: enum(@states),
      webhook_id: text(pattern: "^[a-z0-9][a-z0-9_-]{0,62}$", examples: ["orders"]),
      webhook_attempt:
        object(
          time: ref(:timestamp),
          status: nullable([type: "integer"], description: "Of the answer, if there was one."),
          error: nullable(text())
        ),
      webhook_request:
        closed([address: address()], [id: ref(:webhook_id)] ++ asked(),
          examples: [[address: "https://example.org/hook", filter: [type: "put_feature"]]]
        ),
      webhook_change:
        closed([], [address: address()] ++ asked() ++ [rotate_secret: boolean()],
          examples: [[active: false]]
        ),
      webhook_deleted:
        object(
          id: ref(:webhook_id),
          seq: ref(:block_seq),
          hash: ref(:hash),
          time: ref(:timestamp)
        ),
      dead_letters: object(dead_letters: list(ref(:dead_letter))),
      dead_letter:
        object(
          id: text(pattern: "^[0-9]+_([0-9]+-[0-9]+|dwell-[0-9a-f]+)$"),
          first_seq: nullable(ref(:block_seq)),
          last_seq: nullable(ref(:block_seq)),
          count: count(1, description: "How many events it has."),
          attempts: count(1),
          time: ref(:timestamp),
          status: nullable(type: "integer"),
          error: text(),
          queued: boolean(description: "Whether it is about to be sent again.")
        ),
      dead_letters_request:
        closed([], [ids: list(text()), forget: boolean()],
          description: "Without `ids` all. With `forget` they are not sent, but forgotten.",
          examples: [[ids: ["1_12-40"]]]
        ),
      dead_letters_settled: object([], queued: count(), forgotten: count())
    ]
  end

  defp address, do: text(format: "uri", description: "Where events are sent, by `https`.")

  defp asked do
    [
      filter:
        any_of([ref(:json_object)],
          description:
            "What it is told of, in the words of a query string; without it everything."
        ),
      since:
        any_of([ref(:seq), ref(:time), ref(:json_object)],
          description: "After which block it begins; without it with what comes from now on."
        ),
      active: boolean()
    ]
  end
end
