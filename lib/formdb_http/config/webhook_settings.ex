defmodule FormdbHttp.Config.WebhookSettings do
  @moduledoc false
  # The rows of the table of settings that are about webhooks. FormdbHttp.Config.Settings says
  # what a row has.

  @kib 1024
  @mib 1024 * @kib

  @doc "The rows, in the order of the reference."
  @spec all() :: [FormdbHttp.Config.Settings.row()]
  def all do
    [
      %{
        field: :webhooks,
        type: :boolean,
        default: true,
        doc: "Whether webhooks are delivered. `false`: they wait, as on a copy of another server"
      },
      %{
        field: :webhooks_per_database,
        type: :integer,
        default: 100,
        range: 0..10_000,
        doc: "Webhooks that a database may have"
      },
      %{
        field: :webhook_private,
        type: :boolean,
        default: false,
        doc:
          "Whether webhooks may go to private addresses (loopback, local networks), and by `http`: whoever " <>
            "has admin on a database then reaches what this machine reaches"
      },
      %{
        field: :webhook_ca_file,
        type: :file,
        default: nil,
        doc:
          "File of the certificates, in PEM, of the authorities that signed those of receivers. One that a receiver " <>
            "signed itself is refused (`bad_certificate`): make an authority of your own, and have that sign it. Not " <>
            "set: those the system trusts"
      },
      %{
        field: :webhook_batch_events,
        type: :integer,
        default: 100,
        range: 1..10_000,
        doc: "Events of one delivery, at most"
      },
      %{
        field: :webhook_batch_bytes,
        type: :bytes,
        default: @mib,
        range: @kib..(256 * @mib),
        doc: "Bytes of its events; a single one that is larger is delivered alone"
      },
      %{
        field: :webhook_connect_ms,
        type: :milliseconds,
        default: 5_000,
        range: 1..600_000,
        doc: "How long a connection to a receiver may take, with TLS"
      },
      %{
        field: :webhook_attempt_ms,
        type: :milliseconds,
        default: 15_000,
        range: 1..3_600_000,
        doc: "How long an attempt may take in all, until the status of the answer is there"
      },
      %{
        field: :webhook_retry_ms,
        type: :milliseconds,
        default: 1_000,
        range: 1..3_600_000,
        doc:
          "Pause after the first attempt that failed. It doubles with each; half of it is left to chance"
      },
      %{
        field: :webhook_retry_longest_ms,
        type: :milliseconds,
        default: 3_600_000,
        range: 1..604_800_000,
        doc: "The longest such pause, also of those that a receiver asks for"
      },
      %{
        field: :webhook_give_up_seconds,
        type: :seconds,
        default: 86_400,
        range: 0..31_536_000,
        doc: "After so long a delivery that fails becomes a dead letter, and the next one is made"
      },
      %{
        field: :webhook_dead_letters,
        type: :integer,
        default: 1_000,
        range: 1..100_000,
        doc: "Dead letters of a webhook. With so many of them it stops"
      },
      %{
        field: :webhook_rotation_seconds,
        type: :seconds,
        default: 86_400,
        range: 0..31_536_000,
        doc: "How long deliveries are signed with the secret before, too, after it was changed"
      }
    ]
  end
end
