defmodule Mix.Tasks.Formdb.Monitoring do
  @shortdoc "Writes alert rules for Prometheus and a dashboard for Grafana"
  @moduledoc """
  Writes what a Prometheus and a Grafana need to watch FormDB:

      mix formdb.monitoring            into deploy/monitoring
      mix formdb.monitoring DIR        into another folder

  `alerts.yml` are alert rules, `alerts_test.yml` their tests for `promtool test rules`, and
  `dashboard.json` is a dashboard. It neither starts a server nor needs one.
  """

  use Mix.Task

  alias FormdbHttpWeb.Monitoring.{Alerts, Dashboard}

  @folder "deploy/monitoring"

  @impl true
  def run([]), do: run([@folder])

  def run([folder]) do
    File.mkdir_p!(folder)

    for {name, text} <- files() do
      path = Path.join(folder, name)
      File.write!(path, text)
      Mix.shell().info("wrote #{path}")
    end
  end

  def run(_arguments), do: Mix.raise("usage: mix formdb.monitoring [DIR]")

  @doc "The files, by name."
  @spec files() :: [{String.t(), iodata()}]
  def files do
    [
      {"alerts.yml", Alerts.rules()},
      {"alerts_test.yml", Alerts.tests()},
      {"dashboard.json", Dashboard.json()}
    ]
  end
end
