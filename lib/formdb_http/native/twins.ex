defmodule FormdbHttp.Native.Twins do
  @moduledoc false
  # Functions of the NIF library, some of which stand twice: for normal schedulers, where
  # they answer `:long` to what is not for those, and for dirty ones
  # (native_rust/nif/src/schedulers.rs).

  @doc "A stub for a function of the library, and the same under the `other` names."
  defmacro nif({name, _meta, arguments}, others \\ []) do
    unused =
      for {argument, meta, context} <- arguments || [], do: {:"_#{argument}", meta, context}

    for name <- [name | others] do
      quote do
        def unquote(name)(unquote_splicing(unused)), do: :erlang.nif_error(:nif_not_loaded)
      end
    end
  end

  @doc """
  What a function of `FormdbHttp.Native` answers, or, when that is `:long`, its twin whose
  name ends in `_dirty`. The arguments are variables.
  """
  defmacro or_dirty({{:., dot, [native, name]}, meta, arguments} = call) do
    dirty = {{:., dot, [native, :"#{name}_dirty"]}, meta, arguments}

    quote do
      with :long <- unquote(call), do: unquote(dirty)
    end
  end
end
