defmodule FormdbHttp.ArrowsTest do
  # Which module may call which, as ARCHITECTURE.md says: the web layer calls the database,
  # never the other way, and only by its public modules and those made for it. Commands stand above both.
  use ExUnit.Case, async: true

  # What starts is decided at the top.
  @above ["FormdbHttp.Application"]

  # Structs, such as those of Config and Error, are no calls.
  @for_the_web ~w(FormdbHttp FormdbHttp.Serving FormdbHttp.Tables FormdbHttp.Upload FormdbHttp.Config.Web
    FormdbHttp.JSON FormdbHttp.ContentCoding FormdbHttp.WorkMemory FormdbHttp.Telemetry FormdbHttp.SecretFile
    FormdbHttp.ServerKey FormdbHttp.Fault)

  test "point one way" do
    calls = for caller <- modules(), called <- called(caller), do: {name(caller), name(called)}
    assert {"FormdbHttp.Engine", "FormdbHttp.Native"} in calls

    for {caller, called} <- calls, database?(caller), caller not in @above do
      refute web?(called), "#{caller} calls #{called}, which is of the web layer"
    end

    for {caller, called} <- calls, web?(caller) or database?(caller) do
      refute called =~ ~r/\AFormdbHttpCli(\.|\z)/, "#{caller} calls #{called}, which is a command"
    end

    for {caller, called} <- calls, web?(caller), database?(called) do
      assert called in @for_the_web, "#{caller} calls #{called}, which is inside the database"
    end
  end

  defp modules do
    for module <- Application.spec(:formdb_http, :modules),
        source = to_string(module.module_info(:compile)[:source]),
        # Not those of test/support.
        source =~ "/lib/formdb_http",
        do: module
  end

  defp called(module) do
    {:ok, {^module, [imports: imports]}} = :beam_lib.chunks(:code.which(module), [:imports])
    imports |> Enum.map(&elem(&1, 0)) |> Enum.uniq()
  end

  defp name(module), do: module |> Atom.to_string() |> String.replace_prefix("Elixir.", "")
  defp web?(name), do: name =~ ~r/\AFormdbHttpWeb(\.|\z)/
  defp database?(name), do: name =~ ~r/\AFormdbHttp(\.|\z)/
end
