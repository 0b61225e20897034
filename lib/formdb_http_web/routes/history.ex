defmodule FormdbHttpWeb.Routes.History do
  @moduledoc false
  # The journal, its blocks, and proofs of them.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.{BlockController, EventsController, JournalController, ProofController}
  alias FormdbHttpWeb.{RevertController, StreamController}
  alias FormdbHttpWeb.Routes.Databases

  @db Databases.path()
  @block @db <> "/blocks/{block}"

  def resources do
    [
      new(:journal, @db <> "/journal", [
        call("GET", {JournalController, :index}, :read, "Blocks in their order.",
          query: [
            since(),
            until(),
            type(),
            feature_id(),
            series_id(),
            actor(),
            transaction_of(),
            order(),
            bodies(),
            limit(),
            wait(),
            log("The history that all of this is of."),
            provenance()
          ],
          answers: [ok(json(:journal_page) ++ lines(:journal_entry), link: false)],
          errors: [409, 504]
        )
      ]),
      new(:journal_events, @db <> "/journal/events", [
        call(
          "GET",
          {EventsController, :index},
          :read,
          "Blocks that a filter takes, page by page.",
          more:
            "What a stream sends after `since` (0 without it), as pages for requests that wait. `next` is the " <>
              "sequence up to which all is decided: the `since` of the next request, whether there is an entry or not.",
          query: [
            since(),
            log("The history that all of this is of."),
            type(),
            series_id(),
            events(),
            wait() | filter_words()
          ],
          answers: [ok(json(:events_page), link: true)],
          errors: [409, 504]
        )
      ]),
      new(:journal_stream, @db <> "/journal/stream", [
        call(
          "GET",
          {StreamController, :show},
          :read,
          "Blocks as they come, as server-sent events.",
          more:
            "What came after `since` is sent first, or after the block that `Last-Event-ID` names; without " <>
              "either only what comes from now on. The data of an event `journal_event` is an entry of the " <>
              "journal with the sequence of the event before it (`after`); of `live` and `lagging` it is the " <>
              "sequence up to which all was sent. After FORMDB_HEARTBEAT_MS without news an `id` without an " <>
              "event says how far the journal was looked through, or a comment that the connection lives. " <>
              "A stream of a database that is not open waits for it.",
          query:
            [
              since(),
              log("The history that the sequence `since` is of."),
              parameter("hash", :text, "The hash of the block `since`."),
              tree_size("With `root`, a head that the journal had."),
              parameter("root", :text, "The root of the tree of that head."),
              type(),
              series_id(),
              parameter(
                "proof",
                {:enum, [true, false]},
                "Whether each entry comes with the proof that it is in the tree.",
                default: false
              ),
              token()
            ] ++ filter_words(),
          headers: [
            parameter("last-event-id", :count, "The last event that the client had.",
              key: :last_event_id
            )
          ],
          answers: [ok(events(:event_stream))],
          errors: [409]
        )
      ]),
      new(:block, @block, [
        call("GET", {BlockController, :show}, :read, "A block, as JSON or CBOR.",
          headers: [if_match(), if_none_match()],
          answers: [ok(json_only(:block) ++ stored(:stored_block), etag: true), not_modified()]
        )
      ]),
      new(:block_revert, @block <> "/revert", [
        call("POST", {RevertController, :block}, :write, "Undoes a block.",
          query: [partial(), durability()],
          headers: [idempotency_key()],
          body: optional(json(:reason)),
          answers: [created(json(:reverted))],
          errors: [409, 504]
        )
      ]),
      new(:block_restore, @block <> "/restore", [
        call("POST", {RevertController, :restore}, :write, "Writes a version of a feature again.",
          query: [durability()],
          headers: [idempotency_key()],
          body: optional(json(:reason)),
          answers: [created(json(:restored))],
          errors: [504]
        )
      ]),
      new(:reverts, @db <> "/reverts", [
        call("POST", {RevertController, :create}, :write, "Undoes several blocks, or none.",
          more:
            "A `filter` means no reverts, unless its `op` is `revert`; what was undone and done again is undone by " <>
              "the block that did it again. So the same filter is undone once: asked again it is 409, with " <>
              "`nothing_to_undo` in `errors`.",
          query: [dry_run(), partial(), durability()],
          headers: [idempotency_key()],
          body: required(json(:revert_request)),
          answers: [ok(json(:revert_plan)), created(json(:reverted_blocks))],
          errors: [409, 413, 504]
        )
      ]),
      new(:tree, @db <> "/tree", [
        call("GET", {ProofController, :tree}, :read, "The root of the Merkle tree.",
          query: [tree_size("The tree of so many blocks; without it of all that are durable.")],
          answers: [ok(json(:tree_head))]
        )
      ]),
      new(:inclusion, @db <> "/proofs/inclusion", [
        call("GET", {ProofController, :inclusion}, :read, "A proof that a block is in the tree.",
          query: [
            parameter("seq", :count, "The sequence of the block.", required: "1"),
            tree_size("The tree of so many blocks; without it of all that are durable.")
          ],
          answers: [ok(json(:inclusion_proof))]
        )
      ]),
      new(:consistency, @db <> "/proofs/consistency", [
        call("GET", {ProofController, :consistency}, :read, "A proof that the tree only grew.",
          query: [
            parameter("first", :count, "The size of the earlier tree.", required: "1"),
            parameter("second", :count, "That of the later one; without it of all blocks.")
          ],
          answers: [ok(json(:consistency_proof))]
        )
      ])
    ]
  end

  defp events,
    do:
      parameter(
        "limit",
        :count,
        "At most so many entries, and never more than 1000. There are no tables of them.",
        default: 1_000
      )

  # The words of a subscription's filter, but for `type` and `series_id`.
  defp filter_words do
    [
      bbox("Only blocks of features here, before or after."),
      geometry(),
      predicate(),
      antimeridian(),
      parameter("ids", :text, "Only blocks of these features, with commas between."),
      parameter(
        "fence",
        :text,
        "What is told of features and an area (`bbox`, `geometry` or `feature`): one or several of " <>
          "enter, exit, inside, outside and cross, with commas between."
      ),
      feature("The id of a feature, whose geometry as of each moment is the area of the fence."),
      parameter(
        "dwell",
        {:engine, "seconds"},
        "How many seconds what enters the area has to stay to be told of, which is no entry of the journal."
      ),
      parameter(
        "above",
        {:engine, "a number"},
        "Only blocks by which a series of `series_id` goes above this level, or comes back."
      ),
      parameter("below", {:engine, "a number"}, "The same, below a level."),
      parameter(
        "outside",
        {:engine, "two numbers with a comma between"},
        "The same, outside a band."
      ),
      parameter(
        "hysteresis",
        {:engine, "a number"},
        "How far from the level values have to come back."
      ),
      parameter(
        "for",
        {:engine, "seconds"},
        "For how many seconds, by the times of its points, a series has to be beyond the level."
      )
    ] ++ properties()
  end

  defp dry_run do
    about = "Nothing is written: the answer is what would be, and what stands in the way."
    parameter("dry_run", {:enum, [true, false]}, about, default: false)
  end

  defp partial do
    about = "Whether a transaction may be undone in part."
    parameter("partial", {:enum, [true, false]}, about, default: false)
  end

  defp tree_size(about), do: parameter("tree_size", :count, about)
  defp since, do: parameter("since", :as_of, "Only blocks after this sequence or time.")
  defp until, do: parameter("until", :as_of, "Only blocks up to this sequence or time.")

  defp feature_id, do: parameter("feature_id", :text, "Only blocks about this feature.")

  defp series_id do
    about = "Only blocks about this series, or with a star at its end about those that begin so."
    parameter("series_id", {:engine, "the id of a series, or its begin and a star"}, about)
  end

  defp log(about), do: parameter("log", :text, about)

  defp wait do
    about =
      "Where there is no such block yet: how many seconds to wait for one. Answered with an empty " <>
        "page if none came."

    parameter("wait", :count, about, default: 0)
  end

  defp actor, do: parameter("actor", :text, "Only blocks of this writer.")

  defp transaction_of do
    about = "Only blocks of the transaction that the block of this sequence belongs to."
    parameter("transaction", :count, about)
  end

  defp bodies do
    about = "Whether entries have what was written, or only what that is about."
    parameter("bodies", {:enum, [true, false]}, about, default: true)
  end

  defp provenance do
    about = "A member of the provenance of the block."
    parameter("provenance.NAME", {:filter, "VALUE"}, about, key: :filters, default: [])
  end

  defp type do
    form = "an operation, such as put_feature"
    parameter("type", {:engine, form}, "Only blocks of this operation.")
  end
end
