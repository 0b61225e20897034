defmodule Mix.Tasks.Formdb.Verify do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Verify
end
