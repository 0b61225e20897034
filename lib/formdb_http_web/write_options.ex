defmodule FormdbHttpWeb.WriteOptions do
  @moduledoc false
  # What a request to write says besides what to write: the query parameter
  # durability, and header fields.

  import FormdbHttpWeb.Problem, only: [refuse: 2, refuse: 3]

  alias FormdbHttpWeb.ETag

  @levels %{"sync" => :sync, "interval" => :interval, "none" => :none}

  @doc "The names of the query parameters that every write takes."
  def params, do: ["durability"]

  @doc "Options for any write of `FormdbHttp`."
  def read(req, params) do
    with {:ok, level} <- durability(params) do
      key = Map.get(req.headers, "idempotency-key")
      {:ok, level ++ if(key, do: [idempotency_key: key], else: [])}
    end
  end

  @doc "Options for a write of one feature: with what the request expects of it."
  def read_conditional(req, params) do
    with {:ok, opts} <- read(req, params), {:ok, expected} <- expected(req.headers) do
      {:ok, opts ++ expected}
    end
  end

  defp durability(%{"durability" => text}) do
    case @levels do
      %{^text => level} ->
        {:ok, [durability: level]}

      _unknown ->
        detail = "durability is #{inspect(text)}; give sync, interval or none"
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
      "#{name} is #{inspect(tags)}; give * or entity tags in double quotes, with commas between"
    )
  end

  defp bad_none_match(tags) do
    refuse(
      :invalid_parameter,
      "If-None-Match is #{inspect(tags)}; a write takes only *, for a feature that is to be new"
    )
  end
end
