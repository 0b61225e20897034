defmodule FormdbHttpWeb.Mounted do
  @moduledoc false
  # What FormDB needs to answer requests inside another application, whose server listens: the
  # processes that are not a listener's, and the settings of its requests. Both are there from the
  # first request on. They end with the databases.

  use Supervisor

  alias FormdbHttp.Config.Web
  alias FormdbHttp.{Error, Serving}
  alias FormdbHttpWeb.{Audit, Auth, Handler, Settings}
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
    if Process.whereis(Open) == nil do
      case Serving.start_beside({__MODULE__, config}) do
        :ok ->
          :ok

        {:error, {:shutdown, {:failed_to_start_child, _child, why}}} when is_binary(why) ->
          raise "FormDB cannot answer requests: #{why}"

        {:error, why} ->
          raise "FormDB cannot answer requests: #{inspect(why)}"
      end
    end
  end

  ## Settings

  @typedoc "From where may be asked."
  @type audience :: :all | :this_machine

  @doc """
  The settings of requests whose askers are known by `source`, and from where they may come: they
  are worked out once for each start of the databases. Raises where these are not started.
  """
  @spec settings(Principals.source()) :: {Settings.t(), audience()}
  def settings(source) do
    {start, config} = Serving.started()
    key = {__MODULE__, source}

    case :persistent_term.get(key, nil) do
      {^start, known} ->
        known

      _none_or_of_before ->
        start(config)
        new = new(source, config)
        :persistent_term.put(key, {start, new})
        new
    end
  end

  # Where nobody is asked who they are, this machine alone may ask, and not by a name that a page's
  # owner let point to it.
  defp new(:own, config) do
    if Auth.on?(config) or config.allow_unauthenticated,
      do: {Handler.init(config, @everywhere, :all), :all},
      else: {Handler.init(config, @loopback, :all), :this_machine}
  end

  defp new(_function, config),
    do: {%{Handler.init(config, @everywhere, :all) | auth: :host}, :all}

  @doc "Whether somebody at that address may ask at all."
  @spec open_to?(audience(), :inet.ip_address()) :: boolean()
  def open_to?(:all, _peer), do: true
  def open_to?(:this_machine, peer), do: Web.loopback?(peer)

  @doc "What others are told."
  @spec closed() :: Error.t()
  def closed do
    detail =
      "nobody is asked here who they are, so only this machine may ask. The application says who asks " <>
        "(option :principal of FormdbHttpWeb.Plug and FormdbHttpWeb.Socket), or has API keys, users or " <>
        "tokens in its settings, or sets allow_unauthenticated"

    %Error{code: :forbidden, detail: detail}
  end

  ## Requests

  @doc "Header fields as requests have them: those of one name are one (RFC 9110, 5.3)."
  @spec headers([{String.t(), String.t()}]) :: %{String.t() => String.t()}
  def headers(fields) do
    Enum.reduce(fields, %{}, fn {name, value}, headers ->
      Map.update(headers, name, value, &(&1 <> separator(name) <> value))
    end)
  end

  # RFC 9113, 8.2.3.
  defp separator("cookie"), do: "; "
  defp separator(_name), do: ", "

  @doc "The process goes on to do something else, in nobody's name here."
  @spec leave() :: :ok
  def leave do
    FormdbHttp.act_as(nil)
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
