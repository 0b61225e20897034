defmodule FormdbHttpWeb.MonitoringTest do
  # What deploy/monitoring has is what the code says, and names what the server shows.
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.{Config, Exposition, JSON}
  alias FormdbHttpWeb.Endpoint
  alias FormdbHttpWeb.Monitoring.{Alerts, Dashboard}

  setup_all do
    start_supervised!({Endpoint, Config.load!()})
    name = "monitoring_#{System.unique_integer([:positive])}"
    {:ok, _} = FormdbHttp.open(name)

    {:ok, _} =
      FormdbHttp.put_feature(
        name,
        ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})
      )

    on_exit(fn -> FormdbHttp.purge(name) end)
    get(Endpoint.port(), "/health")
    {:ok, scraped: Exposition.parse!(get(Endpoint.port(), "/metrics").body)}
  end

  test "the files are those that mix formdb.monitoring writes" do
    for {name, text} <- Mix.Tasks.Formdb.Monitoring.files() do
      assert File.read!("deploy/monitoring/" <> name) == IO.iodata_to_binary(text),
             "deploy/monitoring/#{name} is out of date: run mix formdb.monitoring"
    end
  end

  test "the dashboard is JSON, in which no panel has the place or the id of another" do
    dashboard = Dashboard.json() |> IO.iodata_to_binary() |> JSON.decode!()
    panels = dashboard["panels"]
    assert length(panels) > 20
    ids = Enum.map(panels, & &1["id"])
    assert Enum.uniq(ids) == ids

    cells =
      for %{"gridPos" => %{"x" => x, "y" => y, "w" => w, "h" => h}} <- panels,
          column <- x..(x + w - 1),
          line <- y..(y + h - 1),
          do: {column, line}

    assert Enum.uniq(cells) == cells
    assert Enum.all?(cells, fn {column, _line} -> column in 0..23 end)
  end

  test "rules and panels name metrics and labels that there are", %{scraped: scraped} do
    expressions = Alerts.expressions() ++ Dashboard.expressions()
    assert length(expressions) > 40
    for {what, expr} <- expressions, do: assert({what, unknown(expr, scraped)} == {what, []})

    # And that would be noticed.
    for {expr, missing} <- [
          {"formdb_database_poison == 1", ["formdb_database_poison"]},
          {"rate(formdb_database_fsync_duration_seconds_buckets[5m])",
           ["formdb_database_fsync_duration_seconds_buckets"]},
          {~s(formdb_databases{state="failed"}), ["state"]},
          {~s(formdb_databases{status="broken"}), [~s(status="broken")]},
          {"sum by (database, kind) (formdb_database_seq)", ["kind"]}
        ],
        do: assert(unknown(expr, scraped) == missing)
  end

  # Labels that Prometheus adds.
  @added ["instance", "job"]

  # The names in an expression that the server does not have.
  defp unknown(expr, scraped) do
    names = for [name] <- Regex.scan(~r/\b(?:formdb|process|erlang_vm)_\w+/, expr), do: name
    metrics = for name <- names, metric = metric(name, scraped), do: metric
    labels = for metric <- metrics, {{_, labels}, _} <- metric.samples, label <- labels, do: label
    known = Enum.map(labels, &elem(&1, 0)) ++ @added
    # Of what has not happened yet there are no samples.
    known = if labels == [] and expr =~ "formdb_database_", do: ["database" | known], else: known

    matchers = Regex.scan(~r/(\w+)(=|=~|!=|!~)"([^"]*)"/, expr, capture: :all_but_first)

    grouped =
      for [list] <- Regex.scan(~r/\b(?:by|on) \(([^)]*)\)/, expr, capture: :all_but_first),
          label <- String.split(list, ", ", trim: true),
          do: label

    Enum.reject(names, &metric(&1, scraped)) ++
      Enum.reject(grouped, &(&1 in known)) ++
      for [label, operator, value] <- matchers,
          wrong = wrong(label, operator, value, known, labels),
          do: wrong
  end

  defp wrong(label, operator, value, known, labels) do
    cond do
      label not in known -> label
      # A server that has not failed yet has no such requests.
      label == "status" and value =~ ~r/\A[1-5]xx\z/ -> nil
      operator == "=" and {label, value} not in labels -> ~s(#{label}="#{value}")
      true -> nil
    end
  end

  defp metric(name, scraped) do
    base = String.replace(name, ~r/_(bucket|sum|count)\z/, "")
    histogram = scraped[base]

    if histogram && histogram.type == "histogram" && base != name,
      do: histogram,
      else: scraped[name]
  end
end
