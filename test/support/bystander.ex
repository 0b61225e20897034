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

  @doc """
  What the processors did until now, for `slowness/2`: the time that they worked and were
  idle, and the part of it that went to this VM.
  """
  def processors do
    with {:ok, stat} <- File.read("/proc/stat"),
         {:ok, own} <- File.read("/proc/self/stat") do
      [["cpu" | times] | _] = stat |> String.split("\n") |> Enum.map(&String.split/1)
      # From user to steal; the fourth is idle, the fifth waits for the disk.
      times = times |> Enum.take(8) |> Enum.map(&String.to_integer/1)
      idle = Enum.at(times, 3) + Enum.at(times, 4)
      # Behind the name, which may hold anything: user and system time are 14th and 15th.
      [_name, fields] = String.split(own, ") ", parts: 2)
      [user, system] = fields |> String.split() |> Enum.slice(11, 2)
      {Enum.sum(times), idle, String.to_integer(user) + String.to_integer(system)}
    else
      _no_such_file -> nil
    end
  end

  @doc """
  How many times longer everything takes since others use the processors too, 1.0 where
  that cannot be told.
  """
  def slowness({all, idle, own}, {later_all, later_idle, later_own}) when later_all > all do
    others = later_all - all - (later_idle - idle) - (later_own - own)
    1 / max(1 - max(others, 0) / (later_all - all), 0.1)
  end

  def slowness(_before, _after), do: 1.0

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
