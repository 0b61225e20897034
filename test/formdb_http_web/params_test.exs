defmodule FormdbHttpWeb.ParamsTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.Error
  alias FormdbHttpWeb.{Params, Paths, Types}
  alias FormdbHttpWeb.Routes.Parameters

  # The query string of a call that takes parameters of these names.
  defp query(text, names) do
    with {:ok, texts, []} <-
           Params.query(text, for(name <- names, do: Parameters.parameter(name, :text, ""))),
         do: {:ok, texts}
  end

  defp query_with_filters(text, names) do
    own = for name <- names, do: Parameters.parameter(name, :text, "")
    Params.query(text, own ++ Parameters.filters())
  end

  # The value of a parameter.
  defp typed(parameter, text) do
    texts = %{parameter.name => text}

    with {:ok, values} <- Params.typed([parameter], texts, %{}),
         do: {:ok, values[parameter.key]}
  end

  test "parts of the path are percent-decoded; a plus is a plus" do
    assert Params.segment("plain") == {:ok, "plain"}
    assert Params.segment("a%2Fb%20c+d") == {:ok, "a/b c+d"}
    assert Params.segment("%C3%BC") == {:ok, "ü"}
    assert Params.segment("ü") == {:ok, "ü"}
  end

  test "what does not decode to UTF-8 is refused" do
    for raw <- ["%", "%4", "%zz", "a%", "%FF", <<0xFF>>, "%C3"] do
      assert {:error, %Error{code: :invalid_path}} = Params.segment(raw), raw
      assert {:error, %Error{code: :invalid_query}} = query("limit=" <> raw, ["limit"]), raw
    end
  end

  test "a path that is made for an id leads back to it" do
    for id <- [
          "a",
          "a/b",
          "..",
          ".",
          "...",
          "%",
          "ü😀",
          "a b+c?d#e",
          "\u007F",
          "%2F"
        ] do
      ["", "api", "v1", "databases", "db", "features", raw] =
        String.split(Paths.to(%{base_path: ""}, :feature, %{db: "db", id: id}), "/")

      assert raw not in [".", ".."]
      assert Params.segment(raw) == {:ok, id}
    end
  end

  test "the query string is a map of the names that are allowed" do
    assert query("", []) == {:ok, %{}}
    assert query("a=1&b=x+y%2B", ["a", "b"]) == {:ok, %{"a" => "1", "b" => "x y+"}}
    assert query("a", ["a"]) == {:ok, %{"a" => ""}}
  end

  test "an unknown name is refused and the known ones are named" do
    assert {:error, %Error{code: :unknown_parameter, detail: detail}} =
             query("limt=1", ["bbox", "limit"])

    assert detail =~ "limt"
    assert detail =~ "bbox, limit"
    assert {:error, %Error{code: :unknown_parameter}} = query("a=1", [])
  end

  test "filters stand beside the parameters, and may be given twice" do
    query = "prop.a=gte:1&limit=2&prop.a=lt:%32&time=since:x&prop.b%2Ec=1"

    assert query_with_filters(query, ["limit"]) ==
             {:ok, %{"limit" => "2"},
              [{"prop.a", "gte:1"}, {"prop.a", "lt:2"}, {"time", "since:x"}, {"prop.b.c", "1"}]}

    assert {:error, %Error{code: :unknown_parameter, detail: detail}} =
             query_with_filters("limt=2", ["limit"])

    assert detail =~ "limit, time, seq, prop.NAME"

    assert {:error, %Error{code: :invalid_parameter, pointer: "/limit"}} =
             query_with_filters("limit=2&limit=2", ["limit"])

    assert {:error, %Error{code: :unknown_parameter}} = query("prop.a=1", [])
  end

  test "numbers are decimal, of a float's size" do
    for {text, number} <- [
          {"1", 1.0},
          {"-0.5", -0.5},
          {" 1e3 ", 1000.0},
          {"2.5E-2", 0.025},
          {".5", 0.5},
          {"-.5e1", -5.0},
          {"5.", 5.0},
          {"5.e1", 50.0},
          {"+5", 5.0},
          {" 5", 5.0},
          {"1.0e308", 1.0e308},
          {"0e-400", 0.0},
          {"-0.0", -0.0},
          {"5e-324", 5.0e-324},
          {"007", 7.0},
          {"4503599627370496.50000000000000000000000000000001", 4_503_599_627_370_497.0}
        ],
        do: assert({text, Types.number(text)} == {text, {:ok, number}})

    for text <-
          ["", ".", "+", "-.", "1e", "e5", "1e999", "1.0e309", "1,5", "0x1"] ++
            ["NaN", "inf", "1 2", "--1", "1e+", "1_000"],
        do: assert({text, Types.number(text)} == {text, :error})

    for text <- ["1e-400", "-.5e-330", "0." <> String.duplicate("0", 339) <> "1"],
        do: assert({text, Types.number(text)} == {text, :zero})

    for {type, text} <- [number: "1e-400", point: "7,1e-400", cell: "1e-400", cell: "1,-1e-400"] do
      assert {:error, %Error{code: :invalid_parameter, pointer: "/n", detail: detail}} =
               typed(Parameters.parameter("n", type, ""), text)

      assert detail =~ "too small for a double would be 0; give 0"
    end

    radius = Parameters.parameter("radius", :number, "")
    long = String.duplicate("9", 400)
    assert {:error, %Error{pointer: "/radius"}} = typed(radius, long)
    assert {:ok, 1.0e-300} = typed(radius, "1e-300")
    assert Params.typed([radius], %{}, %{}) == {:ok, %{}}
  end

  test "a name that is given twice is refused" do
    assert {:error, %Error{code: :invalid_parameter, pointer: "/a"}} = query("a=1&a=2", ["a"])
  end

  test "a limit is a whole number" do
    assert Parameters.limit().default == nil
    assert typed(Parameters.limit(), "10") == {:ok, 10}

    for text <- ["", "-1", "+1", "1.0", "ten", " 1", "9999999999999999999", "1\n"] do
      assert {:error, %Error{code: :invalid_parameter, pointer: "/limit"}} =
               typed(Parameters.limit(), text),
             text
    end
  end

  test "an order is asc or desc" do
    assert Parameters.order().default == :asc
    assert typed(Parameters.order(), "asc") == {:ok, :asc}
    assert typed(Parameters.order(), "desc") == {:ok, :desc}

    assert {:error, %Error{code: :invalid_parameter, pointer: "/order"}} =
             typed(Parameters.order(), "DESC")
  end
end
