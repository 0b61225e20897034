defmodule FormdbHttpWeb.CborForm do
  @moduledoc false
  # JSON in its other form. Controllers answer in JSON; a client that would rather have CBOR
  # gets the same document as that. Problems stay JSON: their media type is (RFC 9457).

  alias FormdbHttp.{Error, Serving}
  alias FormdbHttpWeb.{Accept, BodyType, ETag, Request}

  @cbor "application/cbor"
  @json ["application/json", "application/geo+json"]

  @doc "The answer of the request's call in the form that the client prefers."
  @spec give(Request.answer(), Request.t()) :: Request.answer() | {:error, Error.t()}
  def give({status, headers, body} = answer, req) do
    # What has not changed would have been answered with 200.
    case Map.get(req.call.forms, if(status == 304, do: 200, else: status)) do
      nil ->
        answer

      types ->
        headers = Map.put(headers, "vary", "accept")
        forms = forms(headers, types)

        if forms != [] and Accept.preferred(req.headers, forms) == @cbor,
          do: convert(status, tagged(headers, req.method), body),
          else: {status, headers, body}
    end
  end

  # Of several kinds that a call has, the controller has chosen one.
  defp forms(%{"content-type" => type}, _types) when type in @json, do: [type, @cbor]
  defp forms(%{"content-type" => _no_json}, _types), do: []
  defp forms(_not_modified, types), do: types

  @doc """
  An error about the JSON of a body, in the words of the form in which the body was sent.
  """
  @spec told(Error.t(), Request.t()) :: Error.t()
  def told(error, req) do
    if BodyType.essence(req.headers) == @cbor and not about_parameter?(error, req),
      do: %{in_cbor(error) | errors: Enum.map(error.errors, &in_cbor/1)},
      else: error
  end

  defp in_cbor(%{code: :invalid_json} = fault), do: %{fault | code: :invalid_cbor}
  defp in_cbor(fault), do: fault

  # A geometry in the query string is JSON, whatever the body is.
  defp about_parameter?(%{pointer: "/" <> pointer}, %{asked: {asked, _filters}}),
    do: is_map_key(asked, pointer |> String.split("/") |> hd())

  defp about_parameter?(_error, _req), do: false

  # The tag in the answer to a write is that of what was written, not of the answer.
  defp tagged(headers, method) when method in ["GET", "HEAD"],
    do: ETag.suffixed(headers, "-cbor")

  defp tagged(headers, _write), do: headers

  defp convert(304, headers, body), do: {304, headers, body}

  defp convert(status, headers, body) do
    with {:ok, cbor} <- body |> IO.iodata_to_binary() |> Serving.json_to_cbor(),
         do: {status, Map.put(headers, "content-type", @cbor), cbor}
  end
end
