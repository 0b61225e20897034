defmodule FormdbHttpWeb.ProblemTest do
  use ExUnit.Case, async: true

  alias FormdbHttp.JSON
  alias FormdbHttp.Error
  alias FormdbHttpWeb.Problem

  # The codes as the engine's source has them, so that a new one cannot be
  # forgotten here and turn up as a 500.
  @engine_codes Regex.scan(
                  ~r/=> "([a-z_]+)",$/m,
                  File.read!("native_rust/engine/src/error.rs"),
                  capture: :all_but_first
                )
                |> List.flatten()
                # How entities are called in messages.
                |> Kernel.--(~w(database feature series point block webhook backup))

  test "every code of the engine has the status of its kind" do
    assert length(@engine_codes) > 20

    for code <- @engine_codes do
      expected =
        cond do
          String.starts_with?(code, "invalid_") or
              code in ~w(duplicate_id antimeridian_crossing unsupported_crs) ->
            400

          String.ends_with?(code, "_not_found") ->
            404

          code in ~w(conflict cannot_revert point_exists read_only_transaction transaction_committing
                      log_diverged) ->
            409

          code == "precondition_failed" ->
            412

          code == "too_large" ->
            413

          code == "idempotency_key_reused" ->
            422

          code in ~w(io_error journal_corrupt journal_lost journal_torn_tail unsupported_format) ->
            500

          code in ~w(busy memory_full cancelled database_closed database_read_only database_failed
                      database_locked) ->
            503

          code == "query_timeout" ->
            504

          code == "disk_full" ->
            507
        end

      assert Problem.status(String.to_atom(code)) == expected, code
      assert title(code) != "Internal error", "#{code} has no title"
    end
  end

  test "a problem has every member of RFC 9457 that it can have" do
    error = %Error{code: :invalid_bbox, detail: "found \"x\"", pointer: "/bbox"}
    {400, headers, body} = Problem.answer(error)
    assert headers == %{"content-type" => "application/problem+json"}

    assert decode(body) == %{
             "type" => "urn:formdb:problem:invalid_bbox",
             "title" => "The box is not west,south,east,north in degrees",
             "status" => 400,
             "code" => "invalid_bbox",
             "detail" => "found \"x\"",
             "pointer" => "/bbox"
           }
  end

  test "where nothing can be pointed at there is no pointer" do
    {404, _headers, body} = Problem.answer(%Error{code: :feature_not_found, detail: "none"})
    refute Map.has_key?(decode(body), "pointer")
  end

  test "what passes by itself says when to try again" do
    for code <- [:busy, :database_opening, :database_closed] do
      assert {503, %{"retry-after" => "1"}, _body} =
               Problem.answer(%Error{code: code, detail: ""})
    end

    {503, headers, _body} = Problem.answer(%Error{code: :database_read_only, detail: ""})
    refute Map.has_key?(headers, "retry-after")
  end

  test "no code tells a client where the files are on the server's disk" do
    data_dir = FormdbHttp.Catalog.config().data_dir
    segment = "00000000000000000001.journal"
    path = Path.join([data_dir, "quakes", "journal", segment])

    for code <- @engine_codes do
      said =
        "cannot write #{path}: No space left; #{data_dir} is full (#{data_dir}/quakes/DURABLE)."

      {_status, _headers, body} = Problem.answer(%Error{code: String.to_atom(code), detail: said})
      refute IO.iodata_to_binary(body) =~ data_dir, code

      assert decode(body)["detail"] ==
               "cannot write #{segment}: No space left; the data folder is full (DURABLE)."
    end

    # What only begins like it is none of ours.
    {_status, _headers, body} =
      Problem.answer(%Error{code: :io_error, detail: data_dir <> "base"})

    assert decode(body)["detail"] == data_dir <> "base"
  end

  test "a code that nobody knows is a failure of the server" do
    assert Problem.status(:never_heard_of) == 500
    assert Problem.status(:write_timeout) == 504
    assert Problem.status(:database_unavailable) == 503
  end

  test "the documentation gives every code its status" do
    rows = Regex.scan(~r/^\| ((?:\d{3}(?:, )?)+) \| (.*) \|$/m, File.read!("docs/API.md"))

    for [_row, statuses, cell] <- rows,
        [_, code] <- Regex.scan(~r/`([a-z]+_[a-z_]+|busy)`/, cell) do
      assert "#{Problem.status(String.to_atom(code))}" in String.split(statuses, ", "), code
    end

    for code <- @engine_codes, do: assert(File.read!("docs/API.md") =~ "`#{code}`")
  end

  defp title(code) do
    {_, _, body} = Problem.answer(%Error{code: String.to_atom(code), detail: ""})
    decode(body)["title"]
  end

  defp decode(body), do: body |> IO.iodata_to_binary() |> JSON.decode!()
end
