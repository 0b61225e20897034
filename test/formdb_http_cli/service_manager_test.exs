defmodule FormdbHttpCli.ServiceManagerTest do
  # A socket in the place of systemd's.
  use ExUnit.Case, async: true

  alias FormdbHttpCli.ServiceManager

  test "it is told once no database is being opened, at a path or at a name" do
    path = Path.join(System.tmp_dir!(), "formdb-notify-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm(path) end)
    name = "formdb-notify-#{System.pid()}-#{System.unique_integer([:positive])}"

    for {given, address} <- [{path, path}, {"@" <> name, <<0, name::binary>>}] do
      {:ok, socket} = :gen_udp.open(0, [:binary, active: true, ifaddr: {:local, address}])
      assert ServiceManager.tell(given) == :ok
      assert_receive {:udp, ^socket, _from, _port, "READY=1\nSTATUS=" <> status}, 60_000
      assert status =~ ~r/\A\d+ databases(, of which \d+ could not be opened)?\n\z/
      :gen_udp.close(socket)
    end
  end

  test "nobody is told where there is no socket, or nobody listens" do
    assert ServiceManager.tell(nil) == :ok
    assert ServiceManager.tell("") == :ok
    assert ServiceManager.tell("/nonexistent/socket") == :ok
  end
end
