defmodule FormdbHttp.Certificates do
  @moduledoc """
  Certificates for tests, made when they are needed, with their keys, as files of PEM.
  """

  @doc """
  Writes a certificate and its key to two files of the folder, and gives their paths.
  In a third one, whose name ends in `.ca`, is the certificate that it comes from.
  Options: `:key`, as `:public_key.pkix_test_data/1` takes it; `:validity`, two dates as
  tuples; `:name`, whom it is for, by default this machine.
  """
  @spec write(Path.t(), String.t(), keyword()) :: {certificate :: Path.t(), key :: Path.t()}
  def write(folder, name, opts \\ []) do
    data = data(opts)
    {type, der} = data[:key]

    certificates = [data[:cert] | tl(Enum.reverse(data[:cacerts]))]

    put(
      Path.join(folder, name <> ".crt"),
      for(der <- certificates, do: {:Certificate, der, :not_encrypted})
    )

    root = List.last(data[:cacerts])
    put(Path.join(folder, name <> ".ca"), [{:Certificate, root, :not_encrypted}])
    put(Path.join(folder, name <> ".key"), [{type, der, :not_encrypted}])
    {Path.join(folder, name <> ".crt"), Path.join(folder, name <> ".key")}
  end

  defp data(opts) do
    key = Keyword.get(opts, :key, {:namedCurve, :secp256r1})
    today = Date.utc_today()
    a_year = {today |> Date.add(-1) |> Date.to_erl(), today |> Date.add(365) |> Date.to_erl()}
    # The name of this machine, by default.
    names =
      for name <- Keyword.take(opts, [:name]),
          do: {:Extension, {2, 5, 29, 17}, false, [dNSName: to_charlist(elem(name, 1))]}

    peer = [
      key: key,
      digest: :sha256,
      validity: Keyword.get(opts, :validity, a_year),
      extensions: names
    ]

    :public_key.pkix_test_data(%{
      root: [key: {:namedCurve, :secp256r1}, digest: :sha256],
      intermediates: [[key: {:namedCurve, :secp256r1}, digest: :sha256]],
      peer: peer
    })
  end

  # In another file first, as those do who renew certificates.
  defp put(path, entries) do
    File.write!(path <> ".new", :public_key.pem_encode(entries))
    File.chmod!(path <> ".new", 0o600)
    File.rename!(path <> ".new", path)
  end
end
