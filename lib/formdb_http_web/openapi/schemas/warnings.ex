defmodule FormdbHttpWeb.OpenAPI.Schemas.Warnings do
  @moduledoc false
  # What answers to writes tell of what was written.

  import FormdbHttpWeb.OpenAPI.Schema

  @codes [:answer_members, :misspelled_member, :other_database, :self_intersection] ++
           [:swapped_coordinates, :unlikely_time]

  def schemas do
    [
      warning_code:
        enum(Enum.map(@codes, &Atom.to_string/1),
          description:
            "`answer_members`: what an answer had added to a document was taken off. `misspelled_member`: a member of a feature or " <>
              "a collection looks like one that has a meaning, and has none. `other_database`: so was " <>
              "the name of a version of another database. `self_intersection`: a ring of a polygon crosses " <>
              "or touches itself. `swapped_coordinates`: a feature lies far from all others, but among them if " <>
              "longitude and latitude are exchanged. `unlikely_time`: an integer was read as a time that is " <>
              "hardly meant."
        ),
      warning:
        object(warning(), [], description: "What is to be told of something that was written."),
      warnings: list(ref(:warning), description: "Up to 100 (FORMDB_FAULTS)."),
      warning_in_line: object([line: count(1)] ++ warning()),
      warnings_in_lines:
        list(ref(:warning_in_line),
          description: "With the lines that they are about. Up to 100 (FORMDB_FAULTS)."
        ),
      warning_counts:
        object([], for(code <- @codes, do: {code, count(1)}),
          description: "How many warnings there are of each code."
        )
    ]
  end

  @doc "The members of an answer, in which they stand if there are any."
  def members, do: [warnings: ref(:warnings), warning_counts: ref(:warning_counts)]

  @doc "As `members/0`, of the answer to a stream."
  def members_in_lines,
    do: [warnings: ref(:warnings_in_lines), warning_counts: ref(:warning_counts)]

  defp warning, do: [code: ref(:warning_code), detail: text(), pointer: text()]
end
