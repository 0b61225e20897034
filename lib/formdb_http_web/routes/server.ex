defmodule FormdbHttpWeb.Routes.Server do
  @moduledoc false
  # What is asked of the server as a whole.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.{DocumentController, HealthController, MetricsController}
  alias FormdbHttpWeb.{PageController, VersionController}

  def resources do
    probes() ++
      [
        new(:home, "/", [
          call("GET", {PageController, :home}, :read, "What this is, as a page or as links.",
            access: :anybody,
            more: "Of databases those are there that whoever asks may read.",
            answers: [ok(json(:home) ++ html(:page))]
          )
        ]),
        static(:docs, "/docs", :docs, "The page that shows the API.", html(:page)),
        static(:docs_script, "/docs/docs.js", :script, "Its script.", script(:page)),
        static(:docs_style, "/docs/style.css", :style, "The style of pages.", style(:page)),
        new(:document, "/openapi.json", [
          call("GET", {DocumentController, :show}, nil, "This document.",
            query: [
              parameter("version", {:enum, [:"3.1", :"3.0"]}, "Of OpenAPI.", default: :"3.1")
            ],
            headers: [if_match(), if_none_match()],
            answers: [ok(json(:document), etag: true), not_modified()]
          )
        ]),
        new(:version, "/api/v1/version", [
          call("GET", {VersionController, :show}, nil, "Versions of the server and the API.",
            answers: [ok(json(:version))]
          )
        ])
      ]
  end

  defp static(name, path, action, about, content) do
    new(name, path, [
      call("GET", {PageController, action}, nil, about,
        headers: [if_match(), if_none_match()],
        answers: [ok(content, etag: true), not_modified()]
      )
    ])
  end

  def probes do
    [
      new(:health, "/health", [
        call("GET", {HealthController, :live}, nil, "Whether the server runs.",
          answers: [ok(json(:alive))]
        )
      ]),
      new(:live, "/health/live", [
        call("GET", {HealthController, :live}, nil, "Whether the server runs.",
          answers: [ok(json(:alive))]
        )
      ]),
      new(:ready, "/health/ready", [
        call(
          "GET",
          {HealthController, :ready},
          nil,
          "Whether all databases take reads and writes.",
          access: :anybody,
          more:
            "Where credentials are needed, those that do not are named only to who may read all of them.",
          answers: [ok(json(:ready)), answer(503, json(:not_ready))]
        )
      ]),
      new(:detailed, "/health/detailed", [
        call(
          "GET",
          {HealthController, :detailed},
          :read,
          "The server and its databases in figures.",
          answers: [ok(json(:server))]
        )
      ]),
      new(:metrics, "/metrics", [
        call(
          "GET",
          {MetricsController, :show},
          :read,
          "Figures in the text format of Prometheus.",
          answers: [ok(text(:metrics))]
        )
      ])
    ]
  end
end
