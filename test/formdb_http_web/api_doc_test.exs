defmodule FormdbHttpWeb.ApiDocTest do
  # Does what docs/API.md shows, from its first example to its last, on a server of its own and
  # with the curl that a reader has; and holds its tables against what they are about.
  use ExUnit.Case, async: true

  alias FormdbHttp.{Config, ServerProcess, Transcript}
  alias FormdbHttp.Config.{Settings, Value}
  alias FormdbHttpWeb.{Router, Routes}

  @path "docs/API.md"
  @document File.read!(@path)
  @examples Transcript.examples(@document)
  @address "127.0.0.1:4000"

  setup_all do
    folder = Config.load!().data_dir <> "-document"
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    # Reading through what is stored would change figures in the middle of it.
    settings = [{"FORMDB_SCRUB_BYTES_PER_SECOND", "0"}]
    server = start_supervised!({ServerProcess, {Path.join(folder, "data"), settings}})
    address = "127.0.0.1:#{ServerProcess.await_ready(server)}"
    %{results: follow(@examples, address, folder)}
  end

  test "every command is answered as it shows", %{results: results} do
    assert length(results) > 100

    wrong =
      for %{example: example, compared: {:error, what}} = result <- results do
        """
        #{@path}:#{example.line}: #{what}
        $ #{example.command}
        is shown with
        #{example.printed}
        and printed
        #{String.slice(result.output, 0, 4_000)}
        """
      end

    assert wrong == [],
           "#{length(wrong)} answers differ:\n\n" <> Enum.join(Enum.take(wrong, 20), "\n")
  end

  test "a refusal is shown as one", %{results: results} do
    for %{example: example, requests: requests} <- results,
        %{came: ["HTTP/1.1 " <> status | _fields]} <- requests,
        status >= "300" and not String.starts_with?(example.printed, "HTTP/1.1 " <> status),
        do: flunk("#{@path}:#{example.line} does not show that it is answered #{status}")
  end

  # What is different in one place of what is shown is found, wherever that is.
  test "no number and no member that is shown could be another", %{results: results} do
    changes =
      for result <- results,
          {changed, what} <- changes(result.example.printed) do
        assert match?({:error, _}, Transcript.compare(changed, result.output, result.names)),
               "#{@path}:#{result.example.line} could as well have #{what}"
      end

    assert length(changes) > 500
  end

  test "every call, and everything that it takes and answers, is in an example", %{
    results: results
  } do
    shown =
      for %{requests: requests} <- results,
          request <- requests,
          seen <- seen(request),
          uniq: true,
          do: seen

    missing = needed() -- shown

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
    for [path, anchor] <-
          Regex.scan(~r/\]\(([\w.\/]*)#([\w-]+)\)/, @document, capture: :all_but_first) do
      file = if path == "", do: @path, else: Path.join("docs", path)
      assert anchor in anchors(File.read!(file)), "#{path}##{anchor}"
    end
  end

  defp anchors(markdown) do
    for [heading] <- Regex.scan(~r/^#+ (.*)$/m, markdown, capture: :all_but_first) do
      heading
      |> String.downcase()
      |> String.replace(~r/[^\w\s-]/u, "")
      |> String.replace(" ", "-")
    end
  end

  ## Following the document

  # `before` are the variables of the shell that were set so far.
  defp follow(examples, address, folder) do
    {results, _state} =
      Enum.map_reduce(examples, {%{}, []}, fn example, {names, before} ->
        command = in_run(example.command, names, address)
        variable? = command =~ ~r/\A[A-Z]+=\S+\z/

        {output, status, requests} =
          if variable?,
            do: {"", 0, []},
            else: Transcript.run(Enum.join(before ++ [command], "\n"), folder)

        output = String.replace(output, address, @address)

        compared =
          if status == 0,
            do: Transcript.compare(example.printed, output, names),
            else: {:error, "it ended with status #{status}"}

        names = with {:error, _} <- compared, do: names, else: ({:ok, names} -> names)

        result = %{
          example: example,
          output: output,
          requests: requests,
          names: names,
          compared: compared
        }

        {result, {names, if(variable?, do: before ++ [command], else: before)}}
      end)

    results
  end

  defp in_run(command, names, address) do
    Enum.reduce(names, String.replace(command, @address, address), fn {shown, came}, command ->
      String.replace(command, shown, came)
    end)
  end

  ## What a document could get wrong

  # Each number as another one, and without each member that is a line's or an object's first.
  defp changes(printed) do
    [_before | body] = String.split("\n" <> printed, ~r/\n(?=[\[{])/, parts: 2)
    body = List.first(body) || ""
    head = String.replace_suffix(printed, body, "")

    for {regex, change} <- [
          {~r/(?<=[:\[,])-?\d+(?:\.\d+)?(?=[,\]}])/, &String.replace(&1, ~r/\A-?/, "\\g{0}9")},
          {~r/(?<=[{,])"\w+":(?=[^…])/u, &String.replace(&1, "\":", "s\":")}
        ],
        [{start, length}] <- Regex.scan(regex, body, return: :index) do
      <<left::binary-size(start), part::binary-size(length), right::binary>> = body
      {head <> left <> change.(part) <> right, change.(part)}
    end
  end

  ## What is called

  # Every call; and every form of every body and answer, in one call or another.
  defp needed do
    for resource <- Routes.all(),
        {method, call} <- resource.calls,
        need <- [{method, resource.template} | forms(call)],
        uniq: true,
        do: need
  end

  defp seen(%{sent: [line | sent], came: [status | came]}) do
    [method, target, _version] = String.split(line, " ")
    [path | _query] = String.split(target, "?", parts: 2)

    with {resource, _parts} <- Router.find(path),
         %{} = call <- resource.calls[method],
         "HTTP/1.1 2" <> _ <- status do
      types = [{:takes, type(sent)}, {:answers, type(came)}]

      forms =
        for {direction, type, _what} = form <- forms(call), {direction, type} in types, do: form

      [{method, resource.template} | forms]
    else
      _head_or_refused -> []
    end
  end

  defp forms(call) do
    {_needed, takes} = call.body || {nil, []}

    answers =
      for %{status: status, content: content} <- call.answers,
          status < 300,
          form <- content,
          do: form

    for {direction, content} <- [takes: takes, answers: answers],
        {type, schema} <- content,
        uniq: true,
        do: {direction, type, what(type, schema)}
  end

  # All of CBOR is JSON in another form, but for the record of a block.
  defp what("application/cbor", schema) when schema != :stored_block, do: :json
  defp what(_type, schema), do: schema

  defp type(fields) do
    for field <- fields,
        [name, value] = String.split(field, ":", parts: 2),
        String.downcase(name) == "content-type" do
      value |> String.split(";") |> hd() |> String.trim()
    end
    |> List.first()
  end
end
