defmodule FormdbHttp.Catalog do
  @moduledoc false
  # Owns the engine's catalog: one data folder, one set of limits. The folder is held
  # by a lock for as long as the handle lives, so two applications never share one.
  # The handle and the configuration lie in :persistent_term, so a read costs no
  # process and no copy; they change only when the application starts.

  use GenServer

  require Logger

  alias FormdbHttp.{Config, DataFolder, Disk, Error, Native, ProcessFigures}

  @key __MODULE__
  # How long it may take until it is noticed that a folder was taken away while nobody
  # wrote. A look takes microseconds for each database.
  @check_ms 1_000
  # How old figures of the process may be.
  @process_ms 5_000

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(%Config{} = config),
    do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @doc "The engine's handle. Raises when nothing is started."
  @spec handle() :: reference()
  def handle, do: elem(started(), 0)

  @doc "The configuration in force. Raises when nothing is started."
  @spec config() :: Config.t()
  def config, do: elem(started(), 1)

  @doc "Whether there is a catalog."
  @spec started?() :: boolean()
  def started?, do: Process.whereis(__MODULE__) != nil

  @doc "Handle and configuration; `nil` when nothing is started, any more or yet."
  @spec current() :: {reference(), Config.t()} | nil
  def current, do: if(started?(), do: :persistent_term.get(@key, nil))

  @doc "Raises when nothing is started, any more or yet."
  @spec check_started!() :: :ok
  def check_started!, do: if(started?(), do: :ok, else: not_started())

  defp started do
    with nil <- :persistent_term.get(@key, nil), do: not_started()
  end

  defp not_started do
    raise "FormDB is not started: put {FormdbHttp, data_dir: path} into a supervision tree, " <>
            "or call FormdbHttp.start_link(data_dir: path)"
  end

  @impl true
  def init(config) do
    Process.flag(:trap_exit, true)
    DataFolder.new()
    ProcessFigures.new()
    ProcessFigures.refresh()
    # One that was killed had no time to do this itself.
    release()

    case open(config) do
      {:ok, {handle, warnings}} ->
        for warning <- warnings, do: Logger.warning(warning)
        :persistent_term.put(@key, {handle, config})
        Process.send_after(self(), :check, @check_ms)
        Process.send_after(self(), :process_figures, @process_ms)
        {:ok, Disk.watch(false)}

      {:error, error} ->
        {:stop, {:shutdown, refusal(config.data_dir, Error.from_native(error))}}

      {:fault, sentence} ->
        {:stop, {:shutdown, sentence}}
    end
  end

  defp open(config) do
    without_panic(fn -> Native.catalog_open(config.data_dir, Config.engine_limits(config)) end)
  end

  @doc false
  # What `work` returns; where the engine fails over it, a sentence: its arguments and where in the VM
  # it was called help nobody. What the engine itself has printed does.
  @spec without_panic((() -> result)) :: result | {:fault, String.t()} when result: term()
  def without_panic(work) do
    work.()
  rescue
    error in ErlangError ->
      case error.original do
        :nif_panicked ->
          {:fault,
           "the Rust library failed: that is a fault of FormDB. Report it with the lines above that begin " <>
             "with \"thread\", which say where"}

        _other ->
          reraise error, __STACKTRACE__
      end
  end

  # Open databases whose files were taken away take no more writes from then on, and
  # their figures say why. Here and not in the probes, which wait for no file.
  @impl true
  def handle_info(:check, disk_low?) do
    case Native.catalog_check(handle()) do
      {:ok, nil} -> DataFolder.found()
      {:error, error} -> DataFolder.lost(Error.from_native(error))
    end

    Process.send_after(self(), :check, @check_ms)
    {:noreply, Disk.watch(disk_low?)}
  end

  def handle_info(:process_figures, disk_low?) do
    ProcessFigures.refresh()
    Process.send_after(self(), :process_figures, @process_ms)
    {:noreply, disk_low?}
  end

  def handle_info(_other, disk_low?), do: {:noreply, disk_low?}

  # The handle stays where it is: calls under way refer to it without a copy, and one that
  # is erased may be gone before a dirty call has looked at it (OTP 25).
  #
  # The databases have been closed by then: their processes come later in the tree.
  @impl true
  def terminate(_reason, _disk_low?), do: release()

  defp release do
    with {handle, _config} <- :persistent_term.get(@key, nil), do: Native.catalog_close(handle)
  end

  # A sentence for whoever started it.
  defp refusal(data_dir, %Error{detail: detail}) do
    # Where the process may open no more files, another folder does not help.
    advice =
      if detail =~ "ulimit -n",
        do: "",
        else:
          ". Set FORMDB_DATA_DIR to a folder that this process may write to and that no other server uses"

    "the data folder cannot be used (#{data_dir}): #{detail}#{advice}"
  end
end
