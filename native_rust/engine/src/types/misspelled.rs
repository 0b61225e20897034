//! Members of a feature whose names are hardly meant: they look like one that has a meaning.

use strsim::osa_distance;

use super::json::{Members, shown, step};
use super::warnings::Warnings;

/// Names that have a meaning in a feature or a collection of them.
const KNOWN: [&str; 9] = [
    "bbox",
    "crs",
    "features",
    "formdb",
    "geometry",
    "id",
    "properties",
    "provenance",
    "type",
];
/// Shorter names are other words with a letter changed.
const LONG: usize = 8;
/// How many letters may be wrong in a long one, as by the optimal string alignment.
const WRONG: usize = 2;

/// Warns of the members that look like one that has a meaning. `fate` says what
/// becomes of them. Constant for each.
pub(crate) fn warn_of_names<V>(members: &Members<'_, V>, fate: &str, warnings: &mut Warnings) {
    for (name, _) in members.iter() {
        let Some(known) = meant(name) else { continue };
        warnings.add(
            "misspelled_member",
            || step(name),
            || {
                let name = shown(name);
                format!("{name} is hardly meant to be a member of its own, and {fate}; if {known:?} is meant, write it so")
            },
        );
    }
}

/// The name that is meant by one that has no meaning.
fn meant(name: &str) -> Option<&'static str> {
    if KNOWN.contains(&name) || name.len() > 32 {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let near = |known: &&str| match known.len() {
        LONG.. => osa_distance(known, &lower) <= WRONG,
        _ => **known == lower,
    };
    KNOWN.into_iter().find(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_hardly_meant() {
        for (name, known) in [
            ("Provenance", "provenance"),
            ("provenence", "provenance"),
            ("propertys", "properties"),
            ("propreties", "properties"),
            ("Geometry", "geometry"),
            ("ID", "id"),
            ("BBox", "bbox"),
        ] {
            assert_eq!(meant(name), Some(known), "{name}");
        }
        for name in [
            "properties",
            "id",
            "ids",
            "tag",
            "types",
            "title",
            "agent",
            "geometry_name",
            "layer",
            "province",
            "prop",
            "@id",
            "Färbung",
            "",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
