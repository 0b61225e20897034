defmodule FormdbHttp.BootSignals do
  @moduledoc false
  # SIGTERM while a release starts. The VM catches the signal from its first moment on, and sends it to
  # :erl_signal_server, which the application kernel starts only once all code is loaded: until then it
  # would be lost, and so would it be in the answer of OTP to it, which is for a VM that has started.
  # Whoever stops the server then would wait for nothing. The boot script therefore has calls of these
  # functions (Mix.FormdbRelease). There is nothing to stop in order yet: the VM ends at once.
  # What comes between the VM's first moment and the boot script, some hundredths of a second, is still lost.
  #
  # Until kernel runs this calls nothing but functions of the VM itself: no other code is loaded.

  @behaviour :gen_event

  @name :erl_signal_server
  # What a shell says of a program that SIGTERM has ended.
  @status 143

  @doc "The first call: has the name from now on."
  @spec start() :: true
  def start, do: :erlang.register(@name, :erlang.spawn(__MODULE__, :await, []))

  @doc false
  @spec await() :: no_return()
  def await do
    receive do
      {:notify, :sigterm} -> :erlang.halt(@status)
      :stop -> :erlang.exit(:normal)
      _other -> await()
    end
  end

  @doc "Before kernel is started: gives the name away. Until it has an owner again the system ends the VM."
  @spec give_name() :: true
  def give_name do
    :ok = :os.set_signal(:sigterm, :default)
    process = :erlang.whereis(@name)
    true = :erlang.unregister(@name)
    # What has come before is looked at before this.
    :erlang.send(process, :stop)
    true
  end

  @doc "Once kernel is started: in force until the server is to be stopped in order."
  @spec handle() :: :ok
  def handle do
    :ok = :gen_event.add_handler(@name, __MODULE__, [])
    :os.set_signal(:sigterm, :handle)
  end

  @doc "From now on somebody else sees to it. There may be none, outside of a release."
  @spec release() :: :ok
  def release do
    _ = :gen_event.delete_handler(@name, __MODULE__, [])
    :ok
  end

  ## Callbacks of the handler for signals

  @impl true
  def init([]), do: {:ok, []}

  @impl true
  def handle_event(:sigterm, _state), do: :erlang.halt(@status)
  # The others are for the handler of OTP.
  def handle_event(_other, state), do: {:ok, state}

  @impl true
  def handle_call(_request, state), do: {:ok, :ok, state}
end
