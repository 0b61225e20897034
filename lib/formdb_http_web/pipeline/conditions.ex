defmodule FormdbHttpWeb.Conditions do
  @moduledoc false
  # Conditions in the header of a request (RFC 9110, 13). Each is kept, or the request is
  # refused with the header's name: one that was ignored would let through what was not to
  # happen. A call keeps those that the table of routes has among its parameters.

  import FormdbHttpWeb.Problem, only: [refuse: 2, show: 1]

  alias FormdbHttpWeb.{ETag, Request}

  # Those that there are, and how they are written. If-Range is none of them: it is about a
  # part of what is asked for, and here the whole is sent in any case.
  @headers [
    {"if-match", "If-Match"},
    {"if-none-match", "If-None-Match"},
    {"if-modified-since", "If-Modified-Since"},
    {"if-unmodified-since", "If-Unmodified-Since"}
  ]

  # What counts in the place of a date where both are sent (RFC 9110, 13.1.3 and 13.1.4).
  @before_dates %{"if-modified-since" => "if-none-match", "if-unmodified-since" => "if-match"}

  @transaction "a commit is refused as a conflict when a feature that the transaction writes " <>
                 "was written since it began: read in it what you expect"

  # What to do instead, where there is more to say: by the names of resources.
  @instead %{
    features: "a write of one feature by its path takes it",
    block_revert: "a block is reverted only while nothing later depends on it",
    reverts: "blocks are reverted only while nothing later depends on them",
    block_restore: "what came since does not matter to it",
    transactions: @transaction,
    transaction_operations: @transaction,
    transaction_commit: @transaction,
    transaction_abort: @transaction
  }

  @doc """
  Lets a request go on when every condition of it is kept by its call. OPTIONS asks about no
  version, so that conditions say nothing there.
  """
  @spec call(Request.t()) :: Request.step()
  def call(%{call: nil} = req), do: {:cont, req}

  def call(%{call: call, headers: headers} = req) do
    case for({name, shown} <- @headers, is_map_key(headers, name), do: {name, shown}) do
      [] -> {:cont, req}
      found -> check(found, kept(call), req)
    end
  end

  defp kept(call), do: for(%{type: :condition, name: name} <- call.headers, do: name)

  defp check(found, kept, req) do
    case Enum.find(found, fn {name, _shown} -> ignored?(name, kept, req.headers) end) do
      nil -> {:cont, req}
      {name, shown} -> refused(name, shown, kept, req.resource.name)
    end
  end

  defp ignored?(name, kept, headers) do
    before = @before_dates[name]
    name not in kept and not (is_map_key(headers, before) and before in kept)
  end

  defp refused(name, shown, _kept, _resource) when is_map_key(@before_dates, name) do
    refuse(
      :invalid_parameter,
      "#{shown} is not taken, since versions have no dates that tell them apart; use the ETag " <>
        "of the answer, with If-Match or If-None-Match"
    )
  end

  defp refused(_name, shown, _kept, resource) do
    instead = Map.get(@instead, resource, "there is no version that it could be about")
    refuse(:invalid_parameter, "#{shown} is not taken here; #{instead}")
  end

  @doc "The names of the headers that are conditions."
  @spec headers() :: [String.t()]
  def headers, do: for({name, _shown} <- @headers, do: name)

  @doc """
  What a question for a version with this hash (nil: it has none) is answered: `:fresh`, or
  `:not_modified`, or a refusal. `If-Match` counts first (RFC 9110, 13.2.2).
  """
  @spec evaluate(Request.headers(), String.t() | nil) ::
          :fresh | :not_modified | {:error, FormdbHttp.Error.t()}
  def evaluate(%{"if-match" => field} = headers, hash) do
    with :ok <- match(field, hash), do: evaluate(Map.delete(headers, "if-match"), hash)
  end

  # Of a tag the kind does not count here (RFC 9110, 13.1.2).
  def evaluate(%{"if-none-match" => field}, hash) do
    case ETag.parse(field) do
      :any -> :not_modified
      {:ok, tags} -> if List.keymember?(tags, hash, 1), do: :not_modified, else: :fresh
      :error -> bad_tags("If-None-Match", field)
    end
  end

  def evaluate(_headers, _hash), do: :fresh

  defp match(field, hash) do
    case ETag.parse(field) do
      :any -> :ok
      {:ok, tags} -> match_tags(tags, field, hash)
      :error -> bad_tags("If-Match", field)
    end
  end

  defp match_tags(tags, field, hash) do
    cond do
      {:strong, hash} in tags -> :ok
      weak?(tags) -> weak(field)
      hash -> refuse(:precondition_failed, "If-Match is #{field}; this version is \"#{hash}\"")
      true -> refuse(:precondition_failed, "If-Match is #{field}; what was found has no version")
    end
  end

  @doc """
  What a write expects of the feature, as options of `FormdbHttp`: a version by `If-Match`,
  or that there is none by `If-None-Match: *`.
  """
  def expected(%{"if-match" => _, "if-none-match" => _}) do
    refuse(
      :invalid_parameter,
      "found If-Match, which expects a version, and If-None-Match, which expects none; send one"
    )
  end

  def expected(%{"if-match" => field}) do
    case ETag.parse(field) do
      :any -> {:ok, [expect: :exists]}
      {:ok, tags} -> expected_tags(tags, field)
      :error -> bad_tags("If-Match", field)
    end
  end

  def expected(%{"if-none-match" => field}) do
    case ETag.parse(field) do
      :any -> {:ok, [expect: :absent]}
      _tags_or_error -> bad_none_match(field)
    end
  end

  def expected(_headers), do: {:ok, []}

  # Only strong comparison counts here (RFC 9110, 13.1.1).
  defp expected_tags(tags, field) do
    if weak?(tags),
      do: weak(field),
      else: {:ok, [expect: {:hashes, for({:strong, tag} <- tags, do: tag)}]}
  end

  defp weak?(tags), do: Enum.all?(tags, &match?({:weak, _}, &1))

  defp weak(field) do
    refuse(
      :precondition_failed,
      "If-Match is #{field}, a weak tag, which never matches (RFC 9110, 13.1.1). A proxy that " <>
        "compresses answers makes their tags weak: send the tag without W/, or ask with " <>
        "Accept-Encoding: identity, so that it comes through as it is"
    )
  end

  defp bad_tags(name, field) do
    refuse(
      :invalid_parameter,
      "#{name} is #{show(field)}; give * or entity tags in double quotes, with commas between"
    )
  end

  defp bad_none_match(field) do
    refuse(
      :invalid_parameter,
      "If-None-Match is #{show(field)}; a write takes only *, for a feature that is to be new"
    )
  end
end
