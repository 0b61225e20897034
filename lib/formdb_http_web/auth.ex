defmodule FormdbHttpWeb.Auth do
  @moduledoc false
  # Who asks. As soon as one source of credentials is set, every call needs one but those that are
  # open: API keys and users from files of ours, and tokens of others by keys of theirs.
  #
  # This process reads the files, and again when they change. What is in them is in a table that
  # requests read by themselves; nothing of a request passes through the process.

  use GenServer

  alias FormdbHttp.{Config, ServerKey}
  alias FormdbHttpWeb.Audit.Event
  alias FormdbHttpWeb.Live.Open

  alias FormdbHttpWeb.Auth.{
    ApiKeys,
    Attempts,
    Cache,
    Issuer,
    Jose,
    Principal,
    Scopes,
    Token,
    Users,
    VerificationKeys
  }

  alias FormdbHttpWeb.WatchedFile

  @table __MODULE__
  @look_again_ms 1_000

  @settings [:failed_sign_ins, :token_seconds, :sign_in_seconds] ++
              [:jwt_algorithm, :jwt_issuer, :jwt_audience, :jwt_leeway_seconds]
  @enforce_keys [:cache | @settings]
  defstruct [:cache | @settings]

  @typedoc "What requests are checked by, besides the table."
  @type t :: %__MODULE__{}

  @type refusal ::
          {:invalid, why :: String.t()} | {:wait, seconds :: pos_integer()}

  ## Starting

  @sources [:api_keys_file, :users_file, :jwt_keys_file]

  @doc "Whether a configuration has a source of credentials."
  @spec on?(Config.t()) :: boolean()
  def on?(config), do: Enum.any?(@sources, &Map.fetch!(config, &1))

  @doc "The process, for a supervisor, if there is anything to check; before what listens."
  @spec children(Config.t()) :: [{module(), Config.t()}]
  def children(config), do: if(on?(config), do: [{__MODULE__, config}], else: [])

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(config), do: GenServer.start_link(__MODULE__, config, name: __MODULE__)

  @doc "What the requests of a host are checked by; `nil`: there is nothing to check."
  @spec settings(Config.t()) :: t() | nil
  def settings(config) do
    if on?(config) do
      own = config |> Map.take(@settings) |> Map.put(:cache, Cache.shared(config.token_cache))
      struct!(__MODULE__, own)
    end
  end

  @impl true
  def init(config) do
    Jose.prepare()
    :ets.new(@table, [:named_table, :protected, read_concurrency: true])
    Cache.new()
    Attempts.new()

    with {:ok, secret} <- ServerKey.load(ServerKey.path(config)),
         :ets.insert(@table, [
           {:token_key, ServerKey.derive(secret, Issuer.label())},
           {:generation, 0}
         ]),
         {:ok, files} <- open(sources(config), []) do
      look_again()
      {:ok, files}
    else
      {:error, why} -> {:stop, why}
    end
  end

  # Each with how its text is read, and what is made rows of the table of it.
  defp sources(config) do
    for {setting, path, parse, rows} <- [
          {"FORMDB_API_KEYS_FILE", config.api_keys_file, &ApiKeys.parse/1, &key_rows/1},
          {"FORMDB_USERS_FILE", config.users_file, &Users.parse/1, &user_rows/1},
          {"FORMDB_JWT_KEYS_FILE", config.jwt_keys_file,
           &VerificationKeys.parse(&1, config.jwt_algorithm), &jwt_rows/1}
        ],
        path != nil,
        do: {setting, path, parse, rows}
  end

  defp open([], files), do: {:ok, files}

  defp open([{setting, path, parse, rows} | rest], files) do
    with {:ok, content, file} <- WatchedFile.open(setting, path, parse) do
      written = put(rows.(content), [])
      open(rest, [{file, rows, written} | files])
    end
  end

  defp look_again, do: Process.send_after(self(), :look_again, @look_again_ms)

  @impl true
  def handle_info(:look_again, files) do
    Attempts.forget()
    files = Enum.map(files, &poll/1)
    look_again()
    {:noreply, files}
  end

  def handle_info(_other, files), do: {:noreply, files}

  defp poll({file, rows, written}) do
    case WatchedFile.poll(file) do
      {:same, file} ->
        {file, rows, written}

      {:changed, content, file} ->
        new = rows.(content)
        told(file, new, written)
        {file, rows, changed(new, written)}
    end
  end

  # Before they are in the table.
  defp told(file, rows, before) do
    counted = Enum.filter(rows, &entry?(elem(&1, 0)))
    known = for {key, value} <- counted, old = lookup(key), do: old == value
    removed = Enum.count(before -- Enum.map(rows, &elem(&1, 0)), &entry?/1)

    Event.emit(%{
      act: :read_credentials,
      outcome: :done,
      reason: nil,
      setting: file.setting,
      entries: length(counted),
      added: length(counted) - length(known),
      changed: Enum.count(known, &(not &1)),
      removed: removed
    })
  end

  # A row for each key or user, or each name of keys.
  defp entry?({kind, _name}), do: kind in [:principal, :jwt]

  # What stays open was let in by what was there before.
  defp changed(rows, written) do
    keys = put(rows, written)
    Open.tell(:credentials)
    keys
  end

  # Tokens that were verified by what was there before are verified anew: of one that is being
  # verified just now the entry has the generation before, and does not count either.
  #
  # What is gone goes first: who sees a new row finds nothing of before beside it.
  defp put(rows, before) do
    keys = Enum.map(rows, &elem(&1, 0))
    for key <- before -- keys, do: :ets.delete(@table, key)
    :ets.insert(@table, rows)
    :ets.update_counter(@table, :generation, 1)
    Cache.clear()
    keys
  end

  ## Rows

  defp key_rows(entries) do
    for %{name: name, sha256: hash} = entry <- entries,
        principal = %Principal{
          actor: "key:" <> name,
          scopes: entry.scopes,
          expires: entry.expires && DateTime.to_unix(entry.expires),
          credential: fingerprint(hash),
          key_id: hash |> Base.encode16(case: :lower) |> binary_part(0, 12)
        },
        row <- [{{:key, hash}, principal}, {{:principal, principal.actor}, principal}],
        do: row
  end

  defp user_rows(entries) do
    for %{name: name, password: hash} = entry <- entries,
        actor = "user:" <> name,
        principal = %Principal{
          actor: actor,
          scopes: entry.scopes,
          credential: fingerprint(hash)
        },
        row <- [{{:password, name}, hash}, {{:principal, actor}, principal}],
        do: row
  end

  defp jwt_rows(keys) do
    all = keys |> Enum.sort() |> :erlang.term_to_binary() |> fingerprint()

    [
      {{:jwt_keys, :all}, all}
      | for(
          {kid, keys} <- Enum.group_by(keys, &elem(&1, 0), &elem(&1, 1)),
          do: {{:jwt, kid}, keys}
        )
    ]
  end

  # Tells one stored hash from another, and nothing else of it.
  defp fingerprint(hash) do
    :hmac
    |> :crypto.mac(:sha256, lookup(:token_key), ["credential", 0, hash])
    |> binary_part(0, 16)
    |> Base.url_encode64(padding: false)
  end

  defp lookup(key) do
    case :ets.lookup(@table, key) do
      [{_key, value}] -> value
      [] -> nil
    end
  end

  ## Bearers

  @doc "Whose credential this is: an API key, or a token of ours or of others."
  @spec bearer(t(), String.t(), :inet.ip_address()) :: {:ok, Principal.t()} | refusal()
  def bearer(auth, credential, address) do
    now = System.os_time(:second)

    if ApiKeys.key?(credential),
      do: key(auth, credential, address, now),
      else: token(auth, credential, address, now)
  end

  # Looking one up costs next to nothing, so that keys of this server always are.
  defp key(auth, credential, address, now) do
    case lookup({:key, ApiKeys.hash(credential)}) do
      %{expires: expires} = principal when expires == nil or expires > now -> {:ok, principal}
      %{} -> refused(auth, address, "the API key has expired")
      nil -> refused(auth, address, "the API key is none of this server, or was revoked")
    end
  end

  defp token(auth, text, address, now) do
    digest = :crypto.hash(:sha256, text)
    generation = lookup(:generation)

    case Cache.get(auth.cache, digest) do
      {:ok, {^generation, {:ok, principal}, expires}} when expires > now -> {:ok, principal}
      {:ok, {^generation, _outcome, expires}} when expires <= now -> expired(expires)
      # Also one that had expired before the clock was set back.
      _unknown -> verify(auth, text, {digest, generation}, address, now)
    end
  end

  defp verify(auth, text, {digest, generation}, address, now) do
    with {:ok, principal} <- verified(auth, text, address, now) do
      expires = principal.expires + leeway(auth, principal)
      Cache.put(auth.cache, digest, {generation, {:ok, principal}, expires})
      {:ok, principal}
    else
      # It was one: neither counted as a guess, nor worth to be verified again.
      {:expired, expires} ->
        Cache.put(auth.cache, digest, {generation, nil, expires})
        expired(expires)

      {:error, why} ->
        refused(auth, address, why)

      {:wait, seconds} ->
        {:wait, seconds}
    end
  end

  defp expired(expires) do
    time = expires |> DateTime.from_unix!() |> DateTime.to_iso8601()
    {:invalid, "the token has expired at #{time}"}
  end

  defp refused(auth, address, why) do
    case Attempts.check(:token, address, auth.failed_sign_ins) do
      :ok ->
        Attempts.failed(:token, address)
        {:invalid, why}

      wait ->
        wait
    end
  end

  # Which of the two verifiers it is that a token claims to be for. Neither takes the other's.
  defp verified(auth, text, address, now) do
    with {:ok, token} <- Token.read(text) do
      cond do
        token.claims["iss"] == Issuer.issuer() ->
          Issuer.verify(token, lookup(:token_key), now, &lookup({:principal, &1}))

        auth.jwt_algorithm == nil ->
          {:error, "this server takes no tokens but its own"}

        true ->
          worth_a_signature(auth, address, fn -> foreign(auth, token, now) end)
      end
    end
  end

  # Nobody is kept out by what others behind the same address send, unless that costs as much as
  # what is right: tokens of others with a wrong signature.
  defp worth_a_signature(auth, address, verify) do
    with :ok <- Attempts.check(:signature, address, auth.failed_sign_ins),
         {:error, why} <- verify.() do
      Attempts.failed(:signature, address)
      {:error, why}
    end
  end

  defp foreign(auth, token, now) do
    # Before the keys are: with others they do not go.
    by = lookup({:jwt_keys, :all})

    rules = %{
      algorithm: auth.jwt_algorithm,
      keys: &(lookup({:jwt, &1}) || []),
      issuer: auth.jwt_issuer,
      audience: auth.jwt_audience,
      leeway: auth.jwt_leeway_seconds
    }

    with {:ok, subject, claims} <- Token.verify(token, rules, now),
         :ok <- check_subject(subject),
         {:ok, scopes} <- scopes(claims) do
      {:ok,
       %Principal{
         actor: subject,
         scopes: scopes,
         expires: trunc(claims["exp"]),
         issuer_keys: by,
         key_id: kid(token)
       }}
    end
  end

  # Where keys have no name the token may say any.
  defp kid(%{header: %{"kid" => kid}}) when is_binary(kid),
    do: if(lookup({:jwt, kid}), do: kid)

  defp kid(_token), do: nil

  defp check_subject(subject) do
    if Principal.own?(subject),
      do: {:error, "its sub begins as the names of this server's keys and users do"},
      else: :ok
  end

  # As OAuth has it (RFC 8693, 4.2), or as some issuers do.
  defp scopes(%{"scope" => text}) when is_binary(text), do: Scopes.parse_claim(text)
  defp scopes(%{"scope" => list}), do: scope_list(list)
  defp scopes(%{"scp" => text}) when is_binary(text), do: Scopes.parse_claim(text)
  defp scopes(%{"scp" => list}), do: scope_list(list)
  defp scopes(_claims), do: {:ok, []}

  defp scope_list(list) when is_list(list) do
    if Enum.all?(list, &(is_binary(&1) and not String.contains?(&1, " "))),
      do: Scopes.parse_claim(Enum.join(list, " ")),
      else: {:error, "its scope is neither text nor a list of words"}
  end

  defp scope_list(_other), do: {:error, "its scope is neither text nor a list of words"}

  defp leeway(_auth, %{auth_time: time}) when time != nil, do: 0
  defp leeway(auth, _principal), do: auth.jwt_leeway_seconds

  ## What stays open

  @doc """
  Who somebody is by the credentials of today: what they may do may have changed. `:gone` where
  their key or user is, or has another key or password now; of tokens of others as soon as the
  issuer's keys are others.
  """
  @spec current(Principal.t()) :: {:ok, Principal.t()} | :gone
  def current(%{actor: actor, credential: same} = principal) do
    if Principal.own?(actor) do
      case lookup({:principal, actor}) do
        %{credential: ^same, scopes: scopes, expires: expires} ->
          {:ok, %{principal | scopes: scopes, expires: earlier(principal.expires, expires)}}

        _other_or_none ->
          :gone
      end
    else
      if lookup({:jwt_keys, :all}) == principal.issuer_keys, do: {:ok, principal}, else: :gone
    end
  end

  defp earlier(nil, expires), do: expires
  defp earlier(expires, nil), do: expires
  defp earlier(one, other), do: min(one, other)

  @doc "Until when a credential is taken, in seconds since the epoch; `nil`: for good."
  @spec good_until(t(), Principal.t()) :: integer() | nil
  def good_until(_auth, %{expires: nil}), do: nil

  def good_until(auth, %{actor: actor, expires: expires}),
    do: if(Principal.own?(actor), do: expires, else: expires + auth.jwt_leeway_seconds)

  ## Signing in

  @doc "Whether there is a user of this name."
  @spec user?(String.t()) :: boolean()
  def user?(name), do: :ets.member(@table, {:password, name})

  @doc "Whose password this is."
  @spec password(t(), String.t(), String.t(), :inet.ip_address()) ::
          {:ok, Principal.t()} | refusal() | {:error, FormdbHttp.Error.t()}
  def password(auth, name, password, address) do
    with :ok <- Attempts.begin(:password, address, auth.failed_sign_ins),
         {:ok, right?} <- FormdbHttp.Serving.verify_password(lookup({:password, name}), password) do
      # It may have been taken away meanwhile.
      principal = if right?, do: lookup({:principal, "user:" <> name})

      if principal do
        Attempts.succeeded(:password, address)
        {:ok, principal}
      else
        {:invalid, "there is no user of this name with this password"}
      end
    else
      {:error, error} ->
        Attempts.succeeded(:password, address)
        {:error, error}

      wait ->
        wait
    end
  end

  @typedoc "A token, and for how many seconds it is good."
  @type given :: {token :: String.t(), seconds :: pos_integer()}

  @doc "A token for who has just shown a key or a password."
  @spec sign_in(t(), Principal.t()) :: given()
  def sign_in(auth, principal), do: issue(auth, principal, System.os_time(:second))

  @doc """
  A new token for one of ours that is still good. So long only after the sign-in as is set.
  """
  @spec refresh(t(), Principal.t()) :: {:ok, given()} | {:error, :not_ours | :too_late}
  def refresh(_auth, %{auth_time: nil}), do: {:error, :not_ours}

  def refresh(auth, %{auth_time: since} = principal) do
    # The expiry of the token is not that of the credential.
    current = lookup({:principal, principal.actor})

    cond do
      current == nil or current.credential != principal.credential -> {:error, :too_late}
      System.os_time(:second) >= since + auth.sign_in_seconds -> {:error, :too_late}
      true -> {:ok, issue(auth, current, since)}
    end
  end

  defp issue(auth, principal, auth_time) do
    Issuer.issue(principal, lookup(:token_key), System.os_time(:second),
      seconds: auth.token_seconds,
      until: auth_time + auth.sign_in_seconds,
      auth_time: auth_time
    )
  end
end
