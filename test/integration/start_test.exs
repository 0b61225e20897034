defmodule FormdbHttp.StartTest do
  # Whatever can be wrong before the server listens is one sentence and exit status 1.
  use ExUnit.Case, async: true

  alias FormdbHttpCli.Server

  @moduletag timeout: 180_000
  @moduletag :tmp_dir

  test "what keeps the server from starting is one sentence", %{tmp_dir: dir} do
    {:ok, taken} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(taken)
    file = Path.join(dir, "file")
    missing = Path.join(dir, "missing")
    File.write!(file, "text")
    did_not = "The server did not start: "

    for {settings, sentence} <- [
          {[port: port],
           did_not <>
             "cannot listen on 127.0.0.1 port #{port}: address already in use; " <>
             "set FORMDB_HOST and FORMDB_PORT to an address that is free"},
          {[probe_port: port], did_not <> "cannot listen on 127.0.0.1 port #{port}: "},
          {[data_dir: file], did_not <> "the data folder cannot be used (#{file}): "},
          {[data_dir: file <> "/data"], did_not <> "the data folder cannot be used "},
          {[backup_dir: missing], did_not <> "FORMDB_BACKUP_DIR: #{missing} is not there; "},
          {[tls_certificate_file: missing, tls_key_file: missing],
           did_not <> "FORMDB_TLS_CERTIFICATE_FILE is #{missing}: "},
          {[tls_certificate_file: file, tls_key_file: file],
           did_not <> "FORMDB_TLS_CERTIFICATE_FILE is #{file}: "},
          {[api_keys_file: missing], did_not <> "FORMDB_API_KEYS_FILE is #{missing}: "},
          {[users_file: file <> "/users"], did_not <> "FORMDB_USERS_FILE is #{file}/users: "},
          {:nonsense, "The configuration is wrong:\nfound :nonsense; expected options such as "},
          {[pages: 1], "The configuration is wrong:\n:pages is not a setting; "}
        ] do
      assert {output, 1} = start(dir, settings)
      assert String.starts_with?(output, "** (Mix) " <> sentence), output
      # Settings that are wrong have a line each below.
      lines = String.split(output, "\n", trim: true)
      assert length(lines) == length(String.split(sentence, "\n")), output
      refute output =~ ~r/%\w|\{:|#PID/, output
    end
  end

  test "so is what belongs to it and is not there", %{tmp_dir: dir} do
    missing = Path.join(dir, "missing.so")

    assert {output, 1} =
             start(dir, [], "put_env(:formdb_http, :native_library, #{inspect(missing)})")

    assert output =~ ~r/\A\*\* \(Mix\) There is no Rust library at #{missing}\. .*\n\z/

    assert {output, 1} = start(dir, [], "put_env(:formdb_http, :data, \"data\")")
    assert output =~ ~r/\A\*\* \(Mix\) The server did not start: .* has no key :data; .*\n\z/

    # As where a library was taken away.
    script = "unload(:ranch); :code.del_path(:ranch)"
    assert {output, 1} = start(dir, [], script)

    assert output =~
             ~r/\A\*\* \(Mix\) The server did not start: there is no library ranch\. .*\n\z/
  end

  test "so is a folder in which nothing is built and nothing can be" do
    assert {output, 1} =
             System.cmd("mix", ["formdb.server"],
               env: [{"MIX_BUILD_PATH", "/dev/null/build"}, {"ELIXIR_ERL_OPTIONS", "+fnu"}],
               stderr_to_stdout: true
             )

    assert output =~ ~r"\A\*\* \(Mix\) nothing is built in /dev/null/build, .*\n\z"
  end

  test "a reason is found within the supervisors around it, and a fault says where it is" do
    started = {FormdbHttp.Application, :start, [:normal, []]}
    inner = {:shutdown, {:failed_to_start_child, Inner, {:shutdown, "the sentence"}}}
    outer = {{:shutdown, {:failed_to_start_child, Outer, inner}}, started}
    assert Server.why(outer) == "the sentence"
    assert Server.why({"the sentence", started}) == "the sentence"
    error = %FormdbHttp.Error{code: :io_error, detail: "the disk is gone"}
    assert Server.why({:failed_to_start_child, Inner, error}) == "io_error: the disk is gone"
    fault = {:badarith, [{__MODULE__, :divide, 2, [file: ~c"divide.ex", line: 7]}]}
    assert Server.why({:shutdown, {:failed_to_start_child, Inner, fault}}) =~ "divide.ex:7"
    assert Server.why(:killed) == ":killed"
  end

  # What `mix formdb.server` says, and how it ends, with settings in the place of those that the
  # tests have; before it, a function of `Application` is called.
  defp start(dir, settings, before \\ "loaded_applications()") do
    given =
      if is_list(settings),
        do: Keyword.merge([data_dir: Path.join(dir, "data"), port: 0], settings),
        else: settings

    script = """
    import Application
    put_env(:formdb_http, :config, #{inspect(given)})
    #{before}
    Mix.Task.run("formdb.server")
    """

    System.cmd("mix", ["run", "--no-compile", "--no-start", "-e", script],
      env: [{"MIX_ENV", "test"}, {"ELIXIR_ERL_OPTIONS", "+fnu"}],
      stderr_to_stdout: true
    )
  end
end
