defmodule FormdbHttpCli.Owner do
  @moduledoc false
  # What root makes in a folder of another user, such as the one that the server runs as, is given to
  # that user: they could not even list it otherwise, nor what is made beside it later.

  @root 0

  @doc """
  What `work` returns, which makes the folder `to`, and whatever folders above it are missing. `from` is
  the folder that files of it may be links to: where that is root's, they stay root's.
  """
  @spec keep(Path.t(), Path.t() | nil, (() -> result)) :: result when result: term()
  def keep(to, from \\ nil, work) do
    {above, made} = to |> Path.expand() |> missing()
    result = work.()
    if made, do: hand_over(made, above, from)
    result
  end

  # The folder that is there, and the first below it that is not: `nil` where all of them are.
  defp missing(path, below \\ nil) do
    if File.exists?(path), do: {path, below}, else: path |> Path.dirname() |> missing(path)
  end

  # Who is not root has made what is theirs.
  defp hand_over(made, above, from) do
    with {:ok, %{uid: @root}} <- File.lstat(made),
         {:ok, %{uid: user, gid: group}} when user != @root <- File.stat(above),
         false <- match?({:ok, %{uid: @root}}, File.stat(from || above)) do
      say(change(made, "#{user}:#{group}"), made, above, user, group)
    else
      _not_so -> :ok
    end
  end

  # By the system's program, which follows no link, also where somebody puts one there meanwhile. What
  # is linked from the database's folder or an earlier backup, and is another's, stays theirs.
  defp change(made, owner) do
    with program when program != nil <- System.find_executable("chown"),
         arguments = ["-R", "-h", "-P", "--from=#{@root}", owner, made],
         {_said, 0} <- System.cmd(program, arguments, stderr_to_stdout: true),
         do: :ok,
         else: (_failed -> :failed)
  end

  defp say(:ok, made, above, user, group) do
    IO.puts(:stderr, "#{made} was given to user #{user}, group #{group}, as #{above} is theirs")
  end

  defp say(:failed, made, above, user, group) do
    IO.puts(
      :stderr,
      "#{made} is root's, and #{above} is of user #{user}: a server of that user cannot use it until " <>
        "`chown -R #{user}:#{group} #{made}` was run"
    )
  end
end
