ExUnit.start()
ExUnit.after_suite(fn _ -> File.rm_rf!(Application.fetch_env!(:ships, FormdbHttp)[:data_dir]) end)
