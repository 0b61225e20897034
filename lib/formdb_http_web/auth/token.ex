defmodule FormdbHttpWeb.Auth.Token do
  @moduledoc false
  # JSON Web Tokens (RFC 7519) as RFC 8725 would have them checked. Which algorithm, which keys,
  # issuer and audience is decided before by whoever calls: nothing in a token chooses it but `kid`,
  # which names one of these keys. Pure, but for the clock.

  alias FormdbHttp.{JSON, Serving}

  # A header says an algorithm and a key.
  @most_header_bytes 2_048
  @most_subject_bytes 255
  # Kinds of tokens that are for others (RFC 8725, 3.11) are refused.
  @kinds ["jwt", "at+jwt"]
  # The year 10000.
  @most_seconds 253_402_300_800

  @enforce_keys [:text, :header, :claims]
  defstruct [:text, :header, :claims]

  @typedoc "A token that is taken apart; nothing of it is known to be true."
  @type t :: %__MODULE__{text: String.t(), header: map(), claims: map()}

  @typedoc """
  What a token is held against: the algorithm, the keys by `kid` (`nil`: those without), whom it has
  to be from and for, and by how many seconds clocks may differ.
  """
  @type rules :: %{
          algorithm: atom(),
          keys: (String.t() | nil -> [tuple()]),
          issuer: String.t(),
          audience: String.t(),
          leeway: non_neg_integer()
        }

  @type refusal :: {:error, String.t()}

  @doc "Takes a token apart."
  @spec read(String.t()) :: {:ok, t()} | refusal()
  def read(text) do
    with [header, claims, signature] <- :binary.split(text, ".", [:global]),
         true <- byte_size(header) <= @most_header_bytes,
         {:ok, header} <- part(header),
         {:ok, claims} <- part(claims),
         {:ok, _bytes} <- base64(signature) do
      {:ok, %__MODULE__{text: text, header: header, claims: claims}}
    else
      _no_token -> {:error, "it is neither an API key nor a JSON Web Token"}
    end
  end

  defp part(text) do
    with {:ok, json} <- base64(text), do: members(json)
  end

  # In its one form: the same token has no second text.
  defp base64(text) do
    with {:ok, bytes} <- Base.url_decode64(text, padding: false),
         true <- Base.url_encode64(bytes, padding: false) == text,
         do: {:ok, bytes},
         else: (_other -> :error)
  end

  # A name that comes twice would be read by one as the first and by another as the last: taking
  # members apart refuses it, decoding does not.
  defp members(json) do
    with true <- String.valid?(json),
         {:ok, _members} <- Serving.json_members(json),
         {:ok, %{} = map} <- JSON.decode(json),
         do: {:ok, map},
         else: (_other -> :error)
  end

  @doc "Checks a token by the rules: its subject and claims, or a sentence."
  @spec verify(t(), rules(), integer()) ::
          {:ok, String.t(), map()} | {:expired, integer()} | refusal()
  def verify(token, rules, now) do
    with :ok <- header(token.header, rules.algorithm),
         {:ok, keys} <- keys(token.header, rules.keys),
         :ok <- signature(token.text, keys, rules.algorithm),
         :ok <- issuer(token.claims, rules.issuer),
         :ok <- audience(token.claims, rules.audience),
         {:ok, subject} <- subject(token.claims),
         :ok <- times(token.claims, rules.leeway, now),
         do: {:ok, subject, token.claims}
  end

  defp header(header, algorithm) do
    kind = header["typ"]

    cond do
      header["alg"] != Atom.to_string(algorithm) ->
        {:error, "its algorithm is not #{algorithm}"}

      # What it says is critical is not known here (RFC 7515, 4.1.11); b64 is one of these.
      is_map_key(header, "crit") or is_map_key(header, "b64") ->
        {:error, "its header has crit or b64, which are not taken"}

      kind != nil and not kind?(kind) ->
        {:error, "its header says that it is of another kind than JWT"}

      true ->
        :ok
    end
  end

  defp kind?(text) when is_binary(text) do
    text
    |> String.downcase(:ascii)
    |> String.replace_prefix("application/", "")
    |> Kernel.in(@kinds)
  end

  defp kind?(_other), do: false

  # Keys without a name are those of a file that has none, such as PEM.
  defp keys(%{"kid" => kid}, keys) when is_binary(kid), do: known(keys.(kid) ++ keys.(nil))
  defp keys(%{"kid" => _other}, _keys), do: {:error, "its kid is no text"}
  defp keys(_header, keys), do: known(keys.(nil))

  defp known([]), do: {:error, "it names no key that this server has"}
  defp known(keys), do: {:ok, keys}

  defp signature(text, keys, algorithm) do
    allowed = [Atom.to_string(algorithm)]

    if Enum.any?(keys, &signed?(&1, allowed, text)),
      do: :ok,
      else: {:error, "its signature is by no key that this server has"}
  end

  defp signed?(key, allowed, text) do
    match?({true, _payload, _jws}, :jose_jws.verify_strict(key, allowed, text))
  rescue
    # Of signatures of another length, and the like.
    _error -> false
  end

  defp issuer(%{"iss" => issuer}, issuer), do: :ok
  defp issuer(_claims, issuer), do: {:error, "its iss is not #{issuer}"}

  defp audience(%{"aud" => audience}, audience), do: :ok

  defp audience(%{"aud" => list}, audience) when is_list(list),
    do: if(audience in list, do: :ok, else: other_audience(audience))

  defp audience(_claims, audience), do: other_audience(audience)

  defp other_audience(audience), do: {:error, "its aud is not #{audience}"}

  defp subject(%{"sub" => subject}) when is_binary(subject) do
    if subject?(subject),
      do: {:ok, subject},
      else:
        {:error,
         "its sub is not 1 to #{@most_subject_bytes} bytes of text without control characters"}
  end

  defp subject(_claims), do: {:error, "it has no sub"}

  # Also no character that changes lines or the direction of text, and so what a reader of a
  # log or of the journal takes it for.
  defp subject?(text) do
    byte_size(text) in 1..@most_subject_bytes and String.valid?(text) and
      not (text =~ ~r/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  end

  defp times(claims, leeway, now) do
    with {:ok, expires} <- time(claims, "exp"),
         {:ok, begins} <- optional_time(claims, "nbf"),
         {:ok, _issued} <- optional_time(claims, "iat") do
      cond do
        expires + leeway <= now -> {:expired, expires}
        begins != nil and begins - leeway > now -> {:error, "it is not valid yet (nbf)"}
        true -> :ok
      end
    end
  end

  defp optional_time(claims, name) do
    if is_map_key(claims, name), do: time(claims, name), else: {:ok, nil}
  end

  defp time(claims, name) do
    case claims[name] do
      number when is_number(number) and number >= 0 and number < @most_seconds ->
        {:ok, trunc(number)}

      nil ->
        {:error, "it has no #{name}"}

      _other ->
        {:error, "its #{name} is no number of seconds"}
    end
  end
end
