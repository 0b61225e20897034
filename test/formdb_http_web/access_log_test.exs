defmodule FormdbHttpWeb.AccessLogTest do
  # The line of a request as text.
  use ExUnit.Case, async: true

  alias FormdbHttpWeb.AccessLog

  defp text(actor) do
    report = %{
      method: "GET",
      path: "/x",
      status: 200,
      response_bytes: 7,
      duration_ms: 0.25,
      client: "192.0.2.1",
      actor: actor
    }

    {format, arguments} = AccessLog.text(report)
    format |> :io_lib.format(arguments) |> to_string()
  end

  test "who asked is one word, whatever a token calls them" do
    assert text("key:backup") == "GET /x 200 7 bytes 0.250 ms 192.0.2.1 key:backup"
    assert text(nil) == "GET /x 200 7 bytes 0.250 ms 192.0.2.1 -"
    assert text("a 500 b") == ~s(GET /x 200 7 bytes 0.250 ms 192.0.2.1 "a 500 b")
    assert text("é") == ~s(GET /x 200 7 bytes 0.250 ms 192.0.2.1 "é")
  end
end
