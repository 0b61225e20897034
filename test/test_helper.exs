ExUnit.start(formatters: [ExUnit.CLIFormatter, FormdbHttp.FailedTests])

ExUnit.after_suite(fn _result ->
  File.rm_rf!(FormdbHttp.Config.load!().data_dir)
end)
