defmodule FormdbHttp.Passwords do
  @moduledoc false
  # Passwords as Argon2id hashes (19 MiB, two passes). So many at once only are worked out as
  # there are places for it: each takes memory, and some 20 ms of a core.

  alias FormdbHttp.{Admission, Engine, Native, Types}

  # Longer ones would only be work for the server.
  @most_bytes 1_024

  # As costly as a real one: it is of no password that anybody has.
  @nobody "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$" <>
            "c2VjcmV0IG9mIG5vYm9keTogbm8gcGFzc3dvcmQgaGE"

  @doc "Bytes of the longest password that is taken."
  @spec most_bytes() :: pos_integer()
  def most_bytes, do: @most_bytes

  @doc "The hash of a password, as a PHC string with a salt of its own."
  @spec hash(String.t()) :: Types.result(String.t())
  def hash(password) do
    ref = make_ref()
    answer(ref, Native.password_hash(normal(password), :crypto.strong_rand_bytes(16), ref))
  end

  @doc """
  Whether this is the password of the hash. Without a hash it is not, which takes as long.
  """
  @spec verify(String.t() | nil, String.t()) :: Types.result(boolean())
  def verify(_hash, password) when byte_size(password) > @most_bytes, do: {:ok, false}

  def verify(hash, password) do
    ref = make_ref()

    with {:ok, right?} <-
           Admission.run(:sign_in, fn place ->
             answer(ref, Native.password_verify(place, normal(password), hash || @nobody, ref))
           end),
         do: {:ok, right? and hash != nil}
  end

  # The same characters, whatever keyboard they come from.
  defp normal(password), do: String.normalize(password, :nfc)

  # The thread always answers.
  defp answer(ref, :ok) do
    receive do
      {^ref, answer} -> Engine.native(answer)
    end
  end

  defp answer(_ref, error), do: Engine.native(error)
end
