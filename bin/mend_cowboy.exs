# Mends the copy of Cowboy in debian_libs/, where that copy needs it. bin/setup runs it:
#
#     elixir bin/mend_cowboy.exs debian_libs/cowboy-2.8.0/ebin
#
# Before 2.13, Cowboy's HTTP/1.1 connection (cowboy_http)
#
# 1. can fall silent: a request body that is larger than what the connection may receive
#    unasked turns the socket passive, and when the body ends just then, nothing makes it
#    active again: the connection's next request is never read;
# 2. goes over to HTTP/2 in the clear whenever a client asks, before any handler sees the
#    request, and without a way to say no. Answers to requests that came with an upgrade
#    are lost that way, and proxies that pass `Upgrade` on let clients round their checks.
#
# Debian's .beam files hold the abstract code they were compiled from. This reads that of
# cowboy_http, changes three functions and compiles it again. The attribute
# `formdb_mended` then says so, to this script and to the tests. A module whose
# is_http2_upgrade takes the connection's options (2.13 and later, which read `protocols`
# there) has neither fault and is left alone.

defmodule MendCowboy do
  @mark :formdb_mended

  def run(ebin) do
    beam = Path.join(ebin, "cowboy_http.beam")

    case forms(beam) do
      {:ok, forms} ->
        cond do
          marked?(forms) or defined?(forms, :is_http2_upgrade, 3) -> :ok
          true -> forms |> mend() |> compile() |> replace(beam)
        end

      :error ->
        stop("#{beam} has no abstract code, so it cannot be mended; connect to Hex instead")
    end
  end

  defp forms(beam) do
    case :beam_lib.chunks(String.to_charlist(beam), [:abstract_code]) do
      {:ok, {_module, [abstract_code: {:raw_abstract_v1, forms}]}} -> {:ok, forms}
      _none -> :error
    end
  end

  defp marked?(forms), do: Enum.any?(forms, &match?({:attribute, _, @mark, _}, &1))

  defp defined?(forms, name, arity), do: Enum.any?(forms, &function?(&1, name, arity))

  defp function?(form, name, arity), do: match?({:function, _, ^name, ^arity, _}, form)

  defp mend(forms) do
    for {name, arity} <- [stream_next: 1, active: 1, is_http2_upgrade: 2, http2_upgrade: 2],
        not defined?(forms, name, arity),
        do: stop("cowboy_http has no #{name}/#{arity}: a version that this script does not know")

    forms
    # Whatever comes next on the connection, the socket has to be listened to.
    |> rename(:stream_next, 1, :stream_next_listening)
    |> add("""
    stream_next(State = #state{active = true}) -> stream_next_listening(State);
    stream_next(State) -> stream_next_listening(active(State)).
    """)
    # RFC 9110, 7.8: a server may ignore an upgrade.
    |> remove(:is_http2_upgrade, 2)
    |> add("is_http2_upgrade(_Headers, _Version) -> false.")
    # Of a client that begins with HTTP/2's preface.
    |> remove(:http2_upgrade, 2)
    |> add("""
    http2_upgrade(State, _Buffer) ->
        error_terminate(505, State,
            {connection_error, no_error, 'HTTP/2 is not served in the clear.'}).
    """)
    |> mark()
  end

  defp rename(forms, name, arity, new_name) do
    Enum.map(forms, fn
      {:function, line, ^name, ^arity, clauses} -> {:function, line, new_name, arity, clauses}
      form -> form
    end)
  end

  # With its type, if it has one.
  defp remove(forms, name, arity) do
    Enum.reject(forms, fn
      {:attribute, _, :spec, {{^name, ^arity}, _}} -> true
      form -> function?(form, name, arity)
    end)
  end

  defp add(forms, text) do
    {:ok, tokens, _line} = text |> String.to_charlist() |> :erl_scan.string()
    {:ok, function} = :erl_parse.parse_form(tokens)
    {before, [{:eof, _} = eof]} = Enum.split(forms, -1)
    before ++ [function, eof]
  end

  # Behind `-module`, where attributes may stand.
  defp mark(forms) do
    Enum.flat_map(forms, fn
      {:attribute, line, :module, _} = form -> [form, {:attribute, line, @mark, true}]
      form -> [form]
    end)
  end

  # What is no longer called would be warned of, hence no warnings.
  defp compile(forms) do
    case :compile.forms(forms, [:debug_info, :return_errors, :nowarn_unused_function]) do
      {:ok, :cowboy_http, binary} -> binary
      {:ok, :cowboy_http, binary, _warnings} -> binary
      other -> stop("cowboy_http does not compile once mended: #{inspect(other)}")
    end
  end

  # In one step, so that an interrupted run leaves one or the other.
  defp replace(binary, beam) do
    File.write!(beam <> ".new", binary)
    File.rename!(beam <> ".new", beam)
    IO.puts("setup: mended #{beam}")
  end

  defp stop(sentence) do
    IO.puts(:stderr, "setup: " <> sentence)
    System.halt(1)
  end
end

case System.argv() do
  [ebin] -> MendCowboy.run(ebin)
  _other -> System.halt(2)
end
