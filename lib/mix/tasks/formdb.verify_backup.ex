defmodule Mix.Tasks.Formdb.VerifyBackup do
  use FormdbHttpCli.Task, command: FormdbHttpCli.VerifyBackup
end
