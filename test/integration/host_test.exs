defmodule FormdbHttp.HostTest do
  # What an application sees that has FormDB among its dependencies: this project's config/
  # is not read there. A VM of its own, since this one has the databases started.
  use ExUnit.Case, async: true

  @moduletag :tmp_dir

  # What a host would miss if it were changed.
  @prelude """
  outside = fn ->
    %{
      files: File.ls!(),
      environment: System.get_env(),
      handlers: :logger.get_handler_ids(),
      signals: :gen_event.which_handlers(:erl_signal_server),
      settings: for({app, _, _} <- Application.loaded_applications(), app != :formdb_http,
        do: {app, Application.get_all_env(app)})
    }
  end

  for app <- [:logger, :cowboy, :prometheus, :crypto, :jose],
      do: {:ok, _} = Application.ensure_all_started(app)

  :ok = Application.load(:formdb_http)

  # Also what others of these need, and some releases of them do not say.
  for app <- Application.spec(:formdb_http, :applications),
      do: {:ok, _} = Application.ensure_all_started(app)

  before = outside.()
  {:ok, _} = Application.ensure_all_started(:formdb_http)
  ^before = outside.()
  """

  test "with nothing but the dependency nothing is touched, and calls say what is missing",
       context do
    script = """
    [] = Application.get_all_env(:formdb_http)
    nil = Process.whereis(FormdbHttp.Supervisor)

    for call <- [
          fn -> FormdbHttp.open("a") end,
          fn -> FormdbHttp.close("a") end,
          fn -> FormdbHttp.databases() end,
          fn -> FormdbHttp.get_feature("a", "b") end,
          fn -> FormdbHttp.put_point("a", "b", 0, 1) end
        ] do
      message = try do call.() rescue e in RuntimeError -> e.message end
      true = message =~ "put {FormdbHttp, data_dir: path} into a supervision tree"
    end

    ^before = outside.()
    """

    assert run(context, script) == []
  end

  test "in its supervision tree, with options, it keeps to its folder", context do
    script = """
    children = [{FormdbHttp, data_dir: "data", page_items: 5, default_page_items: 5}]
    {:ok, tree} = Supervisor.start_link(children, strategy: :one_for_one)
    {:ok, %{created: true}} = FormdbHttp.open("a")
    {:ok, _} = FormdbHttp.put_columns("a", "s", Enum.to_list(1..9), Enum.to_list(1..9))
    {:ok, %{points: [_, _, _, _, _]}} = FormdbHttp.range("a", "s", 0, 10)

    {:error, reason} = Supervisor.start_child(tree, Map.put(FormdbHttp.child_spec([]), :id, :other))
    true = inspect(reason) =~ "already_started"
    :ok = Supervisor.stop(tree)
    message = try do FormdbHttp.database("a") rescue e in RuntimeError -> e.message end
    true = message =~ "not started"

    # Again, by hand.
    {:ok, tree} = FormdbHttp.start_link(data_dir: "data")
    {:ok, %{created: false, points: 9}} = FormdbHttp.open("a")
    :ok = Supervisor.stop(tree)
    ^before = Map.put(outside.(), :files, [])
    """

    assert run(context, script) == ["data"]
  end

  test "its own server still takes the environment, and serves", context do
    script = """
    Application.put_env(:formdb_http, :config, :environment)
    :ok = Application.stop(:formdb_http)
    System.put_env("FORMDB_DATA_DIR", "data")
    System.put_env("FORMDB_PORT", "70000")
    {:error, reason} = Application.ensure_all_started(:formdb_http)
    true = inspect(reason) =~ "FORMDB_PORT is"
    System.put_env("FORMDB_PORT", "0")
    {:ok, _} = Application.ensure_all_started(:formdb_http)
    {:ok, %{created: true}} = FormdbHttp.open("a")
    """

    assert run(context, script) == ["data"]
  end

  test "settings in the application's environment start it, or are refused", context do
    script = """
    :ok = Application.stop(:formdb_http)
    Application.put_env(:formdb_http, :data_dir, "data")
    {:error, reason} = Application.ensure_all_started(:formdb_http)
    true = inspect(reason) =~ "no key :data_dir; settings are options: config :formdb_http, config: ["
    Application.delete_env(:formdb_http, :data_dir)
    Application.put_env(:formdb_http, :config, data_dir: "data")
    {:ok, _} = Application.ensure_all_started(:formdb_http)
    {:ok, %{created: true}} = FormdbHttp.open("a")
    """

    assert run(context, script) == ["data"]
  end

  test "its Rust library may be one that was built elsewhere", context do
    script = """
    copy = Path.expand("elsewhere.so")
    File.cp!(Application.app_dir(:formdb_http, "priv/native/formdb_nif.so"), copy)
    Application.put_env(:formdb_http, :native_library, copy)
    {:ok, tree} = FormdbHttp.start_link(data_dir: "data")
    true = File.read!("/proc/self/maps") =~ copy
    :ok = Supervisor.stop(tree)
    """

    assert context |> run(script) |> Enum.sort() == ["data", "elsewhere.so"]
  end

  defp run(%{tmp_dir: dir}, script) do
    dir = Path.expand(dir)
    host = Path.join(dir, "host")
    file = Path.join(dir, "script.exs")
    File.mkdir_p!(host)
    File.write!(file, [@prelude, script, ~s[\nIO.puts("as expected")\n]])
    otp = to_string(:code.root_dir())
    paths = Enum.map(:code.get_path(), &to_string/1)
    code = Enum.reject(paths, &String.starts_with?(&1, otp))

    variables = for {"FORMDB_" <> _ = name, _} <- System.get_env(), do: {name, nil}

    evaluate =
      "{ok, _} = application:ensure_all_started(elixir), " <>
        "'Elixir.Code':eval_file(<<\"#{file}\">>), erlang:halt(0)."

    {output, status} =
      System.cmd(
        Path.join(otp, "bin/erl"),
        ["-noshell", "+fnu", "-pa"] ++ code ++ ["-eval", evaluate],
        cd: host,
        env: [{"ERL_CRASH_DUMP_BYTES", "0"} | variables],
        stderr_to_stdout: true
      )

    assert {output =~ "as expected", status} == {true, 0}, output
    File.ls!(host)
  end
end
