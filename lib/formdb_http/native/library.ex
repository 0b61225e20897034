defmodule FormdbHttp.Native.Library do
  @moduledoc false
  # Where the Rust library is, if it is not built here: the variable FORMDB_NATIVE_LIBRARY, or the
  # key :native_library of the application, of which both the compiler and the VM are told.

  @variable "FORMDB_NATIVE_LIBRARY"

  @doc "The path that is given, or `nil`."
  @spec given() :: Path.t() | nil
  def given do
    case System.get_env(@variable, "") do
      "" -> Application.get_env(:formdb_http, :native_library)
      path -> path
    end
  end

  @doc "The path of the library that is loaded: the one that is given, or else the one that was built here."
  @spec path() :: Path.t()
  def path, do: given() || Path.join(:code.priv_dir(:formdb_http), "native/formdb_nif.so")

  @doc "Whether it is there and can be loaded, or else what to do, in a sentence."
  @spec check() :: :ok | {:error, String.t()}
  def check do
    path = path()

    cond do
      not File.regular?(path) ->
        {:error,
         "There is no Rust library at #{path}. Build it (mix compile), or let #{@variable} name one " <>
           "that was built elsewhere"}

      Code.ensure_loaded?(FormdbHttp.Native) ->
        :ok

      true ->
        {:error,
         "The Rust library #{path} cannot be loaded; the reason is above. It may be one for another " <>
           "system: build it here (mix compile --force)"}
    end
  end
end
