defmodule FormdbHttpWeb.CborForm do
  @moduledoc false
  # JSON in its other form. Controllers answer in JSON; a client that would rather have CBOR
  # gets the same document as that. Problems stay JSON: their media type is (RFC 9457).

  alias FormdbHttp.{Error, Serving}
  alias FormdbHttpWeb.{Accept, ETag, Request}
  alias FormdbHttpWeb.Routes.Content

  @cbor "application/cbor"

  @doc "The answer of the request's call in the form that the client prefers."
  @spec give(Request.answer(), Request.t()) :: Request.answer() | {:error, Error.t()}
  def give({status, headers, body} = answer, req) do
    content = content(req.call, status)

    if Content.cbor_form?(content) do
      headers = Map.put(headers, "vary", "accept")

      if Accept.preferred(req.headers, Content.types(content)) == @cbor,
        do: convert(status, tagged(headers, req.method), body),
        else: {status, headers, body}
    else
      answer
    end
  end

  # The tag in the answer to a write is that of what was written, not of the answer.
  defp tagged(headers, method) when method in ["GET", "HEAD"],
    do: ETag.suffixed(headers, "-cbor")

  defp tagged(headers, _write), do: headers

  # What has not changed would have been answered with 200.
  defp content(call, 304), do: content(call, 200)

  defp content(call, status) do
    case Enum.find(call.answers, &(&1.status == status)) do
      nil -> []
      %{content: content} -> content
    end
  end

  defp convert(304, headers, body), do: {304, headers, body}

  defp convert(status, headers, body) do
    with {:ok, cbor} <- body |> IO.iodata_to_binary() |> Serving.json_to_cbor(),
         do: {status, Map.put(headers, "content-type", @cbor), cbor}
  end
end
