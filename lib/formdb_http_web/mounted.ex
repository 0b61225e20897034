defmodule FormdbHttpWeb.Mounted do
  @moduledoc false
  # What FormDB needs to answer requests inside another application, whose server listens: the
  # processes that are not a listener's, and the settings of its requests. Both are there from the
  # first request on. They end with the databases.

  use Supervisor

  alias FormdbHttp.Config.Web
  alias FormdbHttp.{Error, Serving}
  alias FormdbHttpWeb.{Audit, Auth, Handler, Request, Settings}
  alias FormdbHttpWeb.Live.Open
  alias FormdbHttpWeb.Mounted.Principals

  @everywhere {0, 0, 0, 0}
  @loopback {127, 0, 0, 1}

  ## Processes

  def start_link(config), do: Supervisor.start_link(__MODULE__, config, name: __MODULE__)

  # Who asks has to be known before anybody does.
  @impl true
  def init(config) do
    children = Audit.Log.children(config) ++ Auth.children(config) ++ [Open]
    Supervisor.init(children, strategy: :one_for_one)
  end

  # A server of our own has them already.
  defp start(config) do
    if not running?() do
      case Serving.start_beside({__MODULE__, config}) do
        :ok ->
          :ok

        {:error, %Error{}} = not_started ->
          not_started

        {:error, {:shutdown, {:failed_to_start_child, _child, why}}} when is_binary(why) ->
          raise "FormDB cannot answer requests: #{why}"

        {:error, why} ->
          raise "FormDB cannot answer requests: #{inspect(why)}"
      end
    else
      :ok
    end
  end

  ## Settings

  @typedoc "From where may be asked."
  @type audience :: :all | :this_machine

  @doc """
  The settings of requests whose askers are known by `source`, and from where they may come: they
  are worked out once for each start of the databases. An error where these are not started, yet or
  just now.
  """
  @spec settings(Principals.source()) :: {:ok, Settings.t(), audience()} | {:error, Error.t()}
  def settings(source) do
    with {:ok, {start, config}} <- Serving.started() do
      key = {__MODULE__, source}

      with {^start, {settings, audience}} <- :persistent_term.get(key, nil),
           true <- running?(),
           do: {:ok, settings, audience},
           else: (_none_or_of_before -> begin(start, config, key, source))
    end
  end

  @doc "What is said where they are not."
  @spec not_running() :: Error.t()
  defdelegate not_running, to: Serving, as: :not_started

  @doc """
  Whether the databases are there, all of them: what runs beside them starts last and ends first. What
  was not found while they end may be there.
  """
  @spec running?() :: boolean()
  def running?, do: Process.whereis(Open) != nil

  defp begin(start, config, key, source) do
    with :ok <- start(config) do
      {settings, audience} = new = new(source, config)
      :persistent_term.put(key, {start, new})
      {:ok, settings, audience}
    end
  end

  # Where nobody is asked who they are, this machine alone may ask, and not by a name that a page's
  # owner let point to it.
  defp new(:own, config) do
    if Auth.on?(config) or config.allow_unauthenticated,
      do: {init(config, @everywhere), :all},
      else: {init(config, @loopback), :this_machine}
  end

  defp new(_function, config), do: {%{init(config, @everywhere) | auth: :host}, :all}

  # Whether browsers ask its name by TLS alone is the application's to say, for all that it answers.
  defp init(config, address), do: %{Handler.init(config, address, :all) | hsts: nil}

  # What proxies add to a request that they pass on. One on this machine is no sign of where the
  # client is.
  @forwarded ~w(forwarded x-forwarded-for x-real-ip)

  @doc "Whether somebody at that address, with those header fields, may ask at all."
  @spec open_to?(audience(), :inet.ip_address(), Request.headers()) :: boolean()
  def open_to?(:all, _peer, _headers), do: true

  def open_to?(:this_machine, peer, headers),
    do: Web.loopback?(peer) and not Enum.any?(@forwarded, &is_map_key(headers, &1))

  @doc "What others are told."
  @spec closed() :: Error.t()
  def closed do
    detail =
      "nobody is asked here who they are, so only this machine may ask, and not through a proxy. The application says who asks " <>
        "(option :principal of FormdbHttpWeb.Plug and FormdbHttpWeb.Socket), or has API keys, users or " <>
        "tokens in its settings, or sets allow_unauthenticated"

    %Error{code: :forbidden, detail: detail}
  end

  ## Requests

  @doc "What the log says of the process, for `leave/1`."
  @spec enter() :: :logger.metadata() | :undefined
  def enter, do: :logger.get_process_metadata()

  @doc "The process goes on to do something else, in nobody's name here, and under no id of ours."
  @spec leave(:logger.metadata() | :undefined) :: :ok
  def leave(metadata) do
    FormdbHttp.act_as(nil)

    if metadata == :undefined,
      do: :logger.unset_process_metadata(),
      else: :logger.set_process_metadata(metadata)

    flush()
  end

  defp flush do
    receive do
      {Open, _news} -> flush()
    after
      0 -> :ok
    end
  end
end
