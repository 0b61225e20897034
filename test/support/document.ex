defmodule FormdbHttp.Document do
  @moduledoc """
  A page of the documentation, followed by a test as a reader would: its commands are run in
  their order against a server, and what they print is held against what the page shows
  (`FormdbHttp.Transcript`). A command that only sets a variable of the shell (`DB=...`) holds for
  all that follow.
  """

  alias FormdbHttp.Transcript
  alias FormdbHttpWeb.Router
  alias FormdbHttpWeb.Routes.Resource

  @address "127.0.0.1:4000"
  # Of curl, for what has no end of its own.
  @time_is_up 28

  @typedoc "An example of a page, what it printed and sent, and how that compares."
  @type result :: %{
          path: Path.t(),
          example: Transcript.t(),
          output: String.t(),
          requests: list(),
          names: Transcript.names(),
          compared: {:ok, Transcript.names()} | {:error, String.t()}
        }

  @doc """
  Runs the commands of the page at `path` in `folder`, with `address` in the place of the
  address that pages show, and `env` in the environment.
  """
  @spec follow(Path.t(), String.t(), Path.t(), [{String.t(), String.t()}]) :: [result()]
  def follow(path, address, folder, env \\ []) do
    {results, _state} =
      path
      |> File.read!()
      |> Transcript.examples()
      |> Enum.map_reduce({%{}, []}, &step(&1, &2, path, address, {folder, env}))

    results
  end

  # `before` are the variables of the shell that were set so far.
  defp step(example, {names, before}, path, address, {folder, env}) do
    command = in_run(example.command, names, address)
    variable? = command =~ ~r/\A[A-Z]+=\S+\z/

    {output, status, requests} =
      if variable?,
        do: {"", 0, []},
        else: Transcript.run(Enum.join(before ++ [command], "\n"), folder, env)

    output = String.replace(output, address, @address)

    compared =
      if status == 0 or (status == @time_is_up and command =~ "--max-time"),
        do: Transcript.compare(example.printed, output, names),
        else: {:error, "it ended with status #{status}"}

    names = with {:error, _} <- compared, do: names, else: ({:ok, names} -> names)

    result = %{
      path: path,
      example: example,
      output: output,
      requests: requests,
      names: names,
      compared: compared
    }

    {result, {names, if(variable?, do: before ++ [command], else: before)}}
  end

  defp in_run(command, names, address) do
    Enum.reduce(names, String.replace(command, @address, address), fn {shown, came}, command ->
      String.replace(command, shown, came)
    end)
  end

  @typedoc "A call, or a form of a body or an answer, with what is in it."
  @type shown :: {method :: String.t(), template :: String.t()} | {atom(), String.t(), atom()}

  @doc "Every call of these resources; and every form of every body and answer, in one or another."
  @spec needed([Resource.t()]) :: [shown()]
  def needed(resources) do
    for resource <- resources,
        {method, call} <- resource.calls,
        need <- [{method, resource.template} | forms(call)],
        uniq: true,
        do: need
  end

  @doc "Those that the examples show."
  @spec shown([result()]) :: [shown()]
  def shown(results) do
    for %{requests: requests} <- results,
        request <- requests,
        seen <- seen(request),
        uniq: true,
        do: seen
  end

  defp seen(%{sent: [line | sent], came: [status | came]}) do
    [method, target, _version] = String.split(line, " ")
    [path | _query] = String.split(target, "?", parts: 2)

    with {resource, _parts} <- Router.find(path),
         %{} = call <- resource.calls[method],
         true <- String.starts_with?(status, ["HTTP/1.1 2", "HTTP/1.1 101"]) do
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

  @doc "Where what was printed is not what is shown, in words."
  @spec differences([result()]) :: [String.t()]
  def differences(results) do
    for %{example: example, compared: {:error, what}} = result <- results do
      """
      #{place(result)}: #{what}
      $ #{example.command}
      is shown with
      #{example.printed}
      and printed
      #{String.slice(result.output, 0, 4_000)}
      """
    end
  end

  @doc "Commands that were refused, where the page does not show the status of that."
  @spec hidden_refusals([result()]) :: [String.t()]
  def hidden_refusals(results) do
    for %{example: example, requests: requests} = result <- results,
        %{came: ["HTTP/1.1 " <> status | _fields]} <- requests,
        status >= "300" and not String.starts_with?(example.printed, "HTTP/1.1 " <> status),
        do: "#{place(result)} does not show that it is answered #{status}"
  end

  @doc """
  How many numbers and members of what is shown were altered, one at a time, and which of these
  the comparison did not notice.
  """
  @spec unnoticed_changes([result()]) :: {non_neg_integer(), [String.t()]}
  def unnoticed_changes(results) do
    tried =
      for result <- results, {changed, what} <- changes(result.example.printed) do
        noticed? = match?({:error, _}, Transcript.compare(changed, result.output, result.names))

        if not noticed?, do: "#{place(result)} could as well have #{what}"
      end

    {length(tried), Enum.reject(tried, &is_nil/1)}
  end

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
      {left, rest} = :erlang.split_binary(body, start)
      {part, right} = :erlang.split_binary(rest, length)
      {head <> left <> change.(part) <> right, change.(part)}
    end
  end

  @doc "Links of the page at `path` to files and headings that are not there."
  @spec broken_links(Path.t()) :: [String.t()]
  def broken_links(path) do
    links =
      Regex.scan(~r/\]\((?!https?:)([^()#\s]*)(?:#([\w-]+))?\)/, File.read!(path),
        capture: :all_but_first
      )

    for [link | anchor] <- links,
        file = if(link == "", do: path, else: Path.expand(link, Path.dirname(path))),
        not (File.exists?(file) and Enum.all?(anchor, &(&1 in anchors(File.read!(file))))),
        do: Enum.join([link | anchor], "#")
  end

  defp anchors(markdown) do
    for [heading] <- Regex.scan(~r/^#+ (.*)$/m, markdown, capture: :all_but_first) do
      heading
      |> String.downcase()
      |> String.replace(~r/[^\w\s-]/u, "")
      |> String.replace(" ", "-")
    end
  end

  defp place(%{path: path, example: example}), do: "#{path}:#{example.line}"
end
