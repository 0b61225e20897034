defmodule FormdbHttpWeb.Routes.Transactions do
  @moduledoc false
  # Transactions that stay open over several requests.

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
          statuses: [201, 404, 408, 413, 415]
        )
      ]),
      new(:transaction, @transaction, [
        call("GET", {TransactionController, :show}, :read, "Where a transaction stands.",
          statuses: [200, 404]
        )
      ]),
      new(:transaction_operations, @transaction <> "/operations", [
        call("POST", {TransactionController, :operations}, :write, "Adds operations.",
          query: [unit()],
          headers: [idempotency_key()],
          statuses: [200, 404, 408, 409, 412, 413, 415, 422]
        )
      ]),
      new(:transaction_commit, @transaction <> "/commit", [
        call("POST", {TransactionController, :commit}, :write, "Writes all of it, or nothing.",
          query: [durability()],
          headers: [idempotency_key()],
          statuses: [200, 404, 409, 412, 413, 422, 504]
        )
      ]),
      new(:transaction_abort, @transaction <> "/abort", [
        call("POST", {TransactionController, :abort}, :write, "Ends it without writing.",
          statuses: [200, 404]
        )
      ])
    ]
  end
end
