defmodule FormdbHttpWeb.Routes.Webhooks do
  @moduledoc false
  # Webhooks, and their dead letters.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters, only: [as_of: 0, durability: 0]
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.Routes.Databases
  alias FormdbHttpWeb.WebhookController

  @webhooks Databases.path() <> "/webhooks"
  @webhook @webhooks <> "/{webhook}"

  def resources do
    [
      new(:webhooks, @webhooks, [
        call("GET", {WebhookController, :index}, :read, "The webhooks of a database.",
          more:
            "Whole addresses are shown to those alone who have admin on it. Of the past it is told what the " <>
              "journal has.",
          query: [as_of()],
          answers: [ok(json(:webhooks))]
        ),
        call("POST", {WebhookController, :create}, :admin, "Registers a webhook.",
          more:
            "Events of the journal are sent to its address from now on, or from `since` on. The secret by " <>
              "which they are signed is in this answer alone.",
          query: [durability()],
          body: required(json(:webhook_request)),
          answers: [created(json(:webhook))],
          errors: [409, 413, 504]
        )
      ]),
      new(:webhook, @webhook, [
        call("GET", {WebhookController, :show}, :read, "A webhook, and how it gets on.",
          answers: [ok(json(:webhook))]
        ),
        call(
          "PATCH",
          {WebhookController, :update},
          :admin,
          "Changes, pauses or resumes a webhook.",
          more: "With `rotate_secret` it gets another secret, which is in this answer alone.",
          query: [durability()],
          body: required(json(:webhook_change)),
          answers: [ok(json(:webhook))],
          errors: [409, 504]
        ),
        call("DELETE", {WebhookController, :delete}, :admin, "Deletes a webhook.",
          query: [durability()],
          answers: [ok(json(:webhook_deleted))],
          errors: [504]
        )
      ]),
      new(:dead_letters, @webhook <> "/dead-letters", [
        call("GET", {WebhookController, :letters}, :read, "Deliveries that were given up.",
          answers: [ok(json(:dead_letters))]
        ),
        call(
          "POST",
          {WebhookController, :settle},
          :admin,
          "Sends deliveries that were given up again, or forgets them.",
          body: optional(json(:dead_letters_request)),
          answers: [ok(json(:dead_letters_settled))]
        )
      ])
    ]
  end
end
