defmodule FormdbHttp.Webhooks.HostileTest do
  # What a receiver may do against whoever delivers to it: every attempt ends in time, with a
  # sentence, in bounded memory, and nothing goes where it may not.
  use ExUnit.Case, async: true

  import Bitwise

  alias FormdbHttp.{Catalog, Certificates, WebhookReceiver}
  alias FormdbHttp.Webhooks.{Address, Attempt, Backoff}

  setup do
    test = self()
    {:ok, told: fn outcome -> send(test, {:told, outcome}) end}
  end

  @limits %{connect_ms: 500, attempt_ms: 1_000, private: true, ca_file: nil}

  defp attempt(address, more \\ []) do
    {:ok, address} = Address.parse(address, true)

    struct!(
      %Attempt{address: address, id: "msg_1", body: "{}", secrets: ["s"], limits: @limits},
      more
    )
  end

  # What came of one, and after how many milliseconds its process had ended.
  defp outcome(attempt) do
    began = System.monotonic_time(:millisecond)
    Process.flag(:trap_exit, true)
    {pid, longest} = Attempt.start_link(attempt)

    outcome =
      receive do
        {Attempt, ^pid, outcome} -> outcome
      after
        longest + 1_000 -> flunk("no outcome")
      end

    told = System.monotonic_time(:millisecond) - began

    receive do
      {:EXIT, ^pid, :normal} -> :ok
    after
      longest + 1_000 -> flunk("it does not end")
    end

    {outcome, told, System.monotonic_time(:millisecond) - began}
  end

  defp receiver(answer) do
    {:ok, receiver} = WebhookReceiver.start_link(answer)
    receiver
  end

  defp failure(answer) do
    {outcome, told, ended} =
      answer |> receiver() |> WebhookReceiver.address() |> attempt() |> outcome()

    assert told < 1_000 + 1_000, "#{told} ms"
    assert ended < 2_500 + 1_000, "#{ended} ms"
    outcome
  end

  # Sends bytes as long as somebody takes them.
  defp endless({module, socket}, bytes, pause) do
    if module.send(socket, bytes) == :ok do
      Process.sleep(pause)
      endless({module, socket}, bytes, pause)
    end

    :closed
  end

  test "an answer that never comes, or never ends" do
    assert failure(fn _, _, _ -> Process.sleep(5_000) && :closed end).error =~ "no answer in time"
    assert failure(:closed).error =~ "without an answer"
    slow = fn _, connection, _ -> endless(connection, "H", 50) end
    assert %{status: nil, error: error} = failure(slow)
    assert error =~ "no answer in time"

    fields = fn _, {module, socket} = connection, _ ->
      module.send(socket, "HTTP/1.1 200 OK\r\n")
      endless(connection, "x-a: " <> String.duplicate("b", 500) <> "\r\n", 0)
    end

    assert failure(fields).error =~ "longer than"

    slow_fields = fn _, {module, socket} = connection, _ ->
      module.send(socket, "HTTP/1.1 200 OK\r\n")
      endless(connection, "x: y\r\n", 50)
    end

    assert failure(slow_fields).error =~ "no answer in time"
    interim = String.duplicate("HTTP/1.1 102 P\r\n\r\n", 20)
    assert failure(interim).error =~ "interim"

    for nonsense <- [
          "SSH-2.0-OpenSSH\r\n\r\n",
          "HTTP/1.1 99 X\r\n\r\n",
          "HTTP/2.0 200 X\r\n\r\n",
          "\0\0\r\n\r\n"
        ],
        do: assert(failure(nonsense).error =~ "no answer of HTTP/1.1", nonsense)

    assert failure("HTTP/1.1 200 X\r\nno field\r\n\r\n").error =~ "field"
  end

  test "of an answer only the status counts, and little of the rest is read" do
    huge = fn _, {module, socket} = connection, _ ->
      module.send(socket, "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
      endless(connection, String.duplicate("x", 65_536), 0)
    end

    :erlang.garbage_collect()
    before = :erlang.memory(:binary)
    assert %{status: 200, error: nil} = failure(huge)
    assert :erlang.memory(:binary) - before < 50_000_000

    drip = fn _, {module, socket} = connection, _ ->
      module.send(socket, "HTTP/1.1 204 OK\r\n\r\n")
      endless(connection, "x", 100)
    end

    assert %{status: 204, error: nil} = failure(drip)
    assert %{status: 200, error: nil} = failure("HTTP/1.1 100 C\r\n\r\nHTTP/1.0 200 OK\r\n\r\n")
  end

  test "what it says of itself is heard, within bounds" do
    answer = fn status, field ->
      "HTTP/1.1 #{status} X\r\n#{field}\r\ncontent-length: 0\r\n\r\n"
    end

    assert %{status: 302, error: error} = failure(answer.(302, "location: http://127.0.0.1:1/"))
    assert error =~ "redirects are not followed"
    assert %{status: 410, gone: true} = failure(410)
    assert %{status: 500, gone: false, retry_after: nil} = failure(answer.(500, "retry-after: 9"))
    assert %{retry_after: 9} = failure(answer.(503, "Retry-After: 9"))
    assert %{retry_after: 9} = failure(answer.(429, "retry-after: 9"))

    for text <- ["-1", "soon", "1e9", "Fri, 27 Nov 2026 18:00:00 GMT", ""],
        do: assert(%{retry_after: nil} = failure(answer.(503, "retry-after: " <> text)))

    for n <- 1..60, chance <- [0.0, 0.5, 1.0], asked <- [nil, 0, 5, 1_000_000_000] do
      delay = Backoff.delay(n, 1_000, 3_600_000, asked, chance)
      assert delay in 500..3_600_000
      if asked, do: assert(delay >= min(1_000 * asked, 3_600_000))
      full = min(1_000 * Integer.pow(2, n - 1), 3_600_000)
      if asked == nil, do: assert(delay in div(full, 2)..full)
    end
  end

  test "one that takes no connection, or does not read" do
    {:ok, listener} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(listener)
    :gen_tcp.close(listener)
    {%{error: error}, _told, _ended} = outcome(attempt("http://127.0.0.1:#{port}/"))
    assert error == "no connection: connection refused"

    {:ok, deaf} = :gen_tcp.listen(0, ip: {127, 0, 0, 1}, recbuf: 4_096, active: false)
    {:ok, port} = :inet.port(deaf)
    much = String.duplicate("x", 20_000_000)
    {%{error: error}, told, _ended} = outcome(attempt("http://127.0.0.1:#{port}/", body: much))
    assert error =~ "in time" and told < 2_500
  end

  test "a connection is made to no address that is private, whatever it is called", %{told: told} do
    receiver = receiver(200)
    port = WebhookReceiver.port(receiver)
    strict = %{@limits | private: false}

    refused = fn host, resolve ->
      attempt = attempt("https://#{host}:#{port}/", limits: strict, resolve: resolve)
      Attempt.run(attempt, told)
      assert_receive {:told, %{status: nil, error: error}}
      error
    end

    none = fn _name -> flunk("an address is no name") end

    for host <-
          ~w(127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 100.64.0.1 169.254.169.254 172.16.0.1 172.31.255.255
          192.168.1.1 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
          [::1] [::] [::ffff:127.0.0.1] [::ffff:8.8.8.8] [fe80::1] [fc00::1] [fd12::1] [ff02::1] [64:ff9b::7f00:1]
          [2002:7f00:1::] [2001:db8::1] [2001::1] [100::1] [3fff::1]) do
      assert refused.(host, none) =~ "private", host
    end

    for {name, ips} <- [
          {"a.test", [{127, 0, 0, 1}]},
          {"b.test", [{0, 0, 0, 0, 0, 0, 0, 1}, {10, 0, 0, 1}]}
        ],
        do: assert(refused.(name, fn ^name -> ips end) =~ "private")

    assert refused.("c.test", fn "c.test" -> [] end) =~ "no address"

    # Asked once: what a name means a moment later does not matter.
    test = self()

    changing = fn name ->
      send(test, {:asked, name})
      [{127, 0, 0, 1}, {192, 0, 2, 7}]
    end

    assert refused.("d.test", changing) =~ "private"
    assert_received {:asked, "d.test"}
    refute_received {:asked, _again}
    assert WebhookReceiver.requests(receiver) == []

    for public <- [
          {8, 8, 8, 8},
          {172, 32, 0, 1},
          {100, 128, 0, 1},
          {192, 0, 1, 1},
          {0x2606, 0x4700, 0, 0, 0, 0, 0, 1},
          {0x64, 0xFF9B, 0, 0, 0, 0, 0x0808, 0x0808}
        ],
        do: assert(Address.allowed?(public, false), inspect(public))

    # Also where private ones are allowed there is nobody at these.
    for ip <- [
          {224, 0, 0, 1},
          {255, 255, 255, 255},
          {0xFF02, 0, 0, 0, 0, 0, 0, 1},
          {0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1}
        ],
        do: refute(Address.allowed?(ip, true), inspect(ip))
  end

  test "the networks that are not public are those of the registry, to the bit" do
    # First and last of each, and what lies beside them.
    for {first, last} <- [
          {"10.0.0.0", "10.255.255.255"},
          {"100.64.0.0", "100.127.255.255"},
          {"127.0.0.0", "127.255.255.255"},
          {"169.254.0.0", "169.254.255.255"},
          {"172.16.0.0", "172.31.255.255"},
          {"192.168.0.0", "192.168.255.255"},
          {"198.18.0.0", "198.19.255.255"}
        ] do
      [first, last] = for text <- [first, last], do: text |> Address.ip() |> number()
      for n <- [first, last], do: refute(Address.allowed?(ip(n), false))
      for n <- [first - 1, last + 1], do: assert(Address.allowed?(ip(n), false), inspect(ip(n)))
    end
  end

  defp number({a, b, c, d}), do: a <<< 24 ||| b <<< 16 ||| c <<< 8 ||| d
  defp ip(n), do: {n >>> 24, n >>> 16 &&& 255, n >>> 8 &&& 255, n &&& 255}

  test "TLS is checked: who it is, by whom that is said, and until when" do
    folder = Path.join(System.tmp_dir!(), "webhook-tls-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    {certificate, key} = Certificates.write(folder, "receiver")
    name = certificate |> File.read!() |> name_in()
    root = Path.join(folder, "receiver.ca")

    start = fn options ->
      {:ok, receiver} = WebhookReceiver.start_link({200, tls: options})
      WebhookReceiver.port(receiver)
    end

    good = [certfile: certificate, keyfile: key, log_level: :none]
    port = start.(good)

    outcome = fn host, port, ca_file ->
      limits = %{@limits | ca_file: ca_file}
      asked = fn _name -> [{127, 0, 0, 1}] end

      {outcome, _told, _ended} =
        outcome(attempt("https://#{host}:#{port}/", limits: limits, resolve: asked))

      outcome
    end

    assert %{status: 200, error: nil} = outcome.(name, port, root)
    # The name of another, an authority that nobody trusts, and no certificate for an address.
    assert outcome.("other.test", port, root).error =~ "TLS failed"
    assert outcome.(name, port, nil).error =~ ~r/TLS failed: (unknown_ca|bad_certificate)/
    assert outcome.("127.0.0.1", port, root).error =~ "TLS failed"
    assert outcome.(name, port, Path.join(folder, "none.pem")).error =~ "TLS failed"

    past = {{2_020, 1, 1}, {2_021, 1, 1}}
    {expired, expired_key} = Certificates.write(folder, "expired", validity: past)
    port = start.(certfile: expired, keyfile: expired_key, log_level: :none)

    assert outcome.(name, port, Path.join(folder, "expired.ca")).error =~
             "TLS failed: certificate_expired"

    port = start.(good ++ [versions: [:"tlsv1.2"]])
    assert %{status: 200} = outcome.(name, port, root)
    # One that speaks no TLS.
    plain = WebhookReceiver.port(receiver("SSH-2.0\r\n\r\n"))
    assert outcome.(name, plain, root).error =~ "TLS failed"
  end

  defp name_in(pem) do
    [{:Certificate, der, _} | _] = :public_key.pem_decode(pem)
    {:OTPCertificate, tbs, _, _} = :public_key.pkix_decode_cert(der, :otp)
    extensions = elem(tbs, 10)

    [{:dNSName, name} | _] =
      for {:Extension, {2, 5, 29, 17}, _, names} <- extensions, n <- names, do: n

    to_string(name)
  end

  test "a configuration says what is allowed" do
    assert %{private: true, attempt_ms: 2_000} = Attempt.limits(Catalog.config())
    assert %{private: false, attempt_ms: 15_000} = Attempt.limits(FormdbHttp.Config.new!([]))
  end
end
