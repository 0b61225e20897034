defmodule ShipsWeb.MapLive do
  @moduledoc """
  A box of the map, drawn as it is written: `/?bbox=west,south,east,north`. A page of what is in
  the box, and from its sequence on each block that touches it. Nothing is missed in between, and
  nothing comes twice.
  """
  use Phoenix.LiveView

  @box {9.5, 53.3, 10.5, 53.8}

  @impl true
  def mount(params, _session, socket) do
    box = box(params["bbox"])
    socket = assign(socket, box: box, ships: %{}, seq: 0, subscription: nil, note: nil)
    {:ok, if(connected?(socket), do: follow(socket), else: elem(look(socket), 1))}
  end

  defp box(text) do
    with text when is_binary(text) <- text,
         numbers = for(part <- String.split(text, ","), {number, ""} <- [Float.parse(part)], do: number),
         [west, south, east, north] when west < east and south < north <- numbers do
      {west, south, east, north}
    else
      _none -> @box
    end
  end

  # What is there, as of one sequence.
  defp look(%{assigns: %{box: box}} = socket) do
    {:ok, page} = FormdbHttp.search(Ships.Database.name(), {:box, box}, limit: 1_000)
    ships = for %{"id" => id} = feature <- Jason.decode!(page.json), into: %{}, do: {id, feature}
    {page.seq, assign(socket, ships: ships, seq: page.seq)}
  end

  # And what comes after it.
  defp follow(%{assigns: %{box: {west, south, east, north}}} = socket) do
    {seq, socket} = look(socket)
    filter = %{"bbox" => Enum.join([west, south, east, north], ",")}
    {:ok, subscription} = FormdbHttp.subscribe(Ships.Database.name(), filter: filter, since: seq)
    assign(socket, subscription: subscription)
  end

  @impl true
  def handle_info({:formdb, ref, events}, %{assigns: %{subscription: %{ref: ref}}} = socket)
      when is_list(events) do
    FormdbHttp.ask(socket.assigns.subscription, length(events))
    ships = Enum.reduce(events, socket.assigns.ships, &moved/2)
    {:noreply, assign(socket, ships: ships, seq: List.last(events).seq)}
  end

  # It may be opened again, by whoever supervises FormdbHttp.
  def handle_info({:formdb, _ref, {:closed, _why}}, socket) do
    Process.send_after(self(), :again, 500)
    {:noreply, assign(socket, note: "(the database is closed)", subscription: nil)}
  end

  def handle_info(:again, socket) do
    case FormdbHttp.database(Ships.Database.name()) do
      {:ok, _info} ->
        {:noreply, socket |> assign(note: nil) |> follow()}

      {:error, _closed} ->
        Process.send_after(self(), :again, 500)
        {:noreply, socket}
    end
  end

  # That it lags, or has seen everything, changes nothing in the picture.
  def handle_info({:formdb, _ref, _state}, socket), do: {:noreply, socket}

  # The version that is in the box is the one before the block, so it is there no more.
  defp moved(%{matched: :before, json: json}, ships), do: Map.delete(ships, written(json)["id"])

  defp moved(%{json: json}, ships) do
    feature = written(json)
    Map.put(ships, feature["id"], feature)
  end

  # A revert says what it has done: a version is there again, or gone.
  defp written(json) do
    case Jason.decode!(json) do
      %{"op" => "revert", "body" => %{"body" => body}} -> body
      %{"body" => body} -> body
    end
  end

  @impl true
  def render(assigns) do
    ~H"""
    <h1>Ships in <%= Enum.join(Tuple.to_list(@box), ", ") %></h1>
    <p id="state"><%= map_size(@ships) %> ships as of block <%= @seq %> <%= @note %></p>
    <svg id="map" viewBox={view(@box)} preserveAspectRatio="xMidYMid meet">
      <g :for={{id, ship} <- @ships} :if={place(ship)} id={"ship-" <> id}>
        <circle cx={x(ship)} cy={y(ship)} r="0.008" fill="#0b5" />
        <text x={x(ship) + 0.012} y={y(ship)}><%= id %></text>
      </g>
    </svg>
    """
  end

  # Degrees, with north above.
  defp view({west, south, east, north}), do: "#{west} #{-north} #{east - west} #{north - south}"

  defp place(%{"geometry" => %{"type" => "Point", "coordinates" => [x, y | _]}}), do: {x, y}
  defp place(_other), do: nil

  defp x(ship), do: elem(place(ship), 0)
  defp y(ship), do: -elem(place(ship), 1)
end
