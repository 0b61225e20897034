defmodule Ships.MixProject do
  use Mix.Project

  def project do
    [
      app: :ships,
      version: "0.1.0",
      elixir: ">= 1.14.0",
      start_permanent: Mix.env() == :prod,
      deps: deps()
    ]
  end

  def application, do: [mod: {Ships.Application, []}, extra_applications: [:logger]]

  defp deps do
    [
      {:formdb_http, path: "../.."},
      {:phoenix, "~> 1.7"},
      {:phoenix_live_view, "~> 0.20.17 or ~> 1.0"},
      {:phoenix_html, "~> 4.1"},
      {:bandit, "~> 1.5"},
      {:jason, "~> 1.4"}
    ]
  end
end
