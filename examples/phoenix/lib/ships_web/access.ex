defmodule ShipsWeb.Access do
  @moduledoc """
  Who may do what with FormDB. An application of your own looks at the session, or at a token.
  Here everybody reads, and who brings the header field `x-ship` writes in the name of that ship.
  """

  def request(conn) do
    case Plug.Conn.get_req_header(conn, "x-ship") do
      [ship | _] when ship != "" -> %{actor: "ship:" <> ship, scopes: "write:ships"}
      _none -> %{actor: "anybody", scopes: "read:ships"}
    end
  end

  def socket(%{params: _params}), do: %{actor: "anybody", scopes: "read:ships"}
end
