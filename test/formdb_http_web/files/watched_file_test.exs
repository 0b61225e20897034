defmodule FormdbHttpWeb.WatchedFileTest do
  # What is read again of a file that changes under the server.
  use ExUnit.Case, async: true

  alias FormdbHttpWeb.WatchedFile

  setup do
    path = Path.join(System.tmp_dir!(), "formdb-watched-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm(path) end)
    write(path, "one")
    {:ok, "one", file} = WatchedFile.open("FORMDB_X", path, &{:ok, &1})
    {:ok, path: path, watched: file}
  end

  defp write(path, text) do
    File.write!(path, text)
    File.chmod!(path, 0o600)
  end

  test "a file that is about to be written in place is not taken for an empty one", %{
    path: path,
    watched: file
  } do
    write(path, "")
    assert {:same, file} = WatchedFile.poll(file)
    write(path, "two")
    assert {:changed, "two", file} = WatchedFile.poll(file)

    # One that stays empty is.
    write(path, "\n")
    assert {:same, file} = WatchedFile.poll(file)
    assert {:changed, "\n", file} = WatchedFile.poll(file)
    assert {:same, file} = WatchedFile.poll(file)

    # As it was, for the time between.
    write(path, "three")
    assert {:changed, "three", file} = WatchedFile.poll(file)
    write(path, "")
    assert {:same, file} = WatchedFile.poll(file)
    write(path, "three")
    assert {:same, file} = WatchedFile.poll(file)
    write(path, "")
    assert {:same, _file} = WatchedFile.poll(file)
  end

  test "an old file that is emptied is looked at again, too", %{path: path, watched: file} do
    File.touch!(path, System.os_time(:second) - 60)
    assert {:same, file} = WatchedFile.poll(file)
    File.write!(path, "")
    File.touch!(path, System.os_time(:second) - 30)
    assert {:same, file} = WatchedFile.poll(file)
    assert {:changed, "", _file} = WatchedFile.poll(file)
  end
end
