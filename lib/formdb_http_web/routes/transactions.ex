defmodule FormdbHttpWeb.Routes.Transactions do
  @moduledoc false
  # Transactions that stay open over several requests.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.Routes.Databases
  alias FormdbHttpWeb.TransactionController

  @transactions Databases.path() <> "/transactions"
  @transaction @transactions <> "/{txn}"

  def resources do
    [
      new(:transactions, @transactions, [
        call("POST", {TransactionController, :create}, :write, "Begins a transaction.",
          body: optional(json(:transaction_request)),
          answers: [created(json(:transaction_begun))]
        )
      ]),
      new(:transaction, @transaction, [
        call("GET", {TransactionController, :show}, :read, "Where a transaction stands.",
          answers: [ok(json(:transaction))]
        )
      ]),
      new(:transaction_operations, @transaction <> "/operations", [
        call("POST", {TransactionController, :operations}, :write, "Adds operations.",
          query: [unit(), tz()],
          headers: [idempotency_key()],
          body: required(json(:operations)),
          answers: [ok(json(:operations_added))],
          errors: [409, 412]
        )
      ]),
      new(:transaction_commit, @transaction <> "/commit", [
        call("POST", {TransactionController, :commit}, :write, "Writes all of it, or nothing.",
          query: [durability()],
          headers: [idempotency_key()],
          answers: [ok(json(:committed))],
          errors: [409, 412, 413, 504]
        )
      ]),
      new(:transaction_abort, @transaction <> "/abort", [
        call("POST", {TransactionController, :abort}, :write, "Ends it without writing.",
          answers: [ok(json(:transaction_aborted))],
          errors: [409]
        )
      ])
    ]
  end
end
