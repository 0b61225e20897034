defmodule FormdbHttpWeb.VmMetrics do
  @moduledoc false
  # The figures of the VM, as a collector of the `prometheus` library. It has collectors of its own,
  # but their names differ between its versions, and what an application that embeds the server has
  # them show is none of our business. The names are those of version 6.
  #
  # It does not say that it has that behaviour: the library has all modules that do so show what
  # they collect in the registry of that application, where its own show the same.

  import :prometheus_model_helpers, only: [create_mf: 4]

  @doc false
  def deregister_cleanup(_registry), do: :ok

  @doc "Gives the callback each metric."
  @spec collect_mf(atom(), (tuple() -> term())) :: :ok
  def collect_mf(_registry, callback) do
    for {name, type, help, samples} <- memory() ++ statistics() ++ limits(),
        do: callback.(create_mf(name, help, type, samples))

    :ok
  end

  defp memory do
    memory = :erlang.memory()
    in_system = for kind <- [:atom, :binary, :code, :ets], do: {[usage: kind], memory[kind]}
    other = memory[:system] - Enum.sum(for({_usage, bytes} <- in_system, do: bytes))

    [
      {:erlang_vm_memory_bytes, :gauge, "Memory that the VM has allocated.",
       for(kind <- [:system, :processes], do: {[kind: kind], memory[kind]})},
      {:erlang_vm_memory_system_bytes, :gauge, "Of it, what belongs to no process.",
       in_system ++ [{[usage: :other], other}]},
      {:erlang_vm_memory_processes_bytes, :gauge, "Of it, what is there for processes.",
       usage(memory[:processes], memory[:processes_used])},
      {:erlang_vm_memory_atom_bytes, :gauge, "Of it, what is there for atoms.",
       usage(memory[:atom], memory[:atom_used])},
      {:erlang_vm_memory_ets_tables, :gauge, "Tables in memory (ETS).",
       [{[], :erlang.system_info(:ets_count)}]}
    ]
  end

  defp usage(allocated, used), do: [{[usage: :used], used}, {[usage: :free], allocated - used}]

  defp statistics do
    {{:input, received}, {:output, sent}} = :erlang.statistics(:io)
    {switches, _none} = :erlang.statistics(:context_switches)
    {collections, words, _none} = :erlang.statistics(:garbage_collection)
    {reductions, _since_last_call} = :erlang.statistics(:reductions)
    {runtime_ms, _since_last_call} = :erlang.statistics(:runtime)
    {wall_clock_ms, _since_last_call} = :erlang.statistics(:wall_clock)
    # One for each scheduler, and then two.
    [dirty_io, dirty_cpu | _normal] = Enum.reverse(:erlang.statistics(:run_queue_lengths_all))

    for {name, type, help, value} <- [
          {:bytes_received_total, :counter, "Bytes that came in through ports.", received},
          {:bytes_output_total, :counter, "Bytes that went out through ports.", sent},
          {:context_switches_total, :counter, "Times that a process was scheduled in.", switches},
          {:garbage_collection_number_of_gcs_total, :counter, "Garbage collections.",
           collections},
          {:garbage_collection_bytes_reclaimed_total, :counter, "Bytes that these gave back.",
           words * :erlang.system_info(:wordsize)},
          {:reductions_total, :counter, "Reductions, the unit of work of the VM.", reductions},
          {:run_queues_length, :gauge, "Processes and ports that wait for a scheduler.",
           :erlang.statistics(:total_run_queue_lengths)},
          {:dirty_cpu_run_queue_length, :gauge, "Work that waits for a dirty CPU scheduler.",
           dirty_cpu},
          {:dirty_io_run_queue_length, :gauge, "Work that waits for a dirty I/O scheduler.",
           dirty_io},
          {:runtime_seconds_total, :counter, "CPU time of all threads of the VM.",
           runtime_ms / 1_000},
          {:wallclock_time_seconds_total, :counter, "Time since the start of the VM.",
           wall_clock_ms / 1_000}
        ],
        do: {"erlang_vm_statistics_#{name}", type, help, [{[], value}]}
  end

  # What can run out.
  defp limits do
    for {name, key, help} <- [
          {:erlang_vm_processes, :process_count, "Processes there are."},
          {:erlang_vm_process_limit, :process_limit, "Processes that there may be."},
          {:erlang_vm_ports, :port_count, "Ports there are."},
          {:erlang_vm_port_limit, :port_limit, "Ports that there may be."},
          {:erlang_vm_atoms, :atom_count, "Atoms there are."},
          {:erlang_vm_atom_limit, :atom_limit, "Atoms that there may be."},
          {:erlang_vm_schedulers_online, :schedulers_online, "Schedulers that run."}
        ],
        do: {name, :gauge, help, [{[], :erlang.system_info(key)}]}
  end
end
