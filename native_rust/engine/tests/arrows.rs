//! The engine's folders are layers: each imports only those above it in `LAYERS`, and no
//! files import each other in a circle.
//!
//! Reads the sources as text: every path that begins with `crate::` or `super::`, in `use`
//! and elsewhere, but for what is compiled for tests alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// From the bottom up.
const LAYERS: [&str; 26] = [
    "error",
    "limits",
    "sync",
    "planted",
    "mem",
    "budget",
    "clock",
    "measure",
    "fs",
    "types",
    "geo",
    "merkle",
    "block",
    "journal",
    "index",
    "snapshot",
    "cache",
    "state",
    "commit",
    "open",
    "sessions",
    "db",
    "read",
    "write",
    "search",
    "aggregate",
];
/// Above all of those, in this order.
const TOP: [&str; 5] = ["transactions", "live", "inspect", "backup", "testing"];

/// A module by its path from the crate's root.
type Module = Vec<String>;

/// The modules of a folder with their sources.
fn modules(folder: &Path, path: &Module, found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = path.iter().cloned().chain([name.clone()]).collect();
        if file.is_dir() {
            modules(&file, &inner, found);
        } else if name != "lib" {
            let module = if name == "mod" { path.clone() } else { inner };
            found.insert(module, code(&fs::read_to_string(&file).unwrap()));
        }
    }
}

/// Source text without comments and without what `#[cfg(test)]` stands before.
fn code(text: &str) -> String {
    let uncommented = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let text: Vec<String> = text.lines().map(uncommented).collect();
    let text = text.join("\n");
    let mut parts = text.split("#[cfg(test)]");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([';', '{']).unwrap_or(part.len());
        let rest = match part[end..].starts_with('{') {
            true => {
                let mut depth = 0;
                let close = part[end..].find(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth == 0
                });
                close.map_or("", |close| &part[end + close + 1..])
            }
            false => &part[end..],
        };
        code.push_str(rest);
    }
    code
}

/// The paths of a `use` tree, each written out.
fn leaves(tree: &str, before: &str, out: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        out.push(format!("{before}{}", path.trim()));
        return;
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let before = format!("{before}{}", head.trim());
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            let part = inner[start..at].trim();
            if !part.is_empty() {
                leaves(part, &before, out);
            }
            start = at + 1;
        }
    }
}

/// What a source imports and re-exports (`use`), and its other paths.
fn paths(code: &str) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    let mut rest = code;
    let mut other = String::new();
    while let Some(at) = rest.find("use ") {
        let (before, after) = rest.split_at(at);
        other.push_str(before);
        let whole = before.ends_with([' ', '\n', ')']) || before.is_empty();
        let end = after.find(';').unwrap_or(after.len());
        if whole {
            let line = before.rsplit('\n').next().unwrap_or_default();
            let mut trees = Vec::new();
            leaves(&after[4..end], "", &mut trees);
            all.extend(trees.into_iter().map(|tree| (tree, line.contains("pub"))));
        }
        rest = &after[end.min(after.len())..];
    }
    other.push_str(rest);
    let word = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    let inline = other
        .split(word)
        .filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    all.extend(inline.map(|path| (path.to_owned(), false)));
    all
}

/// A path as steps from the crate's root; none for other crates.
fn absolute(path: &str, module: &Module, child: impl Fn(&str) -> bool) -> Option<Module> {
    let mut steps = path.split("::").filter(|step| !step.is_empty()).peekable();
    let mut base = module.clone();
    match *steps.peek()? {
        "crate" => {
            steps.next();
            base.clear();
        }
        "self" => drop(steps.next()),
        "super" => {
            while steps.next_if_eq(&"super").is_some() {
                base.pop();
            }
        }
        first if child(first) => {}
        _ => return None,
    }
    base.extend(steps.map(str::to_owned));
    Some(base)
}

/// Who imports whom: re-exports are followed to where the thing is.
fn arrows(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let of = |full: &Module| {
        let mut len = full.len();
        while len > 0 && !modules.contains_key(&full[..len]) {
            len -= 1;
        }
        full[..len].to_vec()
    };
    let mut found = Vec::new();
    for (module, code) in modules {
        let child = |name: &str| {
            let inner: Module = module.iter().cloned().chain([name.to_owned()]).collect();
            modules.contains_key(&inner)
        };
        for (path, exported) in paths(code) {
            let here =
                path.starts_with("crate") || path.starts_with("super") || path.starts_with("self");
            if let Some(full) = absolute(&path, module, child) {
                found.push((module.clone(), full, exported, here));
            }
        }
    }
    let exports: BTreeMap<(Module, String), Module> = found
        .iter()
        .filter(|(_, _, exported, _)| *exported)
        .filter_map(|(module, full, ..)| {
            Some(((module.clone(), full.last()?.clone()), full.clone()))
        })
        .collect();
    let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, mut full, _, here) in found {
        let mut target = of(&full);
        for _ in 0..5 {
            let Some(next) = full
                .get(target.len())
                .and_then(|name| exports.get(&(target.clone(), name.clone())))
            else {
                break;
            };
            full = next.clone();
            target = of(&full);
        }
        if here && target != module && !target.is_empty() {
            arrows.entry(module).or_default().insert(target);
        }
    }
    arrows
}

/// Modules that can be reached from one.
fn reach(from: &Module, arrows: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.clone()];
    while let Some(module) = next.pop() {
        for target in arrows.get(&module).into_iter().flatten() {
            if reached.insert(target.clone()) {
                next.push(target.clone());
            }
        }
    }
    reached
}

#[test]
fn arrows_point_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = BTreeMap::new();
    modules(&source, &Vec::new(), &mut all);
    let tested = |module: &Module| {
        module
            .iter()
            .any(|name| name.ends_with("tests") || name == "oracles" || name == "model")
    };
    all.retain(|module, _| !module.is_empty() && !tested(module));
    let arrows = arrows(&all);
    let layers: Vec<&str> = LAYERS.into_iter().chain(TOP).collect();
    let layer = |module: &Module| {
        let place = layers.iter().position(|layer| *layer == module[0]);
        place.unwrap_or_else(|| panic!("{} is in no layer", module[0]))
    };
    let show = |module: &Module| module.join("::");
    let mut wrong = Vec::new();
    for module in all.keys() {
        layer(module);
        let targets = arrows.get(module).into_iter().flatten();
        let up = targets.filter(|target| layer(target) > layer(module));
        wrong.extend(up.map(|target| {
            format!(
                "{} imports {}, which is above it",
                show(module),
                show(target)
            )
        }));
        if reach(module, &arrows).contains(module) {
            wrong.push(format!("{} imports itself in a circle", show(module)));
        }
    }
    assert!(
        arrows.len() > 100,
        "only {} modules import others",
        arrows.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
