# What run_all_benchmarks.sh runs at its end: writes run.json and SUMMARY.md into a folder of
# results.
#
#   mix run --no-start bench/support/summarize.exs FOLDER NAME=STATUS...
#
# NAME=STATUS says how each benchmark ended. The environment has BENCH_QUICK, BENCH_ROUNDS,
# BENCH_STARTED, BENCH_SECONDS, BENCH_LOAD (at the start) and FORMDB_DATA_DIR.

Code.require_file("summary.exs", __DIR__)

alias Bench.{Results, Summary}
alias FormdbHttp.JSON

[folder | statuses] = System.argv()

# The lines that a program prints, or what stands for those of one that is not there.
lines = fn program, arguments ->
  try do
    {text, 0} = System.cmd(program, arguments, stderr_to_stdout: true)
    String.split(text, "\n", trim: true)
  rescue
    _ -> ["unknown"]
  end
end

first_line = &(&1 |> lines.(&2) |> hd())
last_line = &(&1 |> lines.(&2) |> List.last())

field = fn path, name ->
  case Regex.run(~r/^#{name}\s*:\s*(.*)$/m, File.read!(path)) do
    [_, value] -> value
    nil -> "unknown"
  end
end

revision = first_line.("git", ["describe", "--always", "--dirty=, with changes"])
[kib | _] = String.split(field.("/proc/meminfo", "MemTotal"))
version = &(Regex.run(~r/\d+\.\d+\S*/, &1) || ["unknown"])

otp =
  case File.read(Path.join([:code.root_dir(), "releases", System.otp_release(), "OTP_VERSION"])) do
    {:ok, text} -> String.trim(text)
    {:error, _} -> System.otp_release()
  end

timed_by =
  for(record <- Results.read(folder).records, do: record.timed_by)
  |> Enum.uniq()
  |> Enum.reject(&is_nil/1)
  |> Enum.join(", ")

run = [
  started: System.fetch_env!("BENCH_STARTED"),
  seconds: String.to_integer(System.fetch_env!("BENCH_SECONDS")),
  quick: System.get_env("BENCH_QUICK", "") != "",
  rounds: String.to_integer(System.fetch_env!("BENCH_ROUNDS")),
  timed_by: timed_by,
  machine: [
    processors: System.schedulers_online(),
    processor: field.("/proc/cpuinfo", "model name"),
    memory: "#{Float.round(String.to_integer(kib) / 1_048_576, 1)} GiB",
    kernel: first_line.("uname", ["-r"]),
    file_system: last_line.("df", ["--output=fstype", System.fetch_env!("FORMDB_DATA_DIR")]),
    load: System.fetch_env!("BENCH_LOAD"),
    revision: revision,
    elixir: System.version(),
    otp: otp,
    rust: hd(version.(first_line.("rustc", ["--version"]))),
    k6: hd(version.(first_line.("k6", ["version"])))
  ],
  benchmarks:
    for status <- statuses do
      [name, status] = String.split(status, "=")
      [name: name, status: String.to_integer(status)]
    end
]

File.write!(Path.join(folder, "run.json"), [JSON.encode(run), "\n"])
before = Results.before(folder)
text = Summary.text(Results.read(folder), before && Results.read(before))
File.write!(Path.join(folder, "SUMMARY.md"), text)
