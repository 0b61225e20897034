defmodule Mix.Tasks.Formdb.Doctor do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Doctor
end
