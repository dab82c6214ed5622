//! The text that `sandbox serve` prints.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sandbox::extra_images::{self, PRIVATE_HOST, PRIVATE_PASSWORD, PRIVATE_USER};
use serde_json::Value;

/// A process that ends with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the sandbox, and returns the text that it prints.
fn serve(scenario: &str) -> (Serving, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["serve", "--scenario", scenario])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut serving = Serving(child.unwrap());
    let lines = BufReader::new(serving.0.stdout.take().unwrap()).lines();
    let mut text = String::new();
    for line in lines.map(Result::unwrap) {
        text.push_str(&format!("{line}\n"));
        if line.starts_with("# Ctrl-C") {
            break;
        }
    }
    (serving, text)
}

/// The value of a variable that is printed as a comment, without the comment after it.
fn commented<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("#export {name}='");
    let line = text.lines().find_map(|line| line.strip_prefix(&start))?;
    let (value, rest) = line.split_once('\'').unwrap();
    assert!(rest.is_empty() || rest.starts_with("   # "), "{line}");
    Some(value)
}

#[test]
fn serve_prints_extra_images_with_each_rule_and_the_login() {
    let (_serving, text) = serve("extra");
    let images = commented(&text, "EXTRA_IMAGES");
    assert_eq!(images, Some(extra_images::EXTRA_IMAGES));
    for rule in ["tag: ", "semver: ", "follow: ", "newest: ", "matching: "] {
        assert!(extra_images::EXTRA_IMAGES.contains(rule), "{rule}");
    }
    for part in [PRIVATE_HOST, PRIVATE_USER, PRIVATE_PASSWORD] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let folder = Path::new(commented(&text, "DOCKER_CONFIG").unwrap());
    let file = std::fs::read(folder.join("config.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert!(file["auths"][PRIVATE_HOST]["auth"].is_string(), "{file}");
    assert_eq!(commented(&text, "EXTRA_CHARTS"), None);
}

#[test]
fn serve_prints_the_extra_chart_with_its_patterns() {
    let (_serving, text) = serve("extra-chart");
    let charts = commented(&text, "EXTRA_CHARTS").unwrap();
    assert!(charts.contains(sandbox::extra_chart::HOST), "{charts}");
    assert!(charts.contains(r"engine:\\S+"), "{charts}");
    assert_eq!(commented(&text, "EXTRA_IMAGES"), None);
    assert_eq!(commented(&text, "DOCKER_CONFIG"), None);
}

#[test]
fn serve_prints_only_comments_and_variables() {
    let (_serving, text) = serve("outdated");
    let mut lines = text.lines();
    assert!(
        lines.all(|line| line.starts_with('#') || line.starts_with("export ")),
        "{text}"
    );
    assert!(!text.contains("EXTRA_"), "{text}");
}
