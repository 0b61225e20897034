defmodule FormdbHttpWeb.Routes.Server do
  @moduledoc false
  # What is asked of the server as a whole.

  import FormdbHttpWeb.Routes.Content
  import FormdbHttpWeb.Routes.Parameters
  import FormdbHttpWeb.Routes.Resource, only: [call: 5, new: 3]

  alias FormdbHttpWeb.{DocumentController, HealthController, MetricsController}
  alias FormdbHttpWeb.{PageController, SocketController, VersionController}

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
        static(:live_page, "/live", :live, "The page that shows a journal live.", html(:page),
          query: [
            parameter("db", :text, "The database that it shows."),
            parameter("filter", :text, "What of it, as a query string of its journal's stream.")
          ]
        ),
        static(:live_script, "/live/live.js", :live_script, "Its script.", script(:page)),
        static(:live_map, "/live/world.svg", :world, "Its map.", picture(:page)),
        static(:docs_style, "/docs/style.css", :style, "The style of pages.", style(:page)),
        new(:socket, "/socket/websocket", [
          call(
            "GET",
            {SocketController, :connect},
            nil,
            "A WebSocket with the protocol of Phoenix Channels.",
            more:
              "The topic `journal:DB` has the blocks of a database as they come: docs/API.md has its messages. " <>
                "Parameters that are not listed here are passed over, since clients send parameters of their own.",
            query: [
              parameter("vsn", :text, "The version of the protocol, 1.0.0 or 2.0.0."),
              token()
            ],
            access: :principal,
            others: :ignored,
            answers: [switching_protocols()]
          )
        ]),
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

  defp static(name, path, action, about, content, opts \\ []) do
    new(name, path, [
      call("GET", {PageController, action}, nil, about,
        query: Keyword.get(opts, :query, []),
        headers: [if_match(), if_none_match()],
        answers: [ok(content, etag: true), not_modified()]
      )
    ])
  end

  def probes do
    [
      new(:health, "/health", [
        call("GET", {HealthController, :live}, nil, "Whether the server runs.",
          brief: true,
          answers: [ok(json(:alive))]
        )
      ]),
      new(:live, "/health/live", [
        call("GET", {HealthController, :live}, nil, "Whether the server runs.",
          brief: true,
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
