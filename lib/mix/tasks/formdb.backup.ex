defmodule Mix.Tasks.Formdb.Backup do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Backup
end
