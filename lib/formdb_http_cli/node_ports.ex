defmodule FormdbHttpCli.NodePorts do
  @moduledoc false
  # How nodes of Erlang find each other, in the place of epmd, which would be a service of its own that
  # listens (option -epmd_module of the VM). A node remembers the port that it listens on; the node of a
  # shell reads that of the server in the folder that is its HOME.

  @key __MODULE__
  # Of the protocol between nodes, since OTP 23.
  @version 6

  @doc "The port on which this node listens, if it does."
  @spec port() :: :inet.port_number() | nil
  def port, do: :persistent_term.get(@key, nil)

  ## What the VM calls

  def start_link, do: :ignore

  def register_node(name, port), do: register_node(name, port, :inet)

  def register_node(_name, port, _family) do
    :persistent_term.put(@key, port)
    # Tells apart nodes of one name, and each of ours has another.
    {:ok, :rand.uniform(3)}
  end

  def listen_port_please(_name, _host), do: {:ok, 0}
  def address_please(_name, host, family), do: :inet.getaddr(host, family)
  def port_please(name, host), do: port_please(name, host, :infinity)

  def port_please(_name, _host, _timeout) do
    with home when is_list(home) <- :os.getenv(~c"HOME"),
         {:ok, text} <- :file.read_file(:filename.join(home, ~c"port")) do
      {:port, :erlang.binary_to_integer(text), @version}
    else
      _nothing -> :noport
    end
  end

  def names, do: {:error, :address}
  def names(_host), do: {:error, :address}
end
