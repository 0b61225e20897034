defmodule Mix.Tasks.Formdb.Restore do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Restore
end
