defmodule FormdbHttpWeb.OpenAPI.Schemas.Server do
  @moduledoc false
  # What the server says of itself.

  import FormdbHttpWeb.OpenAPI.Schema

  @memory [:total, :processes, :binary, :ets, :code]

  def schemas do
    [
      alive: object([status: constant("ok")], [], examples: [[status: "ok"]]),
      ready:
        object([status: ref(:readiness)], [reasons: ref(:reasons)],
          description:
            "`degraded`: reads go on, and `reasons` says what does not: the memory for indexes is all but " <>
              "used up, the disk has too little room, or a database does not follow the clock.",
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
      readiness: enum(["ready", "degraded"]),
      reasons: list(ref(:reason_not_ready), minItems: 1),
      reason_not_ready: object([reason: text()], database: ref(:database_name)),
      server:
        object(
          [
            status: ref(:server_status),
            version: text(),
            elixir: text(),
            otp: text(),
            schedulers: count(1),
            uptime_seconds: count(),
            connections:
              nullable(count(), description: "Open now; null where another server is the host."),
            processes: count(),
            memory: ref(:memory_figures),
            index_memory: ref(:index_memory_figures),
            disk: ref(:disk_figures),
            databases: list(ref(:database_state))
          ],
          reasons: ref(:reasons)
        ),
      server_status: enum(["ok", "degraded", "stopping"]),
      memory_figures:
        object(for(kind <- @memory, do: {kind, count()}), [],
          description: "Bytes of the Erlang VM, without those of the engine."
        ),
      index_memory_figures:
        object([used_bytes: count(), limit_bytes: count(1)], [],
          description:
            "The indexes of all databases; beyond the limit writes that add are refused."
        ),
      disk_figures:
        object(
          [
            free_bytes: nullable(count(), description: "null where the system does not say."),
            size_bytes: nullable(count(), description: "null where the system does not say."),
            min_free_bytes: count(0, description: "Below it writes are refused.")
          ],
          [],
          description: "The disk of the data folder."
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
          databases: list(ref(:database_link)),
          links: list(ref(:typed_link))
        ),
      database_link:
        object(
          id: ref(:database_name),
          status: ref(:database_status),
          href: text(format: "uri-reference")
        ),
      typed_link: object(rel: text(), href: text(format: "uri-reference"), type: text()),
      page: text(description: "A page, or a part of one."),
      document:
        object([openapi: text(), info: ref(:json_object), paths: ref(:json_object)], [],
          description: "A document of OpenAPI."
        ),
      metrics:
        text(description: "Figures of the databases, the requests and the VM, for Prometheus.")
    ]
  end
end
