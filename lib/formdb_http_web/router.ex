defmodule FormdbHttpWeb.Router do
  @moduledoc false
  # From path and method to a function of a controller, by the table of routes: its resources
  # become clauses of functions here, when this module is compiled.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttpWeb.{Accept, BasePath, CborForm, Params, Paths, Problem, Request, Routes}
  alias FormdbHttpWeb.{Settings, ShortText, SocketController}
  alias FormdbHttpWeb.Routes.{Databases, Resource}

  @typedoc "A resource and the parts of the path that vary."
  @type found :: {Resource.t(), parts :: [String.t()]} | nil

  @resources Routes.all()
  @probes for resource <- Routes.probes(), do: resource.name

  @doc "What is at a path; `nil` where there is nothing."
  @spec find(String.t(), Settings.routes()) :: found()
  def find(path, routes \\ :all)

  # An empty part at the beginning counts; else this would be the root.
  def find("//" <> _path, _routes), do: nil

  # A slash at the end of the path counts for nothing.
  def find("/" <> path, :all), do: path |> ShortText.split(?/) |> trimmed() |> match()

  def find(path, :probes) do
    with {%{name: name}, _parts} = found <- find(path, :all),
         do: if(name in @probes, do: found)
  end

  def find(_no_path, _routes), do: nil

  # `:binary.split/3` calls it :trim.
  defp trimmed(parts) do
    if List.last(parts) == "",
      do: parts |> Enum.reverse() |> Enum.drop_while(&(&1 == "")) |> Enum.reverse(),
      else: parts
  end

  # Parts of the path are matched before they are decoded: a slash inside an id is %2F and no
  # separator, an id "bbox" can be written %62box, and one that ends in a star with %2A.
  # Literal parts come before those that vary.
  rank = fn
    literal when is_binary(literal) -> {0, literal}
    {:starred, _key} -> {1, ""}
    {:part, _key} -> {2, ""}
  end

  for resource <- Enum.sort_by(@resources, &Enum.map(&1.segments, rank)) do
    variable = &Macro.var(&1, __MODULE__)

    pattern =
      for segment <- resource.segments do
        with {_kind, key} <- segment, do: variable.(key)
      end

    parts =
      for {kind, key} <- resource.segments do
        if kind == :starred,
          do: quote(do: without_star(unquote(variable.(key)))),
          else: variable.(key)
      end

    guard =
      case for({:starred, key} <- resource.segments, do: variable.(key)) do
        [] -> true
        [part] -> quote(do: binary_part(unquote(part), byte_size(unquote(part)) - 1, 1) == "*")
      end

    defp match(unquote(pattern)) when unquote(guard),
      do: {unquote(Macro.escape(resource)), unquote(parts)}
  end

  defp match(_path), do: nil

  defp without_star(part), do: binary_part(part, 0, byte_size(part) - 1)

  @doc "The first step of the pipeline: what is asked for, and by what call."
  @spec route(Request.t()) :: Request.step()
  def route(%{settings: settings} = req) do
    case req.path |> BasePath.within(settings.base_path) |> find(settings.routes) do
      nil ->
        {:cont, req}

      {resource, parts} ->
        call = Map.get(resource.calls, if(req.method == "HEAD", do: "GET", else: req.method))
        {:cont, %{req | resource: resource, call: call, parts: parts}}
    end
  end

  @doc """
  The path of a resource with names in the place of what varies, or `unmatched`: of these
  there are only so many, whatever clients ask for.
  """
  @spec template(Resource.t() | nil) :: String.t()
  def template(%Resource{template: template}), do: template
  def template(nil), do: "unmatched"

  @doc "Whether a request asks only, so that its answer is no loss (RFC 9110, 9.2.1)."
  @spec safe?(Request.t()) :: boolean()
  def safe?(%{method: method}) when method in ["GET", "HEAD", "OPTIONS"], do: true
  def safe?(%{call: %{scope: :read}}), do: true
  def safe?(_req), do: false

  @doc """
  Words that stand in the place of an id in the path of a feature, and are queries. The
  engine takes none of them as the id of a feature that is written.
  """
  @spec feature_queries() :: [String.t()]
  def feature_queries, do: unquote(Routes.Features.reserved())

  # What any path takes (RFC 9110, 9.1). Hosts may refuse others of their own.
  @known ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

  # Others that HTTP knows (RFC 9110, RFC 4918, and QUERY), which no path takes.
  @others ["TRACE", "CONNECT", "QUERY"] ++
            ["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"]

  @doc "The methods that there is a path for."
  @spec methods() :: [String.t()]
  def methods, do: @known

  @doc """
  The last step of the pipeline: has the call answered. What HTTP knows is known, and no
  more than not allowed; anything else is not (RFC 9110, 9.1).
  """
  @spec call(Request.t()) :: Request.step()
  def call(%{method: method}) when method not in @known and method not in @others do
    detail = "#{show(method)} is no method; the server knows #{Enum.join(@known, ", ")}"
    refuse(:not_implemented, detail)
  end

  # What the server as a whole takes (RFC 9110, 9.3.7).
  def call(%{resource: nil, method: "OPTIONS", path: "*"}),
    do: {:halt, {204, %{"allow" => Enum.join(@known, ", ")}, ""}}

  def call(%{resource: nil} = req), do: no_resource(req)

  def call(%{call: nil, method: "OPTIONS", resource: %{allow: allow}}),
    do: {:halt, {204, %{"allow" => allow}, ""}}

  # As Phoenix has it: what is no handshake is malformed, whatever its method.
  def call(%{call: nil, resource: %{name: :socket}} = req), do: SocketController.connect(req, %{})

  def call(%{call: nil, method: method, resource: %{allow: allow}}) do
    {:error, error} =
      refuse(:method_not_allowed, "found #{show(method)}; this path takes #{allow}")

    {status, headers, body} = Problem.answer(error)
    {:halt, {status, Map.put(headers, "allow", allow), body}}
  end

  def call(req) do
    with {:ok, params, asked} <- Params.read(req),
         req = %{req | asked: asked, database: params[:db]},
         :ok <- Accept.check(req) do
      with {_status, _headers, _body} = answer <- act(req.call.action, req, params),
           {_status, _headers, _body} = answer <- CborForm.give(answer, req) do
        {:halt, answer}
      else
        {:error, error} -> {:error, CborForm.told(error, req)}
      end
    end
  end

  for {module, function} <-
        Enum.uniq(for resource <- @resources, {_, call} <- resource.calls, do: call.action) do
    defp act({unquote(module), unquote(function)}, req, params),
      do: unquote(module).unquote(function)(req, params)
  end

  defp no_resource(%{path: path} = req),
    do: refuse(:not_found, "there is nothing at #{show(path)}; " <> instead(req))

  # The listener for probes has no page that could list them.
  defp instead(%{settings: %{routes: :probes}}), do: "this listener has the probes alone"

  defp instead(req) do
    listed = "#{Paths.to(req, :docs, %{})} and #{Paths.to(req, :document, %{})} list the paths"

    case one_id(BasePath.within(req.path, req.settings.base_path)) do
      nil ->
        listed

      path ->
        "a slash within an id is written %2F, as in #{show(req.base_path <> path)}; " <> listed
    end
  end

  # What is in the path of a database, beyond which ids may have slashes.
  @before_ids Databases.path() |> String.split("/", trim: true) |> length()
  # No path of the table has so many parts; who sends more has not forgotten a percent sign.
  @parts_at_most 16

  # The path with the fewest parts taken for one id, so that there is something at it.
  defp one_id("/" <> path) do
    parts = :binary.split(path, "/", [:global, :trim])
    last = length(parts) - 1

    if last < @parts_at_most do
      Enum.find_value(1..last//1, fn more ->
        Enum.find_value(@before_ids..(last - more)//1, &joined(parts, &1, &1 + more))
      end)
    end
  end

  defp one_id(_no_path), do: nil

  defp joined(parts, first, last) do
    {before, rest} = Enum.split(parts, first)
    {id, rest} = Enum.split(rest, last - first + 1)
    parts = before ++ [Enum.join(id, "%2F") | rest]
    if match(parts), do: "/" <> Enum.join(parts, "/")
  end
end
