defmodule FormdbHttpWeb.Members do
  @moduledoc false
  # Small bodies: an object with a few members, or none.

  import FormdbHttpWeb.Problem, only: [pointer_part: 1, refuse: 3, show: 1, show_json: 1]

  alias FormdbHttp.{JSON, Serving}
  alias FormdbHttpWeb.{Body, Params}

  @provenance_bytes 65_536
  # A few members with a name or a number each.
  @members_bytes 4_096

  @doc """
  The provenance in a body that may be empty and else is `{"provenance": {...}}`, as
  options of a write.
  """
  def provenance(req) do
    with {:ok, body} <- read_optional(req, @provenance_bytes),
         {:ok, text} <- provenance_text(body),
         do: {:ok, if(text, do: [provenance: text], else: [])}
  end

  # Of a body that is not there the type does not matter: some clients always send one.
  defp read_optional(%{body_length: 0}, _max), do: {:ok, ""}
  defp read_optional(req, max), do: Body.read(req, min(max, req.settings.max_body_bytes))

  defp provenance_text(""), do: {:ok, nil}
  defp provenance_text(body), do: Serving.provenance_member(body)

  @doc """
  The members of a small JSON object whose names are all `allowed`; none of an empty
  body. `example` is what to send, and `most` how many bytes are taken.
  """
  def read(req, allowed, example, most \\ @members_bytes) do
    with {:ok, body} <- read_optional(req, most) do
      case decode(body) do
        {:ok, %{} = members} ->
          check_members(members, allowed)

        {:error, error} ->
          {:error, error}

        {:ok, other} ->
          detail = "the body is #{show_json(other)}; expected an object such as #{example}"
          refuse(:invalid_json, detail, "")

        :error ->
          detail =
            "the body is #{show(body)}, which is no JSON; expected an object such as #{example}"

          refuse(:invalid_json, detail, "")
      end
    end
  end

  @doc """
  JSON text as a term: `{:ok, term}`, `:error`, or `{:error, error}` where a number in it
  would not be kept as it is written. No text is an empty object.
  """
  def decode(""), do: {:ok, %{}}

  def decode(body) do
    case JSON.decode_asked(body) do
      {:unkept, error} -> {:error, error}
      {:error, _error} -> :error
      ok -> ok
    end
  end

  defp check_members(members, allowed) do
    case Map.keys(members) -- allowed do
      [] ->
        {:ok, members}

      [member | _] ->
        taken = if match?([_], allowed), do: "the only one taken is", else: "those taken are"
        meant = Params.meant(member, allowed)

        detail = "found the member #{show(member)}; #{meant}#{taken} #{Enum.join(allowed, ", ")}"

        refuse(:invalid_body, detail, "/" <> pointer_part(member))
    end
  end
end
