defmodule Mix.Tasks.Formdb.Keys do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Keys
end
