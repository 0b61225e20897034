defmodule FormdbHttpWeb.Cowboy.Direct do
  @moduledoc false
  # Requests that are answered in the process of their connection. Cowboy makes a process for
  # each, which costs more than to answer one from memory: what it takes to start it, to copy the
  # request there and the answer back.
  #
  # A request qualifies that has no body, or a short one that comes in one piece soon after its head; and
  # whose predecessors on the connection are answered. Whether it is answered at once shows on the
  # way: what would wait for a place or go on for long is given up before it changes anything, and
  # goes on in a process of its own (FormdbHttpWeb.Handler.briefly/1). A commit is waited for here:
  # meanwhile there is nothing else to do on this connection.

  @behaviour FormdbHttpWeb.BodyReader

  alias FormdbHttpWeb.Cowboy.{Framing, Host, InFlight, Streaming}
  alias FormdbHttpWeb.{Handler, Request}

  # Longer bodies are parsed elsewhere anyhow, and seldom come in one piece.
  @body_bytes 16_384

  @doc "Whether a request can be answered here, as far as its head shows."
  @spec may?(:cowboy_req.req()) :: boolean()
  def may?(%{version: version, method: method, headers: headers} = req)
      when version in [:"HTTP/1.1", :"HTTP/1.0"] and not is_map_key(headers, "expect"),
      do: body_here?(req) and method != "OPTIONS" and Framing.check(req) == :ok

  def may?(_req), do: false

  defp body_here?(%{has_body: false}), do: true
  defp body_here?(%{body_length: length}), do: is_integer(length) and length <= @body_bytes

  @doc """
  The commands for Cowboy that answer the request, whose body is here, or what has become of it so
  far, for Host.
  """
  @spec answer(:cowboy_req.req(), binary(), map()) ::
          {:ok, :cowboy_stream.commands(), size :: non_neg_integer()}
          | {:begun, {:ok, Request.answer()} | {:long, Handler.rest()}}
  def answer(req, body, %{settings: settings, in_flight: in_flight}) do
    case req |> Host.request({__MODULE__, body}, settings) |> Handler.briefly() do
      {:ok, {_status, _headers, {_kind, _parts}}} = begun -> {:begun, begun}
      {:ok, {101, _headers, _socket}} = begun -> {:begun, begun}
      {:ok, answer} = begun -> short(answer, begun, req, in_flight)
      {:long, _rest} = begun -> {:begun, begun}
    end
  end

  defp short({_status, _headers, body} = answer, begun, req, in_flight) do
    size = IO.iodata_length(body)

    if Streaming.large?(size),
      do: {:begun, begun},
      else: {:ok, [response(answer, size, req, in_flight), :stop], size}
  end

  # As cowboy_req:reply/4 has it.
  defp response({status, headers, body}, size, req, in_flight) do
    headers = Map.merge(headers, own(status, size))
    headers = if InFlight.draining?(in_flight), do: Host.close(headers, req), else: headers
    {:response, status, headers, if(req.method == "HEAD", do: "", else: body)}
  end

  defp own(status, _size) when status in [204, 304],
    do: %{"server" => Host.server(), "date" => :cowboy_clock.rfc1123()}

  defp own(_status, size) do
    %{
      "server" => Host.server(),
      "date" => :cowboy_clock.rfc1123(),
      "content-length" => Integer.to_string(size)
    }
  end

  ## The body, which is here

  @impl true
  def read(body, _bytes, _wait_ms), do: {:ok, body, ""}

  @impl true
  def refuse(_body), do: :ok
end
