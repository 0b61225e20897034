defmodule FormdbHttpWeb.WriteOptions do
  @moduledoc false
  # What a request to write says besides what to write: the query parameter
  # durability, and header fields.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show: 1]

  alias FormdbHttpWeb.Conditions

  @levels %{"sync" => :sync, "interval" => :interval, "none" => :none}

  @doc "The names of the query parameters that every write takes."
  def params, do: ["durability"]

  @crossings %{"refuse" => :refuse, "cut" => :cut, "as_is" => :as_is}

  @doc "What becomes of edges wider than 180 degrees, as an option."
  def antimeridian(%{"antimeridian" => text}) do
    case @crossings do
      %{^text => crossing} ->
        {:ok, [antimeridian: crossing]}

      _unknown ->
        detail = "antimeridian is #{inspect(text)}; give refuse, cut or as_is"
        refuse(:invalid_parameter, detail, "/antimeridian")
    end
  end

  def antimeridian(_params), do: {:ok, []}

  @doc "Options for a write of `FormdbHttp`."
  def read(req, params) do
    with {:ok, level} <- durability(params), {:ok, key} <- key(req.headers) do
      {:ok, level ++ key}
    end
  end

  @doc "Options for a write of one feature: with what the request expects of it."
  def read_conditional(req, params) do
    with {:ok, opts} <- read(req, params), {:ok, expected} <- Conditions.expected(req.headers) do
      {:ok, opts ++ expected}
    end
  end

  @doc "Refuses a key where sending again is no matter of keys. `instead` says what to do."
  def refuse_key(%{headers: %{"idempotency-key" => _key}}, instead),
    do: refuse(:invalid_parameter, "Idempotency-Key is not taken here; #{instead}")

  def refuse_key(_req, _instead), do: :ok

  @doc "The idempotency key as an option, if the request has one."
  # Visible ASCII: what else there might be in a header is no text, or two headers.
  def key(%{"idempotency-key" => key}) do
    if key =~ ~r/\A[\x21-\x7e]{1,255}\z/ do
      {:ok, [idempotency_key: key]}
    else
      detail = "Idempotency-Key is #{show(key)}; expected 1 to 255 visible ASCII characters"

      refuse(:invalid_parameter, detail)
    end
  end

  def key(_headers), do: {:ok, []}

  defp durability(%{"durability" => text}) do
    case @levels do
      %{^text => level} ->
        {:ok, [durability: level]}

      _unknown ->
        detail = "durability is #{show(text)}; give sync, interval or none"
        refuse(:invalid_parameter, detail, "/durability")
    end
  end

  defp durability(_params), do: {:ok, []}
end
