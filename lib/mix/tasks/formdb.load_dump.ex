defmodule Mix.Tasks.Formdb.LoadDump do
  use FormdbHttpCli.Task, command: FormdbHttpCli.LoadDump
end
