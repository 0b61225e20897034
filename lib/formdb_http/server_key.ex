defmodule FormdbHttp.ServerKey do
  @moduledoc false
  # The secret of this server: 32 random bytes in a file. Nothing is signed with it: keys for
  # each purpose are derived from it by a label (HKDF, RFC 5869), so that none tells of another.

  require Logger

  alias FormdbHttp.SecretFile

  @bytes 32
  @name "server.key"

  @doc "The path of its file: the one that is set, or else in the data folder."
  @spec path(FormdbHttp.Config.t()) :: Path.t()
  def path(%{server_key_file: nil, data_dir: data_dir}), do: Path.join(data_dir, @name)
  def path(%{server_key_file: path}), do: path

  @doc "The secret. Where there is no file it is made."
  @spec load(Path.t()) :: {:ok, binary()} | {:error, String.t()}
  def load(path) do
    case File.read(path) do
      {:ok, <<_::binary-size(@bytes)>> = key} ->
        warn(path)
        {:ok, key}

      {:ok, other} ->
        {:error,
         "the server's key (#{path}) has #{byte_size(other)} bytes; expected #{@bytes}. Restore it from " <>
           "a backup, or remove it: a new one is made, and whoever has signed in does so again"}

      {:error, :enoent} ->
        make(path)

      {:error, reason} ->
        {:error, "the server's key (#{path}) cannot be read: #{:file.format_error(reason)}"}
    end
  end

  # One at a time: of two that are made at once one would be lost.
  defp make(path) do
    :global.trans(
      {__MODULE__, self()},
      fn ->
        if File.exists?(path) do
          load(path)
        else
          key = :crypto.strong_rand_bytes(@bytes)
          with :ok <- SecretFile.write(path, key), do: {:ok, key}
        end
      end,
      [node()]
    )
  end

  # Whoever reads it can make tokens.
  defp warn(path) do
    with {:ok, stat} <- File.stat(path), can when can != nil <- SecretFile.exposed(stat) do
      Logger.warning("the server's key: all users of this machine can #{can} #{path}")
    end
  end

  @doc "A key of 32 bytes for the purpose that `label` names."
  @spec derive(binary(), String.t()) :: binary()
  def derive(secret, label), do: hkdf(secret, "", "formdb " <> label, 32)

  @doc "HKDF with SHA-256 (RFC 5869), up to 32 bytes."
  @spec hkdf(binary(), binary(), binary(), 1..32) :: binary()
  def hkdf(secret, salt, info, length) do
    salt = if salt == "", do: <<0::256>>, else: salt
    extracted = :crypto.mac(:hmac, :sha256, salt, secret)
    :hmac |> :crypto.mac(:sha256, extracted, info <> <<1>>) |> binary_part(0, length)
  end
end
