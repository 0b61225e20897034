defmodule FormdbHttp.Native.Library do
  @moduledoc false
  # Where the Rust library is, if it is not built here: the variable FORMDB_NATIVE_LIBRARY, or the
  # key :native_library of the application, of which both the compiler and the VM are told.

  @variable "FORMDB_NATIVE_LIBRARY"

  @doc "Its path, or `nil`."
  @spec given() :: Path.t() | nil
  def given do
    case System.get_env(@variable, "") do
      "" -> Application.get_env(:formdb_http, :native_library)
      path -> path
    end
  end
end
