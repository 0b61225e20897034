defmodule FormdbHttpWeb.ApiDocTest do
  # Does what docs/API.md shows, from its first example to its last, on a server of its own and
  # with the curl that a reader has; and holds its tables against what they are about.
  use ExUnit.Case, async: true

  alias FormdbHttp.{Config, Document, ServerProcess}
  alias FormdbHttp.Config.{Settings, Value}
  alias FormdbHttpWeb.Routes

  @path "docs/API.md"
  @document File.read!(@path)

  setup_all do
    folder = Config.load!().data_dir <> "-document"
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    # Reading through what is stored would change figures in the middle of it.
    backups = Path.join(folder, "backups")
    File.mkdir_p!(backups)
    settings = [{"FORMDB_SCRUB_BYTES_PER_SECOND", "0"}, {"FORMDB_BACKUP_DIR", backups}]
    server = start_supervised!({ServerProcess, {Path.join(folder, "data"), settings}})
    address = "127.0.0.1:#{ServerProcess.await_ready(server)}"
    %{results: Document.follow(@path, address, folder)}
  end

  test "every command is answered as it shows", %{results: results} do
    assert length(results) > 100

    assert Document.differences(results) == []
  end

  test "a refusal is shown as one", %{results: results} do
    assert Document.hidden_refusals(results) == []
  end

  # What is different in one place of what is shown is found, wherever that is.
  test "no number and no member that is shown could be another", %{results: results} do
    {count, unnoticed} = Document.unnoticed_changes(results)
    assert unnoticed == []
    assert count > 500
  end

  test "every call, and everything that it takes and answers, is in an example", %{
    results: results
  } do
    # This server asks for no credentials: docs/SECURITY.md shows those of one that does.
    {_about, signing_in} = List.keyfind!(Routes.groups(), "Signing in", 0)
    missing = Document.needed(Routes.all() -- signing_in) -- Document.shown(results)

    assert missing == [],
           "#{@path} has no example of\n#{Enum.map_join(missing, "\n", &inspect/1)}"
  end

  test "the table of calls has every call" do
    shown = Regex.scan(~r/^\| `([A-Z]+) (\S+)` \|/m, @document, capture: :all_but_first)

    calls =
      for resource <- Routes.all(),
          {method, _call} <- resource.calls,
          do: [method, String.replace(resource.template, ~r/{(\w+)}/, ":\\1")]

    assert Enum.sort(shown) == Enum.sort(calls)
  end

  test "defaults of limits are those of the settings" do
    settings = Map.new(Settings.all(), &{Settings.variable(&1.field), &1})

    rows =
      Regex.scan(~r/^\| [^|]+ \| `(FORMDB_\w+)` \| ([^|]+) \| [^|]+ \|$/m, @document,
        capture: :all_but_first
      )

    assert length(rows) > 15

    for [variable, default] <- rows do
      setting = settings[variable]
      unit = if setting.type == :milliseconds, do: " ms", else: ""
      assert {variable, default} == {variable, Value.show(setting, setting.default) <> unit}
    end

    for [variable] <- Regex.scan(~r/FORMDB_\w+/, @document),
        do: assert(is_map_key(settings, variable), "#{variable} is no setting")
  end

  test "what is linked to is there" do
    assert Document.broken_links(@path) == []
  end
end
