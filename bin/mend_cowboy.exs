# Mends the copies of Cowboy and Cowlib in debian_libs/, where they need it. bin/setup
# runs it:
#
#     elixir bin/mend_cowboy.exs debian_libs/cowboy-2.8.0/ebin debian_libs/cowlib-2.9.1/ebin
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
# 3. ends without an answer, and without telling anybody, over a field Connection that is no
#    list of options;
# 4. takes a request with both a length and a transfer coding, or one of HTTP/1.0 with a
#    transfer coding, which others on the way may take to end elsewhere (RFC 9112, 6.1);
# 5. puts fields of one name together without end: neither their number nor their sum has a
#    limit, so that one head takes all memory.
#
# Cowlib's decoder of chunked bodies (cow_http_te)
#
# 6. takes a chunk that does not begin with a number for one that is not complete, and
#    waits for more, without end; or, where white space or `;` is in its place, for the last
#    one, so that what others on the way take for its bytes is the connection's next request;
# 7. leaves the trailer fields of a body to be read as the connection's next request.
#
# Debian's .beam files hold the abstract code they were compiled from. This reads it,
# changes these functions and compiles it again. The attribute `formdb_mended` then says
# so, to this script and to the tests. A cowboy_http whose is_http2_upgrade takes the
# connection's options (2.13 and later, which read `protocols` there) is left alone.

