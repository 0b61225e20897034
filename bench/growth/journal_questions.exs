Code.require_file("asking.exs", __DIR__)

defmodule Bench.Growth.JournalQuestions do
  @moduledoc "What is asked of the journal and its tree, of any database."

  alias Bench.Growth.Question
  alias Bench.Measure

  # Blocks whose hashes are asked for.
  @hashes 500

  @doc """
  All questions. Options: `:rare`, a type of which the first block is the only one; `:about`, a
  function from 1, 2, ... to `{filter, sequences of all blocks that it finds}`; `:page`, how many blocks
  are a page (100).
  """
  def all(name, kind, opts) do
    {:ok, %{seq: last, root: root}} = FormdbHttp.database(name)
    known = %{last: last, root: root, blocks: blocks(name, last)}

    questions =
      pages(name, known, Keyword.get(opts, :page, 100)) ++
        filtered(name, known, opts) ++ blocks_and_times(name, known) ++ proofs(name, known)

    for question <- questions,
        do: struct!(Question, [{:group, "#{kind}: journal and proofs"} | question])
  end

  defp blocks(name, last) do
    for n <- 1..@hashes do
      {:ok, %{seq: seq, hash: hash, json: json}} = FormdbHttp.block(name, place(n, last))
      {seq, hash, FormdbHttp.JSON.decode!(json)["time"]}
    end
    |> List.to_tuple()
  end

  defp place(n, last), do: rem(n * 7_919, last) + 1

  defp pages(name, known, most) do
    half = div(known.last, 2)
    limit = min(most, half)
    page = &FormdbHttp.journal(name, [limit: limit] ++ &1)
    all = fn seqs -> fn _n, answer -> check(answer, Enum.to_list(seqs)) end end

    [
      [
        name: "first page of #{most} blocks",
        should: :constant,
        ask: fn _n -> page.([]) end,
        check: all.(1..limit)
      ],
      [
        name: "a page from the middle",
        should: :constant,
        ask: fn _n -> page.(since: half) end,
        check: all.((half + 1)..(half + limit))
      ],
      [
        name: "the same without bodies",
        should: :constant,
        ask: fn _n -> page.(since: half, bodies: false) end,
        check: all.((half + 1)..(half + limit))
      ],
      [
        name: "the newest #{most}",
        should: :constant,
        ask: fn _n -> page.(order: :desc) end,
        check: all.(known.last..(known.last - limit + 1)//-1)
      ]
    ]
  end

  defp filtered(name, known, opts) do
    about = opts[:about]

    [
      opts[:rare] &&
        [
          name: "blocks of a rare type, a page",
          should: :log,
          ask: fn _n -> FormdbHttp.journal(name, type: opts[:rare]) end,
          check: fn _n, answer -> check(answer, [1]) end
        ],
      # Any other filter than these reads all blocks, up to a bound for a page.
      [
        name: "blocks of nobody, a page",
        should: :linear,
        ask: fn _n -> FormdbHttp.journal(name, actor: "nobody") end,
        check: fn _n, answer -> check(answer, []) end
      ],
      about &&
        [
          name: "blocks about one thing",
          should: :log,
          ask: fn n -> FormdbHttp.journal(name, [elem(about.(n), 0)]) end,
          check: fn n, answer -> check(answer, elem(about.(n), 1)) end
        ],
      [
        name: "blocks of a transaction",
        should: :log,
        ask: fn n -> FormdbHttp.journal(name, transaction: place(n, known.last), limit: 10) end,
        check: fn _n, {:ok, page} -> Measure.check!(page.returned > 0, "its blocks") end
      ]
    ]
    |> Enum.filter(& &1)
  end

  defp check({:ok, page}, seqs) do
    found =
      for [_, digits] <- Regex.scan(~r/{"seq":(\d+),/, page.json), do: String.to_integer(digits)

    Measure.check!(
      found == seqs,
      "blocks #{inspect(seqs, limit: 3)}, not #{inspect(found, limit: 3)}"
    )
  end

  defp blocks_and_times(name, known) do
    block = &elem(known.blocks, rem(&1, @hashes))

    [
      [
        name: "block by seq",
        should: :constant,
        ask: fn n -> FormdbHttp.block(name, elem(block.(n), 0)) end,
        check: fn n, {:ok, found} ->
          Measure.check!(found.hash == elem(block.(n), 1), "its hash")
        end
      ],
      [
        name: "block by hash",
        should: :log,
        ask: fn n -> FormdbHttp.block(name, elem(block.(n), 1)) end,
        check: fn n, {:ok, found} ->
          Measure.check!(found.seq == elem(block.(n), 0), "its seq")
        end
      ],
      [
        name: "hash that is not there",
        should: :log,
        ask: fn n -> FormdbHttp.block(name, absent(n)) end,
        check: fn _n, {:error, error} ->
          Measure.check!(error.code == :block_not_found, "that there is none")
        end
      ],
      [
        name: "the seq at a time",
        should: :log,
        ask: fn n -> FormdbHttp.seq_at(name, elem(block.(n), 2)) end,
        check: fn n, {:ok, seq} ->
          Measure.check!(seq >= elem(block.(n), 0) and seq <= known.last, "not before its block")
        end
      ],
      [
        name: "the figures of the database",
        should: :constant,
        ask: fn _n -> FormdbHttp.database(name) end,
        check: fn _n, {:ok, %{seq: seq}} ->
          Measure.check!(seq == known.last, "the last block")
        end
      ]
    ]
  end

  defp absent(n), do: Base.encode16(:crypto.hash(:sha256, "absent #{n}"), case: :lower)

  defp proofs(name, known) do
    early = max(div(known.last, 10), 1)

    [
      [
        name: "inclusion proof",
        should: :log,
        ask: fn n -> FormdbHttp.inclusion_proof(name, place(n, known.last)) end,
        check: fn n, {:ok, proof} ->
          Measure.check!(proof.root == known.root, "the root")
          Measure.check!(proof.leaf_index == place(n, known.last) - 1, "the leaf")
        end
      ],
      [
        name: "consistency proof",
        should: :log,
        ask: fn n -> FormdbHttp.consistency_proof(name, place(n, known.last)) end,
        check: fn _n, {:ok, proof} ->
          Measure.check!(proof.second_root == known.root, "the root")
        end
      ],
      [
        name: "head of the tree",
        should: :constant,
        ask: fn _n -> FormdbHttp.tree_head(name) end,
        check: fn _n, {:ok, head} ->
          Measure.check!(head == %{tree_size: known.last, root: known.root}, "the head")
        end
      ],
      [
        name: "head of the tree early",
        should: :log,
        ask: fn _n -> FormdbHttp.tree_head(name, early) end,
        check: fn _n, {:ok, head} -> Measure.check!(head.tree_size == early, "its size") end
      ]
    ]
  end
end
