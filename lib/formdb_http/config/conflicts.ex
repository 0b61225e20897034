defmodule FormdbHttp.Config.Conflicts do
  @moduledoc false
  # Settings that are right each in itself and wrong together, or on this VM.

  alias FormdbHttp.Admission
  alias FormdbHttp.Config.Web

  @doc """
  A sentence for each conflict. `name` says what a setting is called where the
  configuration came from.
  """
  @spec find(FormdbHttp.Config.t(), (atom() -> String.t())) :: [String.t()]
  def find(config, name) do
    Enum.reject(
      [
        exposed(config, name),
        default_page_too_large(config, name),
        transaction_too_large(config, name),
        no_thread_left(config, name),
        body_too_large(config, name)
      ],
      &is_nil/1
    )
  end

  defp exposed(%{allow_unauthenticated: false, host: host}, name) do
    unless Web.loopback?(host) do
      "#{name.(:host)} is #{:inet.ntoa(host)}, which other machines can reach, and anyone who " <>
        "reaches this server can read and write. Listen on 127.0.0.1 behind a proxy that " <>
        "authenticates, or set #{name.(:allow_unauthenticated)}=true if the network is trusted"
    end
  end

  defp exposed(_config, _name), do: nil

  defp default_page_too_large(%{default_page_items: default, page_items: most}, name) do
    if default > most do
      "#{name.(:default_page_items)} is #{default}, more than #{name.(:page_items)}, which is " <>
        "#{most}. Lower the first or raise the second"
    end
  end

  defp transaction_too_large(%{transaction_bytes: transaction, queue_bytes: queue}, name) do
    if transaction > queue do
      "#{name.(:transaction_bytes)} is #{transaction}, more than #{name.(:queue_bytes)}, which " <>
        "is #{queue}: the largest transactions could never be queued. Lower the first or raise " <>
        "the second"
    end
  end

  defp no_thread_left(%{heavy_questions: questions}, name) do
    most = Admission.most_questions()

    if questions > most do
      "#{name.(:heavy_questions)} is #{questions}, more than the #{most} that leave threads for " <>
        "small reads: the VM has #{:erlang.system_info(:dirty_io_schedulers)} dirty I/O " <>
        "threads. Lower it, or start the VM with more of them (ERL_FLAGS=\"+SDio 64\")"
    end
  end

  defp body_too_large(%{max_body_bytes: body, work_bytes: work}, name) do
    if body > work do
      "#{name.(:max_body_bytes)} is #{body}, more than #{name.(:work_bytes)}, which is #{work}: " <>
        "the largest bodies could never be taken. Lower the first or raise the second"
    end
  end
end
