defmodule FormdbHttp.Absence do
  @moduledoc false
  # Why a feature, series or point is not there: that it is gone, and in which block it went, or
  # that it came later. Looked up only once it is known not to be there.

  alias FormdbHttp.{Engine, Error, Native, Types}

  @type which :: {:feature | :series, String.t()} | {:point, String.t(), String.t()}

  @doc """
  The answer to a question about a feature, a series or a point of a series; of one that says that there is none with
  the reason, as of then. In a transaction nothing is added: what it sees is its own.
  """
  @spec explain(answer, Types.database(), which(), non_neg_integer() | nil, term()) :: answer
        when answer: {:ok, term()} | {:ok, term(), term()} | {:error, Error.t()}
  def explain(answer, name, which, as_of, transaction \\ nil)

  def explain({:error, %Error{code: code} = error}, name, which, as_of, nil)
      when code in [:feature_not_found, :series_not_found, :point_not_found] do
    case Engine.call_heavy(name, &Native.absence(&1, name, which, as_of)) do
      {:ok, {detail, nil, nil}} ->
        {:error, %{error | detail: detail}}

      {:ok, {detail, seq, time}} ->
        {:error, %{error | detail: detail, deleted: %{seq: seq, time: time}}}

      # Somebody wrote it meanwhile, or it cannot be told.
      _no_reason ->
        {:error, error}
    end
  end

  def explain(answer, _name, _which, _as_of, _transaction), do: answer
end
