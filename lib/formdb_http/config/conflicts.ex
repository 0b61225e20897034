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
        half_of_tls(config, name),
        tokens_without_rules(config, name),
        token_longer_than_sign_in(config, name),
        default_page_too_large(config, name),
        transaction_too_large(config, name),
        no_thread_left(config, name),
        body_too_large(config, name),
        backups_among_databases(config, name)
      ],
      &is_nil/1
    )
  end

  defp exposed(%{allow_unauthenticated: false, host: host} = config, name) do
    unless Web.loopback?(host) or credentials?(config) do
      "#{name.(:host)} is #{:inet.ntoa(host)}, which other machines can reach, and anyone who " <>
        "reaches this server can read and write. Set #{name.(:api_keys_file)}, #{name.(:users_file)} or " <>
        "#{name.(:jwt_keys_file)}, listen on 127.0.0.1 behind a proxy that authenticates, or set " <>
        "#{name.(:allow_unauthenticated)}=true if the network is trusted"
    end
  end

  defp exposed(_config, _name), do: nil

  defp credentials?(config),
    do: Enum.any?([config.api_keys_file, config.users_file, config.jwt_keys_file])

  @tls [:tls_certificate_file, :tls_key_file]

  defp half_of_tls(config, name) do
    case Enum.split_with(@tls, &Map.fetch!(config, &1)) do
      {[one], [other]} -> "#{name.(one)} is set without #{name.(other)}. Set both, or neither"
      _both_or_neither -> nil
    end
  end

  @rules [:jwt_algorithm, :jwt_issuer, :jwt_audience]

  # A token is good for whom it is meant only, and by the algorithm that its key is for.
  defp tokens_without_rules(%{jwt_keys_file: nil} = config, name) do
    case Enum.find(@rules, &Map.fetch!(config, &1)) do
      nil ->
        nil

      rule ->
        "#{name.(rule)} is set, but no #{name.(:jwt_keys_file)}. Set that, too, or unset the first"
    end
  end

  defp tokens_without_rules(%{jwt_issuer: "formdb"} = config, name) do
    "#{name.(:jwt_issuer)} is #{config.jwt_issuer}, which is the issuer of this server's own tokens. Give " <>
      "the other issuer another name"
  end

  defp tokens_without_rules(config, name) do
    case Enum.filter(@rules, &(Map.fetch!(config, &1) == nil)) do
      [] ->
        nil

      missing ->
        "#{name.(:jwt_keys_file)} is set without #{Enum.map_join(missing, " and ", name)}, by which tokens are " <>
          "checked. Set these, too"
    end
  end

  defp token_longer_than_sign_in(%{token_seconds: token, sign_in_seconds: sign_in}, name) do
    if token > sign_in do
      "#{name.(:token_seconds)} is #{token}, more than #{name.(:sign_in_seconds)}, which is #{sign_in}. Lower " <>
        "the first or raise the second"
    end
  end

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

  defp no_thread_left(%{heavy_questions: questions, question_tries: tries} = config, name) do
    cond do
      questions > Admission.most_questions() ->
        too_few_threads(name.(:heavy_questions), questions, Admission.most_questions())

      tries > Admission.most_tries(config) ->
        too_few_threads(name.(:question_tries), tries, Admission.most_tries(config))

      true ->
        nil
    end
  end

  defp too_few_threads(setting, value, most) do
    "#{setting} is #{value}, more than the #{most} that leave threads for " <>
      "small reads: the VM has #{:erlang.system_info(:dirty_io_schedulers)} dirty I/O " <>
      "threads. Lower it, or start the VM with more of them (ERL_FLAGS=\"+SDio 64\")"
  end

  defp body_too_large(%{max_body_bytes: body, work_bytes: work}, name) do
    if body > work do
      "#{name.(:max_body_bytes)} is #{body}, more than #{name.(:work_bytes)}, which is #{work}: " <>
        "the largest bodies could never be taken. Lower the first or raise the second"
    end
  end

  # What lies in the data folder is taken for databases, and is gone with it.
  defp backups_among_databases(%{backup_dir: nil}, _name), do: nil

  defp backups_among_databases(config, name) do
    [data, backups] = for dir <- [config.data_dir, config.backup_dir], do: Path.expand(dir)

    if String.starts_with?(backups <> "/", data <> "/") do
      "#{name.(:backup_dir)} is #{config.backup_dir}, which lies in #{name.(:data_dir)}. Name a folder outside " <>
        "of it, best on another disk"
    end
  end
end
