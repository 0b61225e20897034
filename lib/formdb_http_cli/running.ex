defmodule FormdbHttpCli.Running do
  @moduledoc false
  # The server that has a data folder, as one sees it from another process of the same machine (Linux).
  # The file LOCK names a process, which may have ended, and whose number may be another's by now. So
  # it counts only while it has the folder open, as whoever has the lock has.

  @patience_ms 20

  @doc "The number of the process that has the folder, or why there is none that can be told something."
  @spec find(Path.t()) :: {:ok, pos_integer()} | {:error, String.t()}
  def find(data_dir) do
    with {:ok, text} <- File.read(Path.join(data_dir, "LOCK")),
         {pid, ""} <- text |> String.trim() |> Integer.parse() do
      case holds(pid, data_dir) do
        true -> {:ok, pid}
        false -> none(data_dir)
        :hidden -> {:error, "process #{pid} is another user's: run this as that user, or as root"}
      end
    else
      {:error, :eacces} ->
        {:error, "#{data_dir} is another user's: run this as that user, or as root"}

      _nothing ->
        none(data_dir)
    end
  end

  defp none(data_dir), do: {:error, "no server has the data folder #{data_dir}"}

  # Whether the process has the folder open.
  defp holds(pid, data_dir) do
    with {:ok, folder} <- File.stat(data_dir),
         {:ok, descriptors} <- File.ls("/proc/#{pid}/fd") do
      Enum.any?(descriptors, fn descriptor ->
        case File.stat("/proc/#{pid}/fd/#{descriptor}") do
          {:ok, file} -> same?(file, folder)
          {:error, _closed} -> false
        end
      end)
    else
      {:error, :eacces} -> :hidden
      {:error, _gone} -> false
    end
  end

  defp same?(one, other) do
    {one.inode, one.major_device, one.minor_device} ==
      {other.inode, other.major_device, other.minor_device}
  end

  @doc "Whether the process handles a signal, which would end it otherwise."
  @spec handles?(pos_integer(), 1..64) :: boolean()
  def handles?(pid, signal) do
    with {:ok, status} <- File.read("/proc/#{pid}/status"),
         [_line, mask] <- Regex.run(~r/^SigCgt:\s*([0-9a-f]+)$/m, status) do
      Bitwise.band(String.to_integer(mask, 16), Bitwise.bsl(1, signal - 1)) != 0
    else
      _gone -> false
    end
  end

  @doc "Sends it a signal, such as `TERM`."
  @spec signal(pos_integer(), String.t()) :: :ok | {:error, String.t()}
  def signal(pid, name) do
    # The shell's own, since a small system has no program for it.
    case System.cmd("sh", ["-c", ~s(kill -"$1" "$2"), "sh", name, "#{pid}"],
           stderr_to_stdout: true
         ) do
      {_nothing, 0} -> :ok
      {why, _status} -> {:error, "process #{pid} cannot be told: #{String.trim(why)}"}
    end
  end

  @doc "Waits until a condition holds, for so many milliseconds at most; whether it does."
  @spec await(non_neg_integer(), (... -> boolean())) :: boolean()
  def await(milliseconds, condition) do
    cond do
      condition.() ->
        true

      milliseconds <= 0 ->
        false

      true ->
        Process.sleep(@patience_ms)
        await(milliseconds - @patience_ms, condition)
    end
  end
end
