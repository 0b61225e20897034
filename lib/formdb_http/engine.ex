defmodule FormdbHttp.Engine do
  @moduledoc false
  # How the engine is called, and what its errors become.

  alias FormdbHttp.{Admission, Catalog, Database, DataFolder, Error, Native, Types}

  # What a function of FormdbHttp.Native answers, or, within a call, an error of ours.
  @typep answer :: {:error, tuple() | Error.t()} | :ok | {:ok, term()}

  @doc """
  Calls the engine with the catalog. Only when it does not have the database open is
  it worth looking why.
  """
  @spec call(Types.database(), (reference() -> answer())) ::
          :ok | Types.result(term())
  def call(name, call) do
    case call.(Catalog.handle()) do
      {:error, %Error{} = error} -> {:error, error}
      {:error, {:database_not_found, _, _} = error} -> {:error, not_open(name, error)}
      {:error, error} -> {:error, Error.from_native(error)}
      ok -> ok
    end
  end

  @doc "As `call/2`, of a question that is heavy in any case."
  @spec call_heavy(Types.database(), (reference() -> answer())) ::
          :ok | Types.result(term())
  def call_heavy(name, call), do: call(name, fn catalog -> heavy(fn -> call.(catalog) end) end)

  @doc """
  A question whose answer may be in memory, as the first call finds in the calling process. If
  it is not, the question may be heavy; where no place is free for it, the second call tries
  whether it is, on a thread of its own, so that what is short does not wait for what is long.
  The third is made once there is a place. Each takes the catalog, the name and the question.
  """
  @spec ask(Types.database(), question, {call, call, call}) :: Types.result(term())
        when question: map(),
             call: (reference(), Types.database(), question -> answer() | :long)
  def ask(name, question, {short, tried, dirty}) do
    call(name, fn catalog ->
      work = fn -> dirty.(catalog, name, question) end

      with :long <- short.(catalog, name, question),
           :taken <- Admission.run_if_free(:question, work),
           :long <- Admission.run(:try, fn -> tried.(catalog, name, question) end),
           do: heavy(work)
    end)
  end

  @doc "The three calls of `ask/3` of a function of `FormdbHttp.Native`."
  defmacro calls(name) do
    for name <- [name, :"#{name}_tried", :"#{name}_dirty"] do
      quote do: &(FormdbHttp.Native.unquote(name) / 3)
    end
    |> then(&{:{}, [], &1})
  end

  # What may take long, once there is a place for it, on a dirty I/O thread.
  defp heavy(work), do: Admission.run(:question, work)

  # Reading a record of this size, and making a document of it, takes some 10 ms or more.
  @large_bytes 1_048_576

  @doc """
  What `work` returns, which reads one record, within `call/2`. How long that is, in bytes,
  the engine has said: `{:ok, bytes}`, or an error, which is left to `work`. A large one is
  heavy.
  """
  @spec read({:ok, non_neg_integer()} | {:error, tuple()}, (... -> answer())) :: answer()
  def read({:ok, bytes}, work) when bytes > @large_bytes, do: heavy(work)
  def read(_small_or_error, work), do: work.()

  @doc "An answer of the engine that is about no database in particular."
  @spec native(answer()) :: :ok | Types.result(term())
  def native({:error, %Error{} = error}), do: {:error, error}
  def native({:error, error}), do: {:error, Error.from_native(error)}
  def native(ok), do: ok

  @doc """
  `:ok` when the database is open as far as one knows without asking the engine, or else the
  error that a call would have. For those who would rather know before they read a body.
  """
  @spec check_open(Types.database()) :: :ok | {:error, Error.t()}
  def check_open(name) do
    if Database.status(name) == :open do
      :ok
    else
      detail = "there is no open database #{inspect(name, binaries: :as_strings)}"
      {:error, not_open(name, {:database_not_found, detail, nil})}
    end
  end

  defp not_open(name, error) do
    Catalog.check_started!()

    case Database.status(name) do
      :opening ->
        detail = "database #{name} is reading its journal; try again shortly"
        %Error{code: :database_opening, detail: detail}

      {:failed, %Error{detail: detail}} ->
        %Error{
          code: :database_unavailable,
          detail: "database #{name} cannot be opened: #{detail}"
        }

      _other ->
        # From memory: whoever asks for what is not there is no reason to read the folder.
        if DataFolder.member?(name) do
          detail = "database #{name} is closed; creating it again opens it"
          %Error{code: :database_not_found, detail: detail}
        else
          Error.from_native(error)
        end
    end
  end

  @doc """
  What the engine answers to work that goes on for long on a thread of its own: `start` takes the
  reference of its messages; `progress` is called with what is done and how much there is.
  """
  @spec work((reference() -> answer()), (non_neg_integer(), non_neg_integer() -> term())) ::
          :ok | Types.result(term())
  def work(start, progress) do
    ref = make_ref()
    with :ok <- native(start.(ref)), do: await_work(ref, progress)
  end

  defp await_work(ref, progress) do
    receive do
      {^ref, {:progress, done, total}} ->
        progress.(done, total)
        await_work(ref, progress)

      {^ref, answer} ->
        native(answer)
    end
  end

  # Until the clock has passed a time that is a little ahead, and until what began to be
  # committed by then is: a second for each.
  @patience_ms 2_000

  @doc "The last sequence that was committed by a time. Waits until nobody can add to it."
  @spec seq_at(Types.database(), integer(), integer()) ::
          Types.result(non_neg_integer())
  def seq_at(name, micros, left \\ @patience_ms) do
    case call(name, &Native.seq_at(&1, name, micros)) do
      {:ok, {:not_yet, wait}} when wait > left ->
        detail = "what began to be committed by that time is still being written; try again"

        {:error, %Error{code: :busy, detail: detail, pointer: "/as_of"}}

      {:ok, {:not_yet, wait}} ->
        Process.sleep(wait)
        seq_at(name, micros, left - wait)

      answer ->
        answer
    end
  end
end
