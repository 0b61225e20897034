defmodule FormdbHttpWeb.WriteOptions do
  @moduledoc false
  # What a request to write says besides what to write: the query parameter
  # durability, and header fields.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3, show: 1]

  alias FormdbHttpWeb.ETag

  @levels %{"sync" => :sync, "interval" => :interval, "none" => :none}

  @doc "The names of the query parameters that every write takes."
  def params, do: ["durability"]

  @doc "Options for a write of `FormdbHttp` that takes no condition in the header."
  def read(req, params) do
    with :ok <- refuse_conditions(req), do: any(req, params)
  end

  @doc "Options for a write of one feature: with what the request expects of it."
  def read_conditional(req, params) do
    with {:ok, opts} <- any(req, params), {:ok, expected} <- expected(req.headers) do
      {:ok, opts ++ expected}
    end
  end

  defp any(req, params) do
    with {:ok, level} <- durability(params), {:ok, key} <- key(req.headers) do
      {:ok, level ++ key}
    end
  end

  @doc """
  Refuses a condition where there is nothing that it could be about: one that was
  ignored would let through what was not to happen. `instead` says what to do.
  """
  def refuse_conditions(req, instead \\ "it is for a write of one feature by its path") do
    case Enum.find(["if-match", "if-none-match"], &is_map_key(req.headers, &1)) do
      nil -> :ok
      name -> refuse(:invalid_parameter, "#{header(name)} is not taken here; #{instead}")
    end
  end

  @doc "Refuses a key where sending again is no matter of keys. `instead` says what to do."
  def refuse_key(%{headers: %{"idempotency-key" => _key}}, instead),
    do: refuse(:invalid_parameter, "Idempotency-Key is not taken here; #{instead}")

  def refuse_key(_req, _instead), do: :ok

  defp header("if-match"), do: "If-Match"
  defp header("if-none-match"), do: "If-None-Match"

  @doc "The idempotency key as an option, if the request has one."
  # Visible ASCII: what else there might be in a header is no text, or two headers.
  def key(%{"idempotency-key" => key}) do
    if key =~ ~r/\A[\x21-\x7e]{1,255}\z/ do
      {:ok, [idempotency_key: key]}
    else
      detail =
        "Idempotency-Key has #{byte_size(key)} bytes; give 1 to 255 visible ASCII characters"

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

  # RFC 9110, 13.1.1 and 13.1.2. A condition that would be ignored would let a write
  # through that was not to happen.
  defp expected(%{"if-match" => _, "if-none-match" => _}) do
    refuse(
      :invalid_parameter,
      "found If-Match, which expects a version, and If-None-Match, which expects none; send one"
    )
  end

  defp expected(%{"if-match" => tags}) do
    case ETag.parse(tags) do
      :any -> {:ok, [expect: :exists]}
      # Only strong comparison counts here.
      {:ok, tags} -> {:ok, [expect: {:hashes, for({:strong, tag} <- tags, do: tag)}]}
      :error -> bad_tags("If-Match", tags)
    end
  end

  defp expected(%{"if-none-match" => tags}) do
    case ETag.parse(tags) do
      :any -> {:ok, [expect: :absent]}
      _tags_or_error -> bad_none_match(tags)
    end
  end

  defp expected(_headers), do: {:ok, []}

  defp bad_tags(name, tags) do
    refuse(
      :invalid_parameter,
      "#{name} is #{show(tags)}; give * or entity tags in double quotes, with commas between"
    )
  end

  defp bad_none_match(tags) do
    refuse(
      :invalid_parameter,
      "If-None-Match is #{show(tags)}; a write takes only *, for a feature that is to be new"
    )
  end
end
