defmodule FormdbHttpWeb.Cowboy.ListenerLog do
  @moduledoc false
  # Where Ranch logs of a listener. Why it cannot listen is left out: whoever starts it is told so in
  # a sentence (FormdbHttpWeb.Endpoint), beside which Ranch would show all of its options.

  @doc false
  def error(_format, [_listener, _transport, %{socket_opts: _}, _reason, _words]), do: :ok
  def error(format, arguments), do: log(:error, format, arguments)

  for level <- [:emergency, :alert, :critical, :warning, :notice, :info, :debug] do
    @doc false
    def unquote(level)(format, arguments), do: log(unquote(level), format, arguments)
  end

  defp log(level, format, arguments), do: :logger.log(level, format, arguments)
end
