defmodule FormdbHttpWeb.SecurityDocTest do
  # Does what docs/SECURITY.md shows, with the commands that a reader has, on a server with
  # credentials.
  use ExUnit.Case, async: true

  alias FormdbHttp.{Config, Document, ServerProcess}
  alias FormdbHttp.Config.Settings
  alias FormdbHttpWeb.Routes

  @path "docs/SECURITY.md"

  setup_all do
    folder = Config.load!().data_dir <> "-security"
    File.mkdir_p!(Path.join(folder, "bin"))
    on_exit(fn -> File.rm_rf!(folder) end)

    settings =
      for {name, file} <- [{"API_KEYS", "keys.json"}, {"USERS", "users.json"}] do
        path = Path.join(folder, file)
        File.touch!(path)
        File.chmod!(path, 0o600)
        {"FORMDB_#{name}_FILE", path}
      end

    server = start_supervised!({ServerProcess, {Path.join(folder, "data"), settings}})
    port = ServerProcess.await_ready(server)
    path = Path.join(folder, "bin") <> ":" <> System.get_env("PATH")
    write_mix(Path.join(folder, "bin/mix"))
    env = [{"PATH", path} | settings]
    %{results: Document.follow(@path, "127.0.0.1:#{port}", folder, env)}
  end

  # The commands are run in the folder of the project, with this build of it, and the server has
  # two seconds to read the files.
  defp write_mix(path) do
    File.write!(path, """
    #!/bin/sh
    cd #{File.cwd!()} && MIX_ENV=test #{System.find_executable("mix")} "$@" && sleep 2
    """)

    File.chmod!(path, 0o755)
  end

  test "every command is answered as it shows", %{results: results} do
    assert length(results) > 25
    assert Document.differences(results) == []
    assert Document.hidden_refusals(results) == []
    assert {_count, []} = Document.unnoticed_changes(results)
  end

  test "every call that signs in is in an example", %{results: results} do
    {_about, resources} = List.keyfind!(Routes.groups(), "Signing in", 0)

    missing =
      for need <- Document.needed(resources) -- Document.shown(results),
          # docs/API.md shows CBOR.
          not match?({_direction, "application/cbor", _what}, need),
          do: need

    assert missing == []
  end

  test "settings that it names are there, and what it links to" do
    variables = for setting <- Settings.all(), do: Settings.variable(setting.field)

    for [variable] <- Regex.scan(~r/FORMDB_[A-Z_]+/, File.read!(@path)),
        do: assert(variable in variables, "#{variable} is no setting")

    assert Document.broken_links(@path) == []
  end
end
