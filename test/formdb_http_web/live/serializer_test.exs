defmodule FormdbHttpWeb.Live.SerializerTest do
  # Byte by byte, as the official client reads and writes it.
  use ExUnit.Case, async: true

  alias FormdbHttp.Error
  alias FormdbHttpWeb.Live.Serializer

  defp bytes({opcode, payload}), do: {opcode, IO.iodata_to_binary(payload)}

  test "the version is that of vsn, and the first one without it" do
    for {vsn, version} <- [{nil, :v1}, {"1.0.0", :v1}, {"1.0.7", :v1}, {"2.0.0", :v2}],
        do: assert(Serializer.version(vsn) == {:ok, version})

    for vsn <- ["", "2", "2.0", "2.1.0", "1.1.0", "3.0.0", "2.0.0-rc.1", "x", "2.0.0 "],
        do: assert({vsn, Serializer.version(vsn)} == {vsn, :error})
  end

  test "text of the second version is a list of five" do
    assert Serializer.decode(:v2, :text, ~s(["3","4","room:1","phx_join",{"a":[1]}])) ==
             {:ok,
              %{
                join_ref: "3",
                ref: "4",
                topic: "room:1",
                event: "phx_join",
                payload: %{"a" => [1]}
              }}

    # Numbers are refs of some clients; what more there is says nothing.
    assert {:ok, %{join_ref: nil, ref: 6, topic: "phoenix", payload: %{}}} =
             Serializer.decode(:v2, :text, ~s([null,6,"phoenix","heartbeat",{},"more",1]))

    for text <- [
          "",
          "{",
          "[]",
          ~s(["3","4","t","e"]),
          ~s([{},"4","t","e",{}]),
          ~s(["3",[],"t","e",{}]),
          ~s(["3","4",null,"e",{}]),
          ~s(["3","4","t",5,{}]),
          ~s({"topic":"t","event":"e","payload":{},"ref":"1"}),
          String.duplicate("[", 200) <> String.duplicate("]", 200)
        ],
        do: assert({text, Serializer.decode(:v2, :text, text)} == {text, :error})
  end

  test "a payload with a number that is not kept is refused, not the message" do
    for {version, text} <- [
          v2: ~s(["3","4","t","e",{"filter":{"prop.n":18446744073709551616}}]),
          v1: ~s({"topic":"t","event":"e","ref":"4","payload":{"filter":{"prop.n":1e-400}}})
        ] do
      assert {:ok, %{ref: "4", topic: "t", payload: {:refused, error}}} =
               Serializer.decode(version, :text, text)

      assert %Error{code: :invalid_json, pointer: "/filter/prop.n"} = error
    end
  end

  test "text of the first version is an object of four, or of five" do
    text = ~s({"topic":"t","event":"e","payload":{"a":1},"ref":"1"})

    assert Serializer.decode(:v1, :text, text) ==
             {:ok, %{join_ref: nil, ref: "1", topic: "t", event: "e", payload: %{"a" => 1}}}

    with_join = ~s({"topic":"t","event":"e","payload":{},"ref":null,"join_ref":"7"})
    assert {:ok, %{join_ref: "7", ref: nil}} = Serializer.decode(:v1, :text, with_join)

    for text <- [~s({"topic":"t","event":"e","payload":{}}), ~s(["1","2","t","e",{}])],
        do: assert(Serializer.decode(:v1, :text, text) == :error)
  end

  test "a binary message of the second version has lengths, names and data" do
    vector = <<0, 1, 1, 1, 1, "1", "2", "t", "e", 1, 2, 3>>

    assert Serializer.decode(:v2, :binary, vector) ==
             {:ok,
              %{join_ref: "1", ref: "2", topic: "t", event: "e", payload: {:binary, <<1, 2, 3>>}}}

    # The official client writes null as text.
    assert {:ok, %{join_ref: nil, ref: nil, payload: {:binary, ""}}} =
             Serializer.decode(:v2, :binary, <<0, 4, 0, 1, 1, "null", "t", "e">>)

    # It counts bytes, so names beyond ASCII are longer than they look.
    assert {:ok, %{topic: "té", event: "ü"}} =
             Serializer.decode(:v2, :binary, <<0, 1, 1, 3, 2, "1", "2", "té", "ü">>)

    for broken <- [
          <<>>,
          <<0>>,
          <<0, 1, 1, 1>>,
          <<0, 1, 1, 1, 9, "1", "2", "t", "e">>,
          <<1, 1, 1, 1, 1, "1", "2", "t", "e">>,
          <<0, 1, 1, 1, 1, "1", "2", 255, "e">>
        ],
        do: assert({broken, Serializer.decode(:v2, :binary, broken)} == {broken, :error})

    assert Serializer.decode(:v1, :binary, vector) == :error
  end

  test "answers have the refs of their message" do
    message = %{join_ref: "3", ref: "4", topic: "room:1", event: "e", payload: %{}}

    assert bytes(Serializer.reply(:v2, message, :ok, "{}")) ==
             {:text, ~s(["3","4","room:1","phx_reply",{"status":"ok","response":{}}])}

    response = ~s({"reason":"unmatched topic"})

    assert bytes(Serializer.reply(:v2, %{message | join_ref: nil}, :error, response)) ==
             {:text,
              ~s([null,"4","room:1","phx_reply",{"status":"error","response":#{response}}])}

    assert bytes(Serializer.reply(:v1, message, :ok, "{}")) ==
             {:text,
              ~s({"topic":"room:1","event":"phx_reply",) <>
                ~s("payload":{"status":"ok","response":{}},"ref":"4"})}

    message = %{message | join_ref: "1", ref: "2", topic: "t"}

    assert bytes(Serializer.reply(:v2, message, :ok, {:binary, <<1, 2, 3>>})) ==
             {:binary, <<1, 1, 1, 1, 2, "1", "2", "t", "ok", 1, 2, 3>>}

    assert bytes(Serializer.reply(:v2, %{message | join_ref: nil}, :error, {:binary, "x"})) ==
             {:binary, <<1, 0, 1, 1, 5, "2", "t", "error", "x">>}
  end

  test "messages of the server's own have the ref of the join" do
    assert bytes(Serializer.push(:v2, "3", nil, "room:1", "new", ~s({"a":1}))) ==
             {:text, ~s(["3",null,"room:1","new",{"a":1}])}

    assert bytes(Serializer.push(:v2, "3", "3", "room:1", "phx_close", "{}")) ==
             {:text, ~s(["3","3","room:1","phx_close",{}])}

    assert bytes(Serializer.push(:v1, "3", "3", ~s(a"b), "phx_close", "{}")) ==
             {:text, ~S({"topic":"a\"b","event":"phx_close","payload":{},"ref":"3"})}

    assert bytes(Serializer.push(:v2, 3, nil, "t", "e", "{}")) == {:text, ~s([3,null,"t","e",{}])}
  end
end