defmodule MendCowboy do
  @mark :formdb_mended

  def run(ebin, module) do
    beam = Path.join(ebin, "#{module}.beam")

    case forms(beam) do
      {:ok, forms} ->
        if sound?(module, forms),
          do: :ok,
          else: module |> mend(forms) |> mark() |> compile(module) |> replace(beam)

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

  defp defined?(forms, name, arity), do: Enum.any?(forms, &function?(&1, name, arity))

  defp function?(form, name, arity), do: match?({:function, _, ^name, ^arity, _}, form)

  # One that has no fault, or none any more: what a mended function was is under another
  # name then. Should a later Cowlib be written in another way, it is taken as it is.
  defp sound?(:cowboy_http, forms) do
    defined?(forms, :is_http2_upgrade, 3) or
      Enum.all?(
        [stream_next_listening: 1, connection_closes: 1, framed_request: 3, parse_hd_one_value: 4],
        fn {name, arity} -> defined?(forms, name, arity) end
      )
  end

  defp sound?(:cow_http_te, forms) do
    heads_mended?(forms) and
      (defined?(forms, :stream_chunked_parts, 3) or not defined?(forms, :stream_chunked, 3))
  end

  defp heads_mended?(forms) do
    Enum.all?([4, 5], fn arity ->
      defined?(forms, :chunked_len_of_head, arity) or not defined?(forms, :chunked_len, arity)
    end)
  end

  defp mend(:cowboy_http, forms) do
    forms |> mend_connections() |> mend_closing() |> mend_framing() |> mend_repeated()
  end

  defp mend(:cow_http_te, forms) do
    forms = if heads_mended?(forms), do: forms, else: mend_heads(forms)
    if defined?(forms, :stream_chunked_parts, 3), do: forms, else: mend_sizes(forms)
  end

  defp mend_connections(forms) do
    check(forms, stream_next: 1, active: 1, is_http2_upgrade: 2, http2_upgrade: 2)

    if defined?(forms, :stream_next_listening, 1), do: forms, else: add_listening(forms)
  end

  defp add_listening(forms) do
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
  end

  # What is no list of options ends the connection, behind the answer.
  defp mend_closing(forms) do
    check(forms, connection_hd_is_close: 1)
    if defined?(forms, :connection_closes, 1), do: forms, else: add_closing(forms)
  end

  defp add_closing(forms) do
    forms
    |> rename(:connection_hd_is_close, 1, :connection_closes)
    |> add("""
    connection_hd_is_close(Conn) ->
        try connection_closes(Conn) catch _:_ -> true end.
    """)
  end

  # Where a body ends is said once.
  defp mend_framing(forms) do
    check(forms, request: 3, error_terminate: 3)
    if defined?(forms, :framed_request, 3), do: forms, else: add_framing(forms)
  end

  defp add_framing(forms) do
    forms
    |> rename(:request, 3, :framed_request)
    |> add(~S"""
    request(_, State = #state{in_state = PS},
            Headers = #{<<"transfer-encoding">> := _, <<"content-length">> := _}) ->
        error_terminate(400, State#state{in_state = PS#ps_header{headers = Headers}},
            {stream_error, protocol_error,
                'the request has both a Content-Length and a Transfer-Encoding; send one of them'});
    request(_, State = #state{in_state = PS = #ps_header{version = 'HTTP/1.0'}},
            Headers = #{<<"transfer-encoding">> := _}) ->
        error_terminate(400, State#state{in_state = PS#ps_header{headers = Headers}},
            {stream_error, protocol_error,
                'HTTP/1.0 has no transfer codings; send a Content-Length, or HTTP/1.1'});
    request(Buffer, State, Headers) ->
        framed_request(Buffer, State, Headers).
    """)
  end

  # Of one that has come so often that its values are longer together than one may be, the next
  # is refused.
  defp mend_repeated(forms) do
    check(forms, parse_hd_before_value: 4, error_terminate: 3)
    if defined?(forms, :parse_hd_one_value, 4), do: forms, else: add_repeated(forms)
  end

  defp add_repeated(forms) do
    forms
    |> rename(:parse_hd_before_value, 4, :parse_hd_one_value)
    |> add(~S"""
    parse_hd_before_value(_, State = #state{opts = #{max_header_value_length := Max}, in_state = PS},
            Headers, Name) when byte_size(map_get(Name, Headers)) > Max ->
        error_terminate(431, State#state{in_state = PS#ps_header{headers = Headers}},
            {connection_error, limit_reached,
                'Header values of one name are larger than configuration allows.'});
    parse_hd_before_value(Buffer, State, Headers, Name) ->
        parse_hd_one_value(Buffer, State, Headers, Name).
    """)
  end

  # The head of each chunk is read from its beginning, also when more of it has come.
  defp mend_sizes(forms) do
    forms
    |> rename(:stream_chunked, 3, :stream_chunked_parts)
    |> add("""
    stream_chunked(<<C, _/bits>>, {0, _}, _)
            when C < $0; C > $9, C < $A; C > $F, C < $a; C > $f ->
        error(no_size);
    stream_chunked(Data, State, Acc) ->
        stream_chunked_parts(Data, State, Acc).
    """)
  end

  defp mend_heads(forms) do
    # Later versions count the digits of a size as well.
    {arity, more, bounded} =
      if defined?(forms, :chunked_len, 4),
        do: {4, "", "Len < 16#1000000000000000"},
        else: {5, ", Digits", "Digits < 16"}

    # It calls itself with each byte of a chunk's head (RFC 9112, 7.1): digits, white
    # space and extensions, the end of the line. Whatever fails here is answered 400.
    forms
    |> rename(:chunked_len, arity, :chunked_len_of_head)
    |> add("""
    chunked_len(<<C, _/bits>> = Data, Streamed, Acc, Len#{more})
            when C >= $0, C =< $9; C >= $a, C =< $f; C >= $A, C =< $F ->
        true = #{bounded},
        chunked_len_of_head(Data, Streamed, Acc, Len#{more});
    chunked_len(<<C, _/bits>> = Data, Streamed, Acc, Len#{more})
            when C =:= $\\s; C =:= $\\t; C =:= $;; C =:= $\\r ->
        case chunked_len_of_head(Data, Streamed, Acc, Len#{more}) of
            {done, trailers, _} -> error(trailers);
            {done, _, trailers, _} -> error(trailers);
            Result -> Result
        end;
    chunked_len(<<>>, Streamed, Acc, Len#{more}) ->
        chunked_len_of_head(<<>>, Streamed, Acc, Len#{more}).
    """)
  end

  defp check(forms, functions) do
    for {name, arity} <- functions, not defined?(forms, name, arity) do
      stop("cowboy_http has no #{name}/#{arity}: a version that this script does not know")
    end
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
    forms
    |> Enum.reject(&match?({:attribute, _, @mark, _}, &1))
    |> Enum.flat_map(fn
      {:attribute, line, :module, _} = form -> [form, {:attribute, line, @mark, true}]
      form -> [form]
    end)
  end

  # What is no longer called would be warned of, hence no warnings.
  defp compile(forms, module) do
    case :compile.forms(forms, [:debug_info, :return_errors, :nowarn_unused_function]) do
      {:ok, ^module, binary} -> binary
      {:ok, ^module, binary, _warnings} -> binary
      other -> stop("#{module} does not compile once mended: #{inspect(other)}")
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
  [cowboy, cowlib] ->
    MendCowboy.run(cowboy, :cowboy_http)
    MendCowboy.run(cowlib, :cow_http_te)

  _other ->
    System.halt(2)
end
