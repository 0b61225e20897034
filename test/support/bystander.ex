defmodule FormdbHttp.Bystander do
  @moduledoc """
  How late the machine makes everybody: a `FormdbHttp.Ticker` in a VM of its own, that
  has nothing else to do. What a ticker in a busy server shows beyond it is the server's
  own doing.
  """

  alias FormdbHttp.Ticker

  @doc "Starts the other VM. It ends with the process that started it."
  def start do
    otp = to_string(:code.root_dir())
    code = Enum.reject(:code.get_path(), &String.starts_with?(to_string(&1), otp))

    bystander =
      Port.open({:spawn_executable, Path.join(otp, "bin/erl")}, [
        :binary,
        {:line, 1_000},
        args:
          ["-noshell", "+fnu", "+S", "1:1", "-pa"] ++
            code ++ ["-s", to_string(__MODULE__), "main"]
      ])

    # It answers once it runs; what it saw of its own start does not count.
    worst(bystander)
    bystander
  end

  @doc "The latest that one of its ticks came since the call before, in milliseconds."
  def worst(bystander) do
    Port.command(bystander, "worst\n")

    receive do
      {^bystander, {:data, {:eol, text}}} -> String.to_float(text)
    after
      30_000 -> raise "the bystander does not answer"
    end
  end

  @doc "Ends the other VM."
  def stop(bystander), do: Port.close(bystander)

  @doc false
  # In the other VM.
  def main do
    # Which makes text of what comes in.
    {:ok, _started} = Application.ensure_all_started(:elixir)

    spawn(fn ->
      {:ok, ticker} = Ticker.start_link()
      answer(ticker)
    end)
  end

  defp answer(ticker) do
    case IO.gets("") do
      text when is_binary(text) ->
        %{worst: worst} = Ticker.read(ticker)
        IO.puts(:erlang.float_to_binary(worst, decimals: 3))
        answer(ticker)

      _end_of_input ->
        System.halt(0)
    end
  end
end
