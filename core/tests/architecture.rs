//! Checks the layers of `core`, as the picture in `ARCHITECTURE.md` defines them, and where side effects may be.
//!
//! The picture in `ARCHITECTURE.md` is the rule: a module imports only modules on lines below its own. The check reads
//! tokens, so comments and strings do not count; unit tests (`#[cfg(test)]`) may import anything.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Pure parts of modules that the picture does not mark as pure. A pure module is a function of its input: no
/// environment, files, clock, randomness or output.
const PURE_PARTS: [&str; 5] = ["finding", "need", "observed", "permissions", "rendering"];
/// Paths that a pure module must not contain.
const IMPURE_PATHS: [&str; 12] = [
    "std::env",
    "std::fs",
    "std::process",
    "std::net",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "Utc::now",
    "Local::now",
    "ring::rand",
    "tokio",
    "tracing",
];
/// Macros that print.
const PRINTING: [&str; 5] = ["println", "eprintln", "print", "eprint", "dbg"];
/// Paths that open connections; only `wire` may contain them.
const CONNECTIONS: [&str; 6] = [
    "reqwest::Client",
    "reqwest::ClientBuilder",
    "Client::builder",
    "Client::new",
    "tokio::net",
    "std::net::TcpStream",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn no_module_imports_upward_or_has_a_side_effect_that_its_layer_forbids() {
    let found = violations(&root());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn manifests_name_every_test_file() {
    let found = unnamed_tests(&root());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The table of ARCHITECTURE.md, and not a renamed file or function.
#[test]
fn table_of_places_names_files_that_have_the_item() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = text.split("## Where is").nth(1).expect("a table");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let mut columns = line
            .split('|')
            .skip(2)
            .map(|column| column.trim().trim_matches('`'));
        let (file, item) = (columns.next()?, columns.next()?);
        file.contains('/').then_some((file, item))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 20, "{rows:?}");
    for (file, item) in rows {
        let text = std::fs::read_to_string(root().join(file));
        let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
        let has_item = ["fn ", "struct ", "enum "].iter().any(|kind| {
            let definition = format!("{kind}{item}");
            let mut found = text.match_indices(&definition);
            found.any(|(at, _)| {
                !text[at + definition.len()..]
                    .starts_with(|c: char| c == '_' || c.is_alphanumeric())
            })
        });
        assert!(
            has_item || text.contains(&format!("{item}! {{")),
            "{file} has no {item}"
        );
    }
}

#[test]
fn planted_violation_of_each_kind_is_found() {
    for (file, text, part) in [
        (
            "wire/mod.rs",
            "use crate::plan::Plan;",
            "imports plan, which is above wire",
        ),
        (
            "name.rs",
            "fn f() { crate::run::start() }",
            "imports run, which is above name",
        ),
        (
            "wire/tls.rs",
            "use crate::{name, report::Report};",
            "imports report",
        ),
        (
            "registry/client.rs",
            "use super::super::plan;",
            "imports plan",
        ),
        (
            "plan/mod.rs",
            "fn f() -> String { std::env::var(\"X\").unwrap() }",
            "std::env",
        ),
        ("plan/mod.rs", "use std::{fmt, fs};", "std::fs"),
        (
            "report/mod.rs",
            "fn f() { let _ = chrono::Utc::now(); }",
            "Utc::now",
        ),
        ("report/mod.rs", "fn f() { println!(\"x\"); }", "println!"),
        (
            "azure/mod.rs",
            "fn f() { reqwest::Client::new(); }",
            "opens a connection",
        ),
        (
            "azure/mod.rs",
            "use reqwest::{Client, Method};",
            "opens a connection",
        ),
        ("stray.rs", "fn f() {}", "is not in the picture"),
    ] {
        let tree = planted(file, text);
        let found = violations(tree.path());
        assert!(
            found.iter().any(|line| line.contains(part)),
            "{text}: {found:?}"
        );
    }
    // The rule does not forbid these.
    for (file, text) in [
        ("plan/mod.rs", "use crate::name::Tag;"),
        (
            "wire/mod.rs",
            "// crate::plan\nconst A: &str = \"crate::plan std::env\";",
        ),
        (
            "wire/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::plan::Plan; }",
        ),
        ("wire/mod.rs", "use reqwest::Client;"),
        ("plan/verdict.rs", "use super::Plan;"),
    ] {
        assert_eq!(
            violations(planted(file, text).path()),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn planted_test_file_without_a_manifest_is_found() {
    let tree = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = tree.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nmembers = [\"sli\"]\n");
    write(
        "sli/Cargo.toml",
        "[[test]]\npath = \"../tests/check/main.rs\"\n",
    );
    write("tests/check/main.rs", "");
    assert_eq!(unnamed_tests(tree.path()), Vec::<String>::new());
    write("tests/stray.rs", "");
    assert_eq!(unnamed_tests(tree.path()).len(), 1);
}

/// A tree with the real picture, one file for each module, and one planted file.
fn planted(file: &str, text: &str) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let picture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    std::fs::write(tree.path().join("ARCHITECTURE.md"), &picture).unwrap();
    let path = tree.path().join("core/src").join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    tree
}

/// A line of the picture.
#[derive(Clone, Copy)]
struct Layer {
    /// The lowest line is 0.
    rank: usize,
    is_pure: bool,
}

/// The layer of each module.
fn layers(root: &Path) -> BTreeMap<String, Layer> {
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let picture = text
        .split("```layers\n")
        .nth(1)
        .expect("a picture of the layers");
    let lines: Vec<&str> = picture.split("```").next().unwrap().lines().collect();
    let modules = lines.iter().rev().enumerate().flat_map(|(rank, line)| {
        // The text after two blanks is an explanation.
        let (names, explanation) = line.split_once("  ").unwrap_or((line, ""));
        let is_pure = explanation.trim() == "pure";
        let layer = Layer { rank, is_pure };
        names
            .split_whitespace()
            .map(move |name| (name.to_owned(), layer))
    });
    modules.collect()
}

fn violations(root: &Path) -> Vec<String> {
    let layers = layers(root);
    let source = root.join("core/src");
    let mut found = Vec::new();
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).unwrap().to_owned();
        let place = relative.display().to_string();
        let segments = module_path(&relative);
        let is_test = |name: &String| name == "tests" || name.ends_with("_tests");
        let Some(module) = segments.first() else {
            continue; // lib.rs names modules and imports nothing.
        };
        if segments.iter().any(is_test) {
            continue;
        }
        let Some(layer) = layers.get(module) else {
            found.push(format!(
                "{place}: {module} is not in the picture of ARCHITECTURE.md"
            ));
            continue;
        };
        let text = std::fs::read_to_string(&file).unwrap();
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        let mut paths = Vec::new();
        collect(tokens, &mut paths);
        for path in paths {
            if let Some(other) = target(&path, &segments)
                && other != *module
                && layers
                    .get(&other)
                    .is_some_and(|other| other.rank >= layer.rank)
            {
                found.push(format!("{place}: imports {other}, which is above {module}"));
            }
            let is_pure = layer.is_pure
                || segments
                    .iter()
                    .any(|name| PURE_PARTS.contains(&name.as_str()));
            if is_pure
                && let Some(pattern) = IMPURE_PATHS.iter().find(|pattern| contains(&path, pattern))
            {
                found.push(format!("{place}: {pattern} in a pure module"));
            }
            if module != "wire" && CONNECTIONS.iter().any(|pattern| contains(&path, pattern)) {
                found.push(format!("{place}: opens a connection outside wire: {path}"));
            }
            if let Some(name) = PRINTING.iter().find(|name| path == format!("{name}!")) {
                found.push(format!("{place}: prints with {name}!"));
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `wire/mod.rs` is `wire`, `plan/verdict.rs` is `plan`, `verdict`; `lib.rs` is the root.
fn module_path(relative: &Path) -> Vec<String> {
    let mut segments: Vec<String> = relative
        .with_extension("")
        .iter()
        .map(|segment| segment.to_string_lossy().into_owned())
        .collect();
    if segments
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        segments.pop();
    }
    segments
}

/// The module at the root of the crate that a path leads to, if it leads there by `crate` or `super`.
fn target(path: &str, segments: &[String]) -> Option<String> {
    let mut names = path.split("::").peekable();
    if names.peek() == Some(&"crate") {
        return names.nth(1).map(ToOwned::to_owned);
    }
    let mut depth = segments.len();
    while names.peek() == Some(&"super") {
        names.next();
        depth = depth.checked_sub(1)?;
    }
    (depth == 0)
        .then(|| names.next().map(ToOwned::to_owned))
        .flatten()
}

/// Whether a path contains this one, at the limits of names.
fn contains(path: &str, pattern: &str) -> bool {
    format!("::{path}::").contains(&format!("::{pattern}::"))
}

/// Every path in the code, with the groups of `use` spread out; a macro's name ends in `!`. Unit tests are left out.
fn collect(tokens: TokenStream, paths: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(after) = unit_tests(&tokens, at) {
            at = after;
            continue;
        }
        match &tokens[at] {
            TokenTree::Group(group) => {
                collect(group.stream(), paths);
                at += 1;
            }
            TokenTree::Ident(_) => at = path(&tokens, at, String::new(), paths),
            TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
        }
    }
}

/// The position after a `#[cfg(test)]` item with a body that begins here.
fn unit_tests(tokens: &[TokenTree], at: usize) -> Option<usize> {
    let (TokenTree::Punct(hash), TokenTree::Group(attribute)) =
        (tokens.get(at)?, tokens.get(at + 1)?)
    else {
        return None;
    };
    if hash.as_char() != '#' || attribute.stream().to_string().replace(' ', "") != "cfg(test)" {
        return None;
    }
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    tokens[at + 2..]
        .iter()
        .position(ends)
        .map(|length| at + 2 + length + 1)
}

/// Reads the path that begins here, after `prefix`; the position after it.
fn path(tokens: &[TokenTree], mut at: usize, prefix: String, paths: &mut Vec<String>) -> usize {
    let mut text = prefix;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        if !text.is_empty() {
            text.push_str("::");
        }
        text.push_str(&name.to_string());
        at += 1;
        let is = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == c);
        if is(at, '!') {
            paths.push(format!("{}!", text.rsplit("::").next().unwrap_or_default()));
        }
        if !(is(at, ':') && is(at + 1, ':')) {
            break;
        }
        at += 2;
        if let Some(TokenTree::Group(group)) = tokens.get(at)
            && group.delimiter() == Delimiter::Brace
        {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut position = 0;
            while position < inner.len() {
                position = match &inner[position] {
                    TokenTree::Ident(_) => path(&inner, position, text.clone(), paths),
                    TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                        position + 1
                    }
                };
            }
            return at + 1;
        }
    }
    paths.push(text);
    at
}

/// Files of `tests/` that cargo would not run: no manifest of a member names them.
fn unnamed_tests(root: &Path) -> Vec<String> {
    let manifests: String = std::fs::read_dir(root)
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).ok())
        .collect();
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(root.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let main = path.join("main.rs");
        if main.is_file() {
            programs.push(main);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            programs.push(path);
        }
    }
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
    let is_named = |path: &String| manifests.contains(&format!("\"../{path}\""));
    let unnamed = programs.iter().map(name).filter(|path| !is_named(path));
    unnamed
        .map(|path| format!("no manifest names {path}"))
        .collect()
}
