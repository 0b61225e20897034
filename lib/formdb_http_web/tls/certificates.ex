defmodule FormdbHttpWeb.Tls.Certificates do
  @moduledoc false
  # The certificate that the server has just now, and its key. This process reads their files, and
  # again when they change; every handshake takes what is there. Files that are wrong, or that do
  # not belong together, change nothing, and the log says so.

  use GenServer

  require Logger

  alias FormdbHttp.Config
  alias FormdbHttpWeb.WatchedFile
  alias FormdbHttpWeb.Tls.{Certificate, Options}

  @current __MODULE__
  @look_again_ms 1_000
  # The one is written after the other. Only what has not come together by then is wrong.
  @patience 5
  # What ends sooner is told at the start, and once a day.
  @ends_soon_days 14
  @day_seconds 86_400

  @doc "Whether a configuration has a certificate."
  @spec on?(Config.t()) :: boolean()
  def on?(config), do: config.tls_certificate_file != nil

  @doc "The process, for a supervisor, if there is a certificate; before what listens."
  @spec children(Config.t()) :: [{module(), Config.t()}]
  def children(config), do: if(on?(config), do: [{__MODULE__, config}], else: [])

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(config), do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @doc "All that a handshake of `ssl` takes, with the certificate of the moment."
  @spec options() :: keyword()
  def options, do: elem(:persistent_term.get(@current), 0)

  @doc "When the certificate of the moment ends, in seconds since the epoch; `nil`: there is none."
  @spec ends() :: integer() | nil
  def ends do
    # What is remembered outlasts the process.
    if Process.whereis(__MODULE__), do: elem(:persistent_term.get(@current), 1)
  end

  @impl true
  def init(config) do
    with {:ok, certificate, certificates} <-
           WatchedFile.open(
             "FORMDB_TLS_CERTIFICATE_FILE",
             config.tls_certificate_file,
             &Certificate.parse/1,
             false
           ),
         {:ok, key, keys} <-
           WatchedFile.open("FORMDB_TLS_KEY_FILE", config.tls_key_file, &Certificate.parse_key/1),
         true <- Certificate.belongs?(certificate, key) do
      look_again()

      {:ok,
       use_pair(%{
         certificate: certificate,
         key: key,
         files: {certificates, keys},
         apart: 0,
         warned: nil
       })}
    else
      false ->
        {:stop,
         "FORMDB_TLS_KEY_FILE is #{config.tls_key_file}, whose key is not that of the first certificate in " <>
           "#{config.tls_certificate_file} (FORMDB_TLS_CERTIFICATE_FILE). Give the key that the certificate was made " <>
           "for, and the server's own certificate before those of its issuers"}

      {:error, why} ->
        {:stop, why}
    end
  end

  defp look_again, do: Process.send_after(self(), :look_again, @look_again_ms)

  @impl true
  def handle_info(:look_again, %{files: {certificates, keys}} = state) do
    {certificate, certificates} = poll(certificates, state.certificate)
    {key, keys} = poll(keys, state.key)
    new? = {certificate, key} != {state.certificate, state.key}
    state = %{state | certificate: certificate, key: key, files: {certificates, keys}}
    look_again()
    {:noreply, state |> consider(new? or state.apart > 0) |> warn()}
  end

  def handle_info(_other, state), do: {:noreply, state}

  defp poll(file, before) do
    case WatchedFile.poll(file) do
      {:same, file} -> {before, file}
      {:changed, content, file} -> {content, file}
    end
  end

  defp consider(state, false), do: state

  defp consider(state, true) do
    if Certificate.belongs?(state.certificate, state.key) do
      Logger.info(
        "TLS: new connections have the certificate that ends at #{state.certificate.ends}"
      )

      use_pair(%{state | apart: 0, warned: nil})
    else
      if state.apart == @patience do
        Logger.error(
          "FORMDB_TLS_CERTIFICATE_FILE and FORMDB_TLS_KEY_FILE: the key is not that of the certificate. What was " <>
            "read before stays in force"
        )
      end

      %{state | apart: state.apart + 1}
    end
  end

  defp use_pair(%{certificate: certificate, key: key} = state) do
    pair = %{cert: certificate.chain, key: key.der}
    options = [certs_keys: [pair]] ++ Options.all()
    :persistent_term.put(@current, {options, DateTime.to_unix(certificate.ends)})
    warn(state)
  end

  defp warn(%{certificate: %{begins: begins, ends: ends}, warned: warned} = state) do
    now = DateTime.utc_now()
    left = DateTime.diff(ends, now)

    cond do
      warned != nil and DateTime.diff(now, warned) < @day_seconds ->
        state

      DateTime.compare(begins, now) == :gt ->
        Logger.warning(
          "the certificate of TLS is not good before #{begins}: clients will refuse it"
        )

        %{state | warned: now}

      left < 0 ->
        Logger.warning(
          "the certificate of TLS was good until #{ends}: clients will refuse it. Renew it"
        )

        %{state | warned: now}

      left < @ends_soon_days * @day_seconds ->
        Logger.warning("the certificate of TLS is good until #{ends}. Renew it")
        %{state | warned: now}

      true ->
        state
    end
  end
end
