defmodule FormdbHttpWeb.RateLimit do
  @moduledoc false
  # Who asks too often is told so before anything is done for them: by address before it is looked
  # at who they are, which may cost a signature, and by principal thereafter. A request is one,
  # whatever it asks and however long its body is. Not counted are what probes ask for, and what
  # browsers ask beforehand, which is answered before.

  alias FormdbHttp.Config.Web
  alias FormdbHttp.Error
  alias FormdbHttpWeb.{Answer, Buckets, Problem, Request}

  @probes [:health, :live, :ready]

  @doc "The step before it is known who asks."
  @spec by_address(Request.t()) :: Request.step()
  def by_address(%{settings: %{rates: %{address: nil}}} = req), do: {:cont, req}
  def by_address(%{resource: %{name: name}} = req) when name in @probes, do: {:cont, req}

  def by_address(%{settings: %{rates: %{address: limit}}} = req),
    do: count(req, limit, Web.client_network(req.client), "from this address")

  @doc "The step after it."
  @spec by_principal(Request.t()) :: Request.step()
  def by_principal(%{principal: nil} = req), do: {:cont, req}
  def by_principal(%{settings: %{rates: %{principal: nil}}} = req), do: {:cont, req}

  def by_principal(%{settings: %{rates: %{principal: limit}}} = req),
    do: count(req, limit, req.principal.actor, "by this credential")

  defp count(req, limit, key, whose) do
    case Buckets.take(limit.buckets, key) do
      {:ok, left, full_in} -> {:cont, %{req | fields: told(req.fields, limit, left, full_in)}}
      {:wait, wait} -> {:halt, refused(req.fields, limit, wait, whose)}
    end
  end

  defp told(fields, limit, left, nanoseconds) do
    state = [?", limit.name, "\";r=", Integer.to_string(left), ";t=", seconds(nanoseconds)]

    case fields do
      %{"ratelimit" => other, "ratelimit-policy" => others} ->
        %{
          fields
          | "ratelimit" => [other, ", ", state],
            "ratelimit-policy" => [others, ", ", limit.policy]
        }

      _none ->
        Map.merge(fields, %{"ratelimit" => state, "ratelimit-policy" => limit.policy})
    end
  end

  defp refused(fields, limit, wait, whose) do
    detail =
      "there were more requests #{whose} than #{limit.rate} a second, and #{limit.burst} at once " <>
        "(setting #{limit.setting}); try again in #{seconds(wait)} s"

    {status, headers, body} = Problem.answer(%Error{code: :too_many_requests, detail: detail})
    told = fields |> told(limit, 0, wait) |> Map.take(["ratelimit", "ratelimit-policy"])
    Answer.header({status, Map.merge(headers, told), body}, "retry-after", seconds(wait))
  end

  defp seconds(nanoseconds), do: Integer.to_string(div(nanoseconds + 999_999_999, 1_000_000_000))
end
