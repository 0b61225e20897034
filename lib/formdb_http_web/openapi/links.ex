defmodule FormdbHttpWeb.OpenAPI.Links do
  @moduledoc false
  # What can be done next with what an answer holds: links of OpenAPI, by resource, method and
  # status. Names of operations are those of the table of routes (`operation_id/2`).

  @db [db: "$request.path.db"]
  @new_db [db: "$response.body#/id"]
  @feature @db ++ [id: "$response.body#/feature_id"]
  @same @db ++ [id: "$request.path.id"]
  @block @db ++ [block: "$response.body#/seq"]
  @first @db ++ [block: "$response.body#/first_seq"]
  @txn @db ++ [txn: "$response.body#/transaction_id"]
  @same_txn @db ++ [txn: "$request.path.txn"]

  @databases [
    {:database, "GET", @new_db},
    {:schema, "GET", @new_db},
    {:features, "POST", @new_db},
    {:timeseries, "POST", @new_db},
    {:transactions, "POST", @new_db},
    {:journal, "GET", @new_db},
    {:tree, "GET", @new_db},
    {:database, "DELETE", @new_db}
  ]

  @written [
    {:feature, "GET", @feature},
    {:feature, "PUT", @feature},
    {:feature, "PATCH", @feature},
    {:feature, "DELETE", @feature},
    {:provenance, "GET", @feature},
    {:lineage, "GET", @feature},
    {:features, "GET", @db}
  ]

  @of_block [
    {:block, "GET", @block},
    {:block_revert, "POST", @block},
    {:inclusion, "GET", @db ++ [seq: "$response.body#/seq"]}
  ]

  @links %{
    {:databases, "POST", 200} => @databases,
    {:databases, "POST", 201} => @databases,
    {:features, "POST", 201} => @written ++ @of_block,
    {:feature, "PUT", 200} => @written ++ @of_block,
    {:feature, "PUT", 201} => @written ++ @of_block,
    {:feature, "PATCH", 200} => @written ++ @of_block,
    {:feature, "DELETE", 200} =>
      [{:provenance, "GET", @same}, {:feature, "PUT", @same}] ++ @of_block,
    {:timeseries, "POST", 201} => [{:timeseries, "GET", @db} | @of_block],
    {:timeseries, "GET", 200} =>
      for(
        {name, method} <- [
          {:series, "GET"},
          {:latest, "GET"},
          {:summary, "GET"},
          {:aggregate, "GET"},
          {:series, "DELETE"}
        ],
        do: {name, method, @db ++ [series: "$response.body#/series/0/series_id"]}
      ),
    {:series, "DELETE", 200} => @of_block,
    {:block_revert, "POST", 201} => @of_block,
    {:block_restore, "POST", 201} => @written ++ @of_block,
    {:reverts, "POST", 201} => [
      {:block, "GET", @first},
      {:inclusion, "GET", @db ++ [seq: "$response.body#/first_seq"]}
    ],
    {:journal, "GET", 200} => [
      {:block, "GET", @db ++ [block: "$response.body#/entries/0/hash"]},
      {:consistency, "GET", @db ++ [first: "$response.body#/entries/0/seq"]}
    ],
    {:transactions, "POST", 201} => [
      {:transaction, "GET", @txn},
      {:transaction_operations, "POST", @txn},
      {:transaction_commit, "POST", @txn},
      {:transaction_abort, "POST", @txn},
      {:features, "GET", @db ++ [transaction: "$response.body#/transaction_id"]}
    ],
    {:transaction_operations, "POST", 200} => [
      {:transaction, "GET", @same_txn},
      {:transaction_commit, "POST", @same_txn},
      {:transaction_abort, "POST", @same_txn}
    ],
    {:transaction_commit, "POST", 200} => [{:transaction, "GET", @same_txn}]
  }

  @doc "The name of the operation that a method is of a resource."
  @spec operation_id(atom(), String.t()) :: String.t()
  def operation_id(resource, method),
    do: String.downcase(method) <> (resource |> Atom.to_string() |> Macro.camelize())

  @doc "The links of an answer, by the names of the operations that they lead to."
  @spec of(atom(), String.t(), 200..599) :: keyword()
  def of(resource, method, status) do
    for {to, how, parameters} <- Map.get(@links, {resource, method, status}, []) do
      id = operation_id(to, how)
      {String.to_atom(id), [operationId: id, parameters: parameters]}
    end
  end

  @doc "All that are written here, for the test that they belong to the table."
  @spec all() :: map()
  def all, do: @links
end
