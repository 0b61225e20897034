defmodule FormdbHttp.ReadmeTest do
  # Does what the README tells a newcomer to do, and compares what comes back with
  # what the README shows.
  use ExUnit.Case

  alias FormdbHttpWeb.Endpoint

  @readme File.read!("README.md")

  setup do
    config = FormdbHttp.Config.load!()
    start_supervised!(Supervisor.child_spec({Endpoint, config}, restart: :temporary))
    names = ["quakes", "notes"]
    for name <- names, do: FormdbHttp.purge(name)
    on_exit(fn -> for name <- names, do: FormdbHttp.purge(name) end)

    # Keeps curl's progress meter out of the test's output.
    curl_home = Path.join(config.data_dir <> "-curl", "#{System.unique_integer([:positive])}")
    File.mkdir_p!(curl_home)
    File.write!(Path.join(curl_home, ".curlrc"), "silent\nshow-error\n")
    on_exit(fn -> File.rm_rf!(config.data_dir <> "-curl") end)
    {:ok, port: Endpoint.port(), curl_home: curl_home}
  end

  test "the tour's commands get the answers that it shows", context do
    tour = section("A two-minute tour")
    # A command and the answer that follows it: two fences with nothing but blank
    # lines between them.
    example = ~r/^```sh\n(.*?)^```\n\s*^```(?:json|http)\n(.*?)^```$/ms
    examples = Regex.scan(example, tour, capture: :all_but_first)
    # No command without its answer, or it would go unnoticed.
    assert length(examples) == length(Regex.scan(~r/^```sh$/m, tour))
    assert length(examples) == length(Regex.scan(~r/^curl /m, tour))
    assert length(examples) >= 10

    for [command, expected] <- examples do
      actual = run(command, context)

      assert answers?(actual, expected), """
      README.md says that

      #{command}
      is answered with

      #{expected}
      but the answer is

      #{actual}
      """
    end
  end

  test "the Elixir code does what its matches say" do
    [[code]] =
      Regex.scan(~r/^```elixir\n(.*?)^```$/ms, section("The same from Elixir"),
        capture: :all_but_first
      )

    assert code =~ "{:ok, "
    Code.eval_string(code, [], file: "README.md")
    assert {:error, %{code: :database_not_found}} = FormdbHttp.database("notes")
  end

  test "every file that it links to is there" do
    links = Regex.scan(~r/\]\(([^)#:]+)\)/, @readme, capture: :all_but_first)
    assert length(links) >= 6
    assert for([path] <- links, not File.exists?(path), do: path) == []
  end

  test "every command of make that it names is a target" do
    makefile = File.read!("Makefile")

    for [target] <- Regex.scan(~r/\bmake ([a-z]+)[ `]/, @readme, capture: :all_but_first),
        do: assert(makefile =~ ~r/^#{target}:/m, "the Makefile has no target #{target}")
  end

  test "the comparison can fail" do
    answer = ~s({"a":1,"b":"x y","c":[1,2]})
    assert answers?(answer, answer <> "\n")
    assert answers?(answer, ~s({"a":1,\n "b":"x y",\n "c":[1,2]}\n))
    assert answers?(answer, ~s({"a":1,…}))
    assert answers?(answer, ~s({"a":…,"c":[…]}))
    refute answers?(answer, ~s({"a":2,…}))
    refute answers?(answer, ~s({"a":1}))
    refute answers?(answer, ~s({"a":1,"b":"xy",…}))
    refute answers?(answer, ~s({…,"c":[1,3]}))
    refute answers?(answer, "")
  end

  defp section(title) do
    [_before, rest] = String.split(@readme, "\n## #{title}\n", parts: 2)
    rest |> String.split("\n## ", parts: 2) |> hd()
  end

  defp run(command, %{port: port, curl_home: curl_home}) do
    assert command =~ "localhost:4000"
    command = String.replace(command, "localhost:4000", "127.0.0.1:#{port}")

    {output, status} =
      System.cmd("bash", ["-euo", "pipefail", "-c", command],
        env: [{"CURL_HOME", curl_home}, {"http_proxy", nil}, {"ALL_PROXY", nil}],
        stderr_to_stdout: true
      )

    assert status == 0, "#{command}\nended with status #{status}:\n#{output}"
    output
  end

  # Line breaks and the indentation after them are the README's own, and … stands
  # for anything.
  defp answers?(actual, expected) do
    pattern =
      expected
      |> one_line()
      |> String.split("…")
      |> Enum.map_join(".*", &Regex.escape/1)

    Regex.match?(~r/\A#{pattern}\z/su, one_line(actual))
  end

  defp one_line(text), do: text |> String.trim() |> String.replace(~r/\s*\n\s*/, "")
end
