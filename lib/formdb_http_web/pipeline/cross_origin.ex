defmodule FormdbHttpWeb.CrossOrigin do
  @moduledoc false
  # What pages of web sites may do, by way of the browser they are shown in: one pure
  # function of method, header fields and settings. Clients that are no browsers send
  # neither Origin nor Sec-Fetch-Site and have nothing to do with it.
  #
  # - A page of another site could write: browsers send some requests without asking.
  #   What is not safe (RFC 9110, 9.2.1) is refused unless its origin is allowed.
  # - A WebSocket begins with a GET, and a page could read it and write to it. It counts as
  #   unsafe.
  # - It cannot read the answer unless that says so (CORS, Fetch Standard, 3.2).
  # - By a name that the site's owner lets point to this machine (DNS rebinding) it would
  #   be a page of our own. Hence the check of Host where only this machine can ask;
  #   neither an address nor localhost can be made to point elsewhere.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttp.Config
  alias FormdbHttp.Config.Web
  alias FormdbHttpWeb.{Forwarded, Request}

  @enforce_keys [:origins, :hosts]
  defstruct [:origins, :hosts]

  @type t :: %__MODULE__{origins: :any | [String.t()], hosts: :any | [String.t()]}

  @safe ["GET", "HEAD", "OPTIONS", "TRACE"]
  @methods "GET, HEAD, POST, PUT, PATCH, DELETE"
  # What a page may send beside what it always may, and see of an answer.
  @request_fields "accept, authorization, content-encoding, content-type, idempotency-key, " <>
                    "if-match, if-none-match, last-event-id, traceparent, tracestate, x-request-id"
  @answer_fields "etag, formdb-seq, idempotency-replayed, link, location, ratelimit, " <>
                   "ratelimit-policy, retry-after, www-authenticate, x-request-id"
  # Browsers keep an answer to a preflight no longer than some hours anyway.
  @max_age "7200"

  @doc "The settings of a listener at `address`."
  @spec new(Config.t(), :inet.ip_address()) :: t()
  def new(config, address) do
    any_host? = config.allowed_hosts == [] and not Web.loopback?(address)

    %__MODULE__{
      origins: config.allowed_origins,
      hosts: if(any_host?, do: :any, else: config.allowed_hosts)
    }
  end

  @doc "Refuses what a page may not do, and has answers say which page may see them."
  @spec call(Request.t()) :: Request.step()
  def call(req) do
    case check(req.method, req.headers, req.settings.cross_origin) do
      {:ok, fields} -> {:cont, %{req | fields: fields}}
      {:preflight, fields} -> {:halt, {204, fields, ""}}
      {:error, error} -> {:error, error}
    end
  end

  @doc """
  `{:ok, fields}` when the request is to be answered, with more header fields for the
  answer; `{:preflight, fields}` when these are the whole answer; or `{:error, error}`.
  """
  def check(method, headers, settings) do
    with :ok <- check_host(headers, settings.hosts) do
      case origin(headers, settings.origins) do
        :none -> {:ok, vary(settings.origins)}
        {:allowed, fields} -> allowed(method, headers, Map.merge(vary(settings.origins), fields))
        {:foreign, found} -> foreign(method, headers, found, settings.origins)
      end
    end
  end

  ## Whom the request is addressed to

  defp check_host(_headers, :any), do: :ok

  # The one of this connection, whatever a proxy says of the one before: a page of a
  # rebound name can write the fields of proxies.
  defp check_host(%{"host" => host}, hosts) do
    with {name, _port} <- Web.authority(host), true <- local?(name) or name in hosts do
      :ok
    else
      _other ->
        refuse(
          :host_not_allowed,
          "Host is #{show(host)}; expected localhost, an address, or a name that " <>
            "the setting FORMDB_ALLOWED_HOSTS lists"
        )
    end
  end

  # Browsers always send one.
  defp check_host(_headers, _hosts), do: :ok

  defp local?(name) when name in ["localhost", "127.0.0.1"], do: true
  defp local?("[" <> _address), do: true

  # RFC 6761, 6.3.
  defp local?(name),
    do: String.ends_with?(name, ".localhost") or match?({:ok, _}, Web.address(name))

  ## Who asks

  # :none for a page of our own and for what is no page.
  defp origin(%{"sec-fetch-site" => site}, _origins) when site in ["same-origin", "none"],
    do: :none

  defp origin(%{"origin" => origin} = headers, origins) do
    cond do
      own?(origin, headers) -> :none
      origins == :any -> {:allowed, %{"access-control-allow-origin" => "*"}}
      allowed?(origin, origins) -> {:allowed, %{"access-control-allow-origin" => origin}}
      true -> {:foreign, "Origin is #{show(origin)}"}
    end
  end

  # A browser that tells where from, but not who: a page that hides it.
  defp origin(%{"sec-fetch-site" => site}, origins) do
    if origins == :any, do: :none, else: {:foreign, "Sec-Fetch-Site is #{show(site)}"}
  end

  defp origin(_headers, _origins), do: :none

  defp allowed?(origin, origins) do
    with {scheme, host, port} <- Web.origin(origin),
         do: Web.serialize(scheme, host, port) in origins,
         else: (:error -> false)
  end

  defp own?(origin, headers) do
    with {scheme, host, port} <- Web.origin(origin),
         {authority, asked_scheme} when authority != nil <- Forwarded.authority(headers),
         {^host, asked_port} <- Web.authority(authority) do
      # Of a proxy that speaks TLS for us nobody may have told the scheme.
      Web.serialize(scheme, host, port) ==
        Web.serialize(scheme, host, asked_port || default(scheme)) and
        asked_scheme in [nil, scheme]
    else
      _other -> false
    end
  end

  defp default("http"), do: 80
  defp default("https"), do: 443

  ## What comes of it

  defp allowed("OPTIONS", %{"access-control-request-method" => _}, fields) do
    {:preflight,
     Map.merge(fields, %{
       "access-control-allow-methods" => @methods,
       "access-control-allow-headers" => @request_fields,
       "access-control-max-age" => @max_age
     })}
  end

  defp allowed(_method, _headers, fields),
    do: {:ok, Map.put(fields, "access-control-expose-headers", @answer_fields)}

  defp foreign(method, headers, found, origins) do
    preflight? = method == "OPTIONS" and is_map_key(headers, "access-control-request-method")

    if method in @safe and not preflight? and not upgrade?(headers) do
      # Without fields that say so the page does not see the answer.
      {:ok, vary(origins)}
    else
      refuse(
        :origin_not_allowed,
        "#{found}, a page of another web site; expected no page, one of this server's own, or " <>
          "one of an origin that the setting FORMDB_ALLOWED_ORIGINS lists"
      )
    end
  end

  defp upgrade?(headers), do: is_map_key(headers, "upgrade")

  # To caches: an answer differs by who asks if there is somebody it says so to.
  defp vary(origins) when is_list(origins) and origins != [], do: %{"vary" => "origin"}
  defp vary(_origins), do: %{}
end
