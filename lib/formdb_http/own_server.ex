defmodule FormdbHttp.OwnServer do
  @moduledoc false
  # The server that has the same settings on the same machine, as the commands and the demo ask it: at which
  # URL, and whom a connection by TLS trusts.

  alias FormdbHttp.Config

  @doc "Where it takes all requests: as a URL without a path, since it takes them without its base path, too."
  @spec url(Config.t()) :: String.t()
  def url(%Config{} = config), do: url(scheme(config), config.host, config.port)

  @doc "Where it takes probes: at their own port, which speaks HTTP, or with everything else."
  @spec probe_url(Config.t()) :: String.t()
  def probe_url(%Config{probe_port: nil} = config), do: url(config)
  def probe_url(%Config{} = config), do: url("http", config.probe_host, config.probe_port)

  defp scheme(%{tls_certificate_file: nil}), do: "http"
  defp scheme(_config), do: "https"

  # A server that listens everywhere is reached on loopback.
  defp url(scheme, {0, 0, 0, 0}, port), do: url(scheme, {127, 0, 0, 1}, port)

  defp url(scheme, {0, 0, 0, 0, 0, 0, 0, 0}, port),
    do: url(scheme, {0, 0, 0, 0, 0, 0, 0, 1}, port)

  defp url(scheme, ip, port) when tuple_size(ip) == 8,
    do: "#{scheme}://[#{:inet.ntoa(ip)}]:#{port}"

  defp url(scheme, ip, port), do: "#{scheme}://#{:inet.ntoa(ip)}:#{port}"

  @doc """
  Options of TLS for who sends no secret. A probe says whether the server answers, also where a
  certificate on disk is no longer the one that it has.
  """
  @spec unverified() :: keyword()
  def unverified, do: [verify: :verify_none, log_level: :none]

  @doc "Options of TLS by which it is the server with the certificate of the settings, whatever its name."
  @spec verified(Config.t()) :: {:ok, keyword()} | {:error, String.t()}
  def verified(%Config{tls_certificate_file: nil}), do: {:ok, []}

  def verified(%Config{tls_certificate_file: file}) do
    with {:ok, known} <- certificates(file, "FORMDB_TLS_CERTIFICATE_FILE") do
      {:ok, verify(known, {&pinned/3, known}) ++ [server_name_indication: :disable]}
    end
  end

  @doc """
  Options of TLS for a server at a URL of its own: the certificate is for its name, and of an authority in the
  file, or of one that the system trusts.
  """
  @spec trusting(Path.t() | nil) :: {:ok, keyword()} | {:error, String.t()}
  def trusting(nil) do
    {:ok, verify(:public_key.cacerts_get(), {&trusted/3, []})}
  rescue
    # So OTP says that the system has none.
    _none -> {:error, "this system knows no authorities of certificates: set FORMDB_CA_FILE"}
  end

  def trusting(file) do
    with {:ok, known} <- certificates(file, "FORMDB_CA_FILE"),
         do: {:ok, verify(known, {&trusted/3, known})}
  end

  defp verify(authorities, fun) do
    match = :public_key.pkix_verify_hostname_match_fun(:https)

    [
      verify: :verify_peer,
      cacerts: authorities,
      verify_fun: fun,
      depth: 5,
      customize_hostname_check: [match_fun: match],
      log_level: :none
    ]
  end

  # Of the chain that the file has, whatever an authority says of it; at its end the server's own, or another
  # one of the same file, whose key nobody else has either.
  defp pinned(_certificate, {:extension, _extension}, known), do: {:unknown, known}
  defp pinned(_certificate, :valid, known), do: {:valid, known}

  defp pinned(certificate, _end_or_fault, known),
    do: in_file(certificate, known, :another_certificate)

  # One that a server signed itself may stand in the file as its own authority.
  defp trusted(certificate, {:bad_cert, :selfsigned_peer = fault}, known),
    do: in_file(certificate, known, {:bad_cert, fault})

  defp trusted(_certificate, {:bad_cert, _fault} = fault, _known), do: {:fail, fault}
  defp trusted(_certificate, {:extension, _extension}, known), do: {:unknown, known}
  defp trusted(_certificate, _valid, known), do: {:valid, known}

  defp in_file(certificate, known, otherwise) do
    if :public_key.pkix_encode(:OTPCertificate, certificate, :otp) in known,
      do: {:valid, known},
      else: {:fail, otherwise}
  end

  defp certificates(file, variable) do
    with {:ok, text} <- File.read(file),
         [_ | _] = known <- for({:Certificate, der, _} <- :public_key.pem_decode(text), do: der) do
      {:ok, known}
    else
      {:error, reason} -> {:error, "#{variable}: #{file}: #{:file.format_error(reason)}"}
      [] -> {:error, "#{variable}: #{file} has no certificate in PEM (BEGIN CERTIFICATE)"}
    end
  end
end
