defmodule Mix.Tasks.Formdb.Dump do
  use FormdbHttpCli.Task, command: FormdbHttpCli.Dump
end
