defmodule FormdbHttpCli.RemoteShell do
  @moduledoc false
  # Lets an operator into the running server, for `formdb-server remote`. The VM is no node of Erlang
  # until it is asked to be one, by SIGALRM, which only its user and root can send. Then it listens on a
  # free port of the loopback address, and in the data folder there is a folder that nobody else may
  # read, with the cookie of this one time, the port and the name. When the last shell has ended, or
  # none has come, it is no node any more, and the folder is gone.
  #
  # The folder is the HOME of both VMs (rel/formdb-server.sh), which take the cookie from there: on a
  # command line every user of the machine could read it.

  @behaviour :gen_event

  require Logger

  alias FormdbHttpCli.NodePorts

  @folder ".remote-shell"
  # How long a shell may take to come.
  @patience_ms 30_000

  @doc "From now on SIGALRM opens it: a signal that no VM uses itself."
  @spec install(Path.t()) :: :ok
  def install(data_dir) do
    # Of a server that was killed.
    _ = File.rm_rf(folder(data_dir))
    :ok = :gen_event.add_handler(:erl_signal_server, __MODULE__, data_dir)
    :os.set_signal(:sigalrm, :handle)
  end

  @doc "The folder that a shell needs."
  @spec folder(Path.t()) :: Path.t()
  def folder(data_dir), do: Path.join(data_dir, @folder)

  @doc "The node's name, once the folder of the server `pid` is complete."
  @spec node_name(Path.t(), pos_integer()) :: String.t() | nil
  def node_name(data_dir, pid) do
    with {:ok, name} <- File.read(Path.join(folder(data_dir), "node")),
         true <- String.starts_with?(name, "formdb-#{pid}-"),
         do: name,
         else: (_not_yet -> nil)
  end

  ## Callbacks of the handler for signals

  @impl true
  def init(data_dir), do: {:ok, {data_dir, nil}}

  @impl true
  def handle_event(:sigalrm, {data_dir, keeper}) do
    if is_pid(keeper) and Process.alive?(keeper),
      do: {:ok, {data_dir, keeper}},
      # Not here: this process delivers signals.
      else: {:ok, {data_dir, spawn(fn -> keep(folder(data_dir)) end)}}
  end

  def handle_event(_other, state), do: {:ok, state}

  @impl true
  def handle_call(_request, state), do: {:ok, :ok, state}

  ## While there is one

  defp keep(folder) do
    Logger.info("a remote shell was asked for (SIGALRM)")
    :ok = :net_kernel.monitor_nodes(true, node_type: :all)
    open(folder)
    wait(0)
  rescue
    error -> Logger.error("there is no remote shell: #{Exception.message(error)}")
  after
    _ = :net_kernel.stop()
    _ = File.rm_rf(folder)
  end

  defp open(folder) do
    _ = File.rm_rf(folder)
    File.mkdir!(folder)
    # Before there is something in it.
    File.chmod!(folder, 0o700)
    # Both VMs take it from there.
    write!(folder, ".erlang.cookie", random(32))

    name = "formdb-#{System.pid()}-#{random(4)}@127.0.0.1"
    Application.put_env(:kernel, :inet_dist_use_interface, {127, 0, 0, 1})
    {:ok, _pid} = :net_kernel.start(String.to_atom(name), %{name_domain: :longnames})
    write!(folder, "port", "#{NodePorts.port()}")
    # Last: with it the folder is complete.
    write!(folder, "node.new", name)
    File.rename!(Path.join(folder, "node.new"), Path.join(folder, "node"))
  end

  # The VM takes a cookie only from a file that is its owner's alone.
  defp write!(folder, name, text) do
    path = Path.join(folder, name)
    File.write!(path, text)
    File.chmod!(path, 0o400)
  end

  defp random(bytes), do: bytes |> :crypto.strong_rand_bytes() |> Base.encode16(case: :lower)

  defp wait(shells) do
    receive do
      # This one itself.
      {:nodeup, node, _info} when node == node() ->
        wait(shells)

      {:nodeup, node, _info} ->
        Logger.info("a remote shell was opened: #{node}")
        wait(shells + 1)

      {:nodedown, node, _info} ->
        Logger.info("a remote shell was closed: #{node}")
        if shells > 1, do: wait(shells - 1)
    after
      if(shells == 0, do: @patience_ms, else: :infinity) -> :ok
    end
  end
end
