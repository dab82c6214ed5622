//! SECURITY.md names tests that exist, and what it promises of the source is true.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text of all Rust files with tests that SECURITY.md may name.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = ["tests", "helm/tests", "core/src"]
        .map(|folder| root().join(folder))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).expect("UTF-8"));
            }
        }
    }
    text
}

#[test]
fn security_names_tests_that_exist() {
    let security = read("SECURITY.md");
    let tests = sources();
    let named: Vec<_> = security.split('`').skip(1).step_by(2).collect();
    let is_test = |name: &&&str| {
        name.contains('_') && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let mut count = 0;
    for name in named.iter().filter(is_test) {
        assert!(
            tests.contains(&format!("fn {name}()")),
            "there is no test {name}"
        );
        count += 1;
    }
    assert!(count > 10, "{count} tests are named");
    for path in named.iter().filter(|name| name.contains('/')) {
        assert!(root().join(path).exists(), "there is no {path}");
    }
}

#[test]
fn every_crate_root_forbids_unsafe_code() {
    let manifest = read("Cargo.toml");
    let members = manifest
        .lines()
        .find(|line| line.starts_with("members = "))
        .expect("members");
    for member in members.split('"').skip(1).step_by(2) {
        let roots = ["lib.rs", "main.rs"].map(|name| root().join(member).join("src").join(name));
        let roots: Vec<_> = roots.iter().filter(|path| path.exists()).collect();
        assert!(!roots.is_empty(), "{member} has no root");
        for path in roots {
            let text = std::fs::read_to_string(path).expect("a file");
            assert!(
                text.contains("\n#![forbid(unsafe_code)]\n"),
                "{}",
                path.display()
            );
        }
    }
}
