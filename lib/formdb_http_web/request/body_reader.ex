defmodule FormdbHttpWeb.BodyReader do
  @moduledoc false
  # How the body of a request is had from the host that took it in.

  @type state :: term()

  @doc """
  The next part of the body, of about `bytes` at most and after `wait_ms` at most: `:more`
  when there may be more to come (the part may be empty), `:ok` when it was the last one.
  `:consumed`: somebody else has read it.
  """
  @callback read(state(), bytes :: pos_integer(), wait_ms :: non_neg_integer()) ::
              {:ok | :more, binary(), state()} | {:error, :timeout | :malformed | :consumed}

  @doc "Nothing more is going to be read."
  @callback refuse(state()) :: :ok
end
