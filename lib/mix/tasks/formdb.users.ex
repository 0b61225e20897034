defmodule Mix.Tasks.Formdb.Users do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Users
end
