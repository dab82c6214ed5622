//! Gives the executables the commit and the date of their source, for `--version`.
//!
//! They come from SOURCE_COMMIT and SOURCE_DATE_EPOCH, otherwise from git. In an archive without either, the version is all
//! that is known. The date is that of the commit, so the same source always has the same text.

use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::DateTime;

/// The digits of the commit that are shown.
const DIGITS: usize = 7;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SOURCE_COMMIT");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let repository = Repository::of_this_source();
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_git = |format: &str| repository.as_ref()?.of_head(format);
    let commit = given("SOURCE_COMMIT").or_else(|| of_git("%H"));
    let seconds = given("SOURCE_DATE_EPOCH").or_else(|| of_git("%ct"));
    let parts = [commit.and_then(short), seconds.and_then(date)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let version = env!("CARGO_PKG_VERSION");
    if parts.is_empty() {
        println!("cargo:rustc-env=ACR_SYNC_VERSION={version}");
    } else {
        println!(
            "cargo:rustc-env=ACR_SYNC_VERSION={version} ({})",
            parts.join(" ")
        );
    }
}

fn short(commit: String) -> Option<String> {
    let commit = commit.trim().to_ascii_lowercase();
    let is_commit = commit.len() >= DIGITS && commit.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_commit {
        println!("cargo:warning=SOURCE_COMMIT is not a commit, so --version does not show it");
        return None;
    }
    Some(commit[..DIGITS].to_owned())
}

fn date(seconds: String) -> Option<String> {
    let date = seconds
        .trim()
        .parse()
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let Some(date) = date else {
        println!(
            "cargo:warning=SOURCE_DATE_EPOCH is not a number of seconds, so --version does not show a date"
        );
        return None;
    };
    Some(date.format("%Y-%m-%d").to_string())
}

struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The git repository of this source; `None` if there is none, or if the source was unpacked in that of something else.
    fn of_this_source() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()?
            .canonicalize()
            .ok()?;
        let this = Self { root };
        let top = PathBuf::from(this.git(&["rev-parse", "--show-toplevel"])?);
        (top.canonicalize().ok()? == this.root).then_some(())?;
        this.git(&["ls-files", "--error-unmatch", "cli/build.rs"])?;
        this.run_again_after_a_commit();
        Some(this)
    }

    fn of_head(&self, format: &str) -> Option<String> {
        self.git(&["log", "-1", &format!("--format={format}")])
    }

    /// Cargo runs this script again only if one of these files changes. A file that does not exist would make it run always.
    fn run_again_after_a_commit(&self) {
        let branch = self.git(&["symbolic-ref", "--quiet", "HEAD"]);
        for name in ["HEAD", "logs/HEAD", "packed-refs"]
            .into_iter()
            .chain(branch.as_deref())
        {
            let path = self.git(&["rev-parse", "--git-path", name]);
            let path = path.map(|path| self.root.join(path));
            if let Some(path) = path.filter(|path| path.is_file()) {
                println!("cargo:rerun-if-changed={}", path.display());
            }
        }
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let git = Command::new("git")
            .arg("-C")
            .arg(&self.root)
            .args(arguments)
            .output();
        let output = git.ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}
