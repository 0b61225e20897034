defmodule FormdbHttp.TranscriptTest do
  # That answers are held against a document at all, whatever that one shows.
  use ExUnit.Case, async: true

  import FormdbHttp.Transcript, only: [compare: 3, examples: 1]

  @one String.duplicate("1a", 32)
  @two String.duplicate("2b", 32)
  @three String.duplicate("3c", 32)

  defp same?(expected, actual, names \\ %{}),
    do: match?({:ok, _}, compare(expected, actual, names))

  test "commands go on in quotes and after a bar or backslash, answers until the next command" do
    markdown = """
    $ no command
    ```console
    $ curl $DB --json '{
      "a":1}' |
        jq
    {"a":1}

    $ true
    ```
    """

    assert [first, second] = examples(markdown)
    assert first.line == 3
    assert first.command == ~s(curl $DB --json '{\n  "a":1}' |\n    jq)
    assert first.printed == ~s({"a":1})
    assert {second.command, second.printed} == {"true", ""}
  end

  test "JSON is compared by its values, and whole" do
    answer = ~s({"a":1,"b":"x y","c":[1,2.5]}\n)
    assert same?(~s({"b":"x y",\n "a":1,"c":[1,\n  2.5]}), answer)
    refute same?(~s({"a":1.0,"b":"x y","c":[1,2.5]}), answer)
    refute same?(~s({"a":1,"b":"x y"}), answer)
    refute same?(~s({"a":1,"b":"xy","c":[1,2.5]}), answer)
    refute same?(~s({"a":1,"b":"x y","c":[2.5,1]}), answer)
    refute same?(~s({"a":1,"b":"x y","c":[1]}), answer)
    refute same?("", answer)
  end

  test "… is any value, more members or items, or any lines" do
    answer = ~s({"a":{"n":1},"b":[1,2,3]}\n)
    assert same?(~s({"a":…,"b":[1,…]}), answer)
    assert same?(~s({"b":[1,2,3],…}), answer)
    refute same?(~s({"a":…,"b":[2,…]}), answer)
    refute same?(~s({"c":1,…}), answer)
    assert same?("…\nb\n…", "a\nb\nc\nd")
    refute same?("…\nb\n…", "a\nc")
    refute same?("b\n…", "a\nb")
  end

  test "a hash stands for one hash, wherever it stands" do
    assert {:ok, names} = compare(~s({"hash":"#{@one}"}), ~s({"hash":"#{@two}"}), %{})
    assert names == %{@one => @two}
    assert same?("etag: #{@one}", "etag: #{@two}", names)
    refute same?("etag: #{@one}", "etag: #{@three}", names)
    refute same?("etag: #{@three}", "etag: #{@two}", names)
    refute same?(~s(["#{@one}","#{@one}"]), ~s(["#{@two}","#{@three}"]))
    refute same?(~s({"hash":"#{@one}"}), ~s({"hash":"other"}))
  end

  test "a time stands for one of this moment, or is what was sent" do
    now = DateTime.to_iso8601(%{DateTime.utc_now() | microsecond: {250_000, 6}})
    assert same?("2026-01-31T00:00:00.250000Z", now)
    assert same?("2020-01-31T00:00:00.000000Z", "2020-01-31T00:00:00.000000Z")
    refute same?("2020-01-31T00:00:00.000000Z", "2020-01-31T01:00:00.000000Z")
  end

  test "of a header the status and the fields that are shown are compared" do
    answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n\r\n{}\n"
    assert same?("HTTP/1.1 200 OK\nb: 2\n\n{}", answer)
    refute same?("HTTP/1.1 201 Created\nb: 2\n\n{}", answer)
    refute same?("HTTP/1.1 200 OK\nb: 3\n\n{}", answer)
    refute same?("HTTP/1.1 200 OK\nc: 2\n\n{}", answer)
    refute same?("HTTP/1.1 200 OK\nb: 2\n\n[]", answer)
  end
end
