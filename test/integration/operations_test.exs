defmodule FormdbHttp.OperationsTest do
  # What docs/OPERATIONS.md says, as far as a test can know it.
  use ExUnit.Case, async: true

  @operations File.read!("docs/OPERATIONS.md")

  test "it has the table of settings, as the server has them" do
    reference = FormdbHttp.Config.reference()
    assert reference =~ "| `FORMDB_PORT` |"

    assert @operations =~ "\n\n" <> reference <> "\n",
           "docs/OPERATIONS.md must contain exactly this:\n\n#{reference}"
  end

  test "every setting it names exists, or is one that only commands read" do
    reference = FormdbHttp.Config.reference()

    for [name] <- Regex.scan(~r/FORMDB_[A-Z_]*[A-Z]/, @operations) do
      # What commands read is no setting of a server, which it does not mind.
      known = reference =~ "`#{name}`" or match?({:ok, _}, FormdbHttp.Config.load(%{name => "x"}))
      assert known, "#{name} is not a setting"
    end
  end

  test "every error code it names exists, with the status it says" do
    named = Regex.scan(~r/\b([45]\d\d) `([a-z_]+)`/, @operations, capture: :all_but_first)

    assert length(named) >= 6

    for [status, code] <- named do
      error = %FormdbHttp.Error{code: String.to_atom(code), detail: ""}
      {actual, _headers, body} = FormdbHttpWeb.Problem.answer(error)
      assert {code, status} == {code, "#{actual}"}
      # The title of codes that nobody has described.
      if code != "internal_error", do: refute(IO.iodata_to_binary(body) =~ "Internal error")
    end
  end
end
