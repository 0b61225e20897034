defmodule FormdbHttp.Types.Webhook do
  @moduledoc """
  What the functions for webhooks of `FormdbHttp` take and give.
  """

  alias FormdbHttp.Types

  @typedoc "How a webhook gets on, see `FormdbHttp.webhooks/2`."
  @type state :: :delivering | :retrying | :paused | :stopped | :no_address | :off | :failed

  @typedoc """
  A webhook, see `FormdbHttp.webhooks/2`. As of the past it has no `:address`, and nothing of how it
  gets on. The `:secret` is there where it is new.
  """
  @type t :: %{
          required(:id) => String.t(),
          required(:receiver) => String.t(),
          required(:filter) => map(),
          required(:since) => non_neg_integer(),
          required(:active) => boolean(),
          required(:seq) => pos_integer(),
          required(:hash) => String.t(),
          required(:time) => integer(),
          required(:actor) => String.t() | nil,
          optional(:address) => String.t() | nil,
          optional(:secret) => String.t(),
          optional(:state) => state(),
          optional(:reason) => String.t() | nil,
          optional(:cursor) => non_neg_integer(),
          optional(:lag) => non_neg_integer() | nil,
          optional(:last) => attempt() | nil,
          optional(:next) => integer() | nil,
          optional(:dead_letters) => non_neg_integer(),
          optional(:deliveries) => non_neg_integer(),
          optional(:events) => non_neg_integer(),
          optional(:failures) => non_neg_integer()
        }

  @typedoc "The last attempt to deliver: when, in microseconds, and what came of it."
  @type attempt :: %{time: integer(), status: integer() | nil, error: String.t() | nil}

  @typedoc "What a webhook is to be, see `FormdbHttp.create_webhook/3`."
  @type registration ::
          %{
            optional(:id) => String.t(),
            optional(:address) => String.t() | nil,
            optional(:filter) => Types.live_filter(),
            optional(:since) => Types.since(),
            optional(:active) => boolean()
          }
          | [
              {:id, String.t()}
              | {:address, String.t() | nil}
              | {:filter, Types.live_filter()}
              | {:since, Types.since()}
              | {:active, boolean()}
            ]

  @typedoc "What is changed of a webhook, see `FormdbHttp.update_webhook/4`."
  @type change ::
          %{
            optional(:address) => String.t() | nil,
            optional(:filter) => Types.live_filter(),
            optional(:since) => Types.since(),
            optional(:active) => boolean(),
            optional(:rotate_secret) => boolean()
          }
          | [
              {:address, String.t() | nil}
              | {:filter, Types.live_filter()}
              | {:since, Types.since()}
              | {:active, boolean()}
              | {:rotate_secret, boolean()}
            ]

  @typedoc "A delivery that was given up, see `FormdbHttp.dead_letters/2`."
  @type dead_letter :: %{
          id: String.t(),
          first_seq: pos_integer() | nil,
          last_seq: pos_integer() | nil,
          count: pos_integer(),
          attempts: pos_integer(),
          time: integer(),
          status: integer() | nil,
          error: String.t(),
          queued: boolean()
        }
end
