defmodule FormdbHttpWeb.OpenAPI.Schemas.Server do
  @moduledoc false
  # What the server says of itself.

  import FormdbHttpWeb.OpenAPI.Schema

  @memory [:total, :processes, :binary, :ets, :code]

  def schemas do
    [
      alive: object([status: constant("ok")], [], examples: [[status: "ok"]]),
      ready:
        object([status: enum(["ready", "degraded"])], [reasons: ref(:reasons)],
          description: "`degraded`: the memory for indexes is all but used up.",
          examples: [[status: "ready"]]
        ),
      not_ready:
        object([status: constant("not ready"), reasons: ref(:reasons)], [],
          examples: [
            [
              status: "not ready",
              reasons: [[database: "quakes", reason: "its journal is being read"]]
            ]
          ]
        ),
      reasons: list(object([reason: text()], database: ref(:database_name)), minItems: 1),
      server:
        object(
          [
            status: enum(["ok", "degraded", "stopping"]),
            version: text(),
            elixir: text(),
            otp: text(),
            schedulers: count(1),
            uptime_seconds: count(),
            connections:
              nullable(count(), description: "Open now; null where another server is the host."),
            processes: count(),
            memory:
              object(for(kind <- @memory, do: {kind, count()}), [],
                description: "Bytes of the Erlang VM, without those of the engine."
              ),
            databases: list(ref(:database_state))
          ],
          reasons: ref(:reasons)
        ),
      version:
        object(
          [
            version: text(),
            api: constant("v1"),
            elixir: text(),
            otp: text(),
            tzdata: text(description: "The release of the IANA time zone database.")
          ],
          [],
          examples: [
            [version: "0.1.0", api: "v1", elixir: "1.14.0", otp: "25", tzdata: "2026f"]
          ]
        ),
      home:
        object(
          name: text(),
          version: text(),
          databases:
            list(
              object(
                id: ref(:database_name),
                status: ref(:database_status),
                href: text(format: "uri-reference")
              )
            ),
          links: list(object(rel: text(), href: text(format: "uri-reference"), type: text()))
        ),
      page: text(description: "A page, or a part of one."),
      document:
        object([openapi: text(), info: [type: "object"], paths: [type: "object"]], [],
          description: "A document of OpenAPI."
        ),
      metrics:
        text(description: "Figures of the databases, the requests and the VM, for Prometheus.")
    ]
  end
end
