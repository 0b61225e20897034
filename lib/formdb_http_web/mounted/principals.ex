defmodule FormdbHttpWeb.Mounted.Principals do
  @moduledoc false
  # Who asks, as the application says that FormDB is a part of: by a function that it gives.

  alias FormdbHttpWeb.Auth.{Principal, Scopes}

  @typedoc "By whom it is known who asks: by FormDB's own credentials, or by a function."
  @type source :: :own | (term() -> FormdbHttpWeb.Plug.principal())

  @doc "The option `:principal`. It has to be one that compiled code can hold."
  @spec source!(term()) :: source()
  def source!(nil), do: :own

  def source!(function) when is_function(function, 1) do
    if Function.info(function, :type) == {:type, :external}, do: function, else: invalid(function)
  end

  def source!(other), do: invalid(other)

  defp invalid(found) do
    raise ArgumentError,
          ":principal is #{inspect(found)}; expected a function such as &MyAppWeb.Access.formdb/1"
  end

  @doc "Asks it. What it gives that is neither `nil` nor such a map raises."
  @spec ask((term() -> FormdbHttpWeb.Plug.principal()), term()) :: Principal.t() | nil
  def ask(function, asked) do
    case function.(asked) do
      nil -> nil
      %{actor: actor, scopes: scopes} = given -> principal(actor, scopes, given, function)
      other -> raise ArgumentError, expected(function, "gave " <> kind(other))
    end
  end

  # What is in it may be secret, and what is raised is in the log.
  defp kind(%name{}), do: "a %#{inspect(name)}{}"
  defp kind(map) when is_map(map), do: "a map with the keys #{inspect(Map.keys(map))}"
  defp kind(other) when is_atom(other) or is_number(other), do: inspect(other)
  defp kind(tuple) when is_tuple(tuple), do: "a tuple"
  defp kind(list) when is_list(list), do: "a list"
  defp kind(text) when is_binary(text), do: "a text"
  defp kind(_other), do: "something else"

  defp principal(actor, scopes, given, function) do
    expires = Map.get(given, :expires)

    for {name, value, false} <- [
          {:actor, actor, is_binary(actor) and actor != "" and String.valid?(actor)},
          {:scopes, scopes, is_binary(scopes)},
          {:expires, expires, is_nil(expires) or is_integer(expires)}
        ],
        do: raise(ArgumentError, expected(function, "gave #{inspect([{name, value}])}"))

    case scopes(scopes) do
      {:ok, scopes} ->
        %Principal{actor: actor, scopes: scopes, expires: expires, credential: :host}

      {:error, why} ->
        raise ArgumentError, expected(function, "gave scopes that are none: " <> why)
    end
  end

  # Somebody who may do nothing is somebody.
  defp scopes(""), do: {:ok, []}
  defp scopes(text), do: Scopes.parse(text)

  defp expected(function, found) do
    "#{inspect(function)} #{found}; expected nil, or a map such as " <>
      ~s(%{actor: "ana", scopes: "read:* write:team-*"}, with :expires in seconds since the epoch ) <>
      "if need be"
  end
end
