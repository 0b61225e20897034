defmodule FormdbHttpWeb.BookTest do
  # Does what the pages of docs/howto show, and docs/TRUST.md, each on a server without data: so
  # every page stands alone. test/interop/book.py holds their figures against other programs.
  use ExUnit.Case, async: true

  import FormdbHttp.HTTPClient, only: [get: 2, request: 3]

  alias FormdbHttp.{Config, Document, JSON, ServerProcess}

  @index "docs/howto/README.md"
  @pages Path.wildcard("docs/howto/*.md") ++ Path.wildcard("docs/TRUST.md")

  setup_all do
    folder = Config.load!().data_dir <> "-book"
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    settings = [{"FORMDB_SCRUB_BYTES_PER_SECOND", "0"}]
    server = start_supervised!({ServerProcess, {Path.join(folder, "data"), settings}})
    port = ServerProcess.await_ready(server)
    results = for page <- @pages, into: %{}, do: {page, follow(page, port, folder)}
    %{results: results}
  end

  # Pages are read in the folder of the project.
  defp follow(page, port, folder) do
    for %{"id" => id} <- JSON.decode!(get(port, "/api/v1/databases").body)["databases"] do
      %{status: 200} = request(port, "DELETE", "/api/v1/databases/#{id}?purge=true")
    end

    here = Path.join(folder, Path.basename(page, ".md"))
    File.mkdir_p!(here)
    for name <- ~w(docs priv), do: File.ln_s!(Path.expand(name), Path.join(here, name))
    Document.follow(page, "127.0.0.1:#{port}", here)
  end

  for page <- @pages do
    test "#{page}: commands are answered as it shows, and links lead somewhere", context do
      results = context.results[unquote(page)]
      assert Document.differences(results) == []
      assert Document.hidden_refusals(results) == []
      assert {_count, []} = Document.unnoticed_changes(results)
      assert Document.broken_links(unquote(page)) == []
    end
  end

  test "the index has every page" do
    index = File.read!(@index)

    for page <- @pages, page != @index do
      link = Path.relative_to(page, "docs/howto")
      link = if link == page, do: "../" <> Path.basename(page), else: link
      assert index =~ "](#{link})", "#{@index} does not link to #{page}"
    end
  end
end
