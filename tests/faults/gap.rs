//! The files that cross an air gap: made once without a fault, imported with one, and compared with those of exports with one.

use std::path::PathBuf;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::scenario::GOOGLE_PATH;
use tempfile::TempDir;

use super::endpoint::Affected;
use super::setup::{EARLIER, MISSING, Setup};
use super::support::{Ended, Run, SOURCE};
use super::world::older_tag;

const BUNDLE: &str = "bundle.tar";
/// The bundle of an older build, and that of all images without the blobs that this build has.
const BASE: &str = "base.tar";
const AFTER_BASE: &str = "after-base.tar";

/// Plans and bundles without a fault.
pub struct Gap {
    folder: TempDir,
    /// The bundle of all images that the registry lacks.
    all: Vec<u8>,
    /// The bundle of a plan without [`MISSING`].
    others: Vec<u8>,
}

impl Gap {
    /// Makes them in a sandbox with the world of [`Setup::Export`].
    pub fn new(acr_sync: &str, taskset: &str, sandbox: &Sandbox) -> Self {
        let mut gap = Self {
            folder: tempfile::tempdir().expect("a folder"),
            all: Vec::new(),
            others: Vec::new(),
        };
        for (plan, excluded) in [("others.json", MISSING), ("all.json", "")] {
            let run = Setup::Bundle.run(acr_sync, sandbox);
            let run = run.set("EXCLUDE_IMAGES", excluded);
            let run = run.arguments(&["plan", "-o", &gap.path(plan)]);
            run.end().expect(0, &[]);
            let ended = gap.export(Setup::Export.run(taskset, sandbox), plan).end();
            ended.expect(0, &[]);
            gap.others = std::mem::replace(&mut gap.all, bundle(&ended).expect("a bundle"));
        }
        assert!(gap.others.len() < gap.all.len(), "the bundles are the same");
        std::fs::write(gap.folder.path().join(BUNDLE), &gap.all).expect("a file");
        gap.export_with_base(acr_sync, taskset, sandbox);
        gap
    }

    fn export_with_base(&self, acr_sync: &str, taskset: &str, sandbox: &Sandbox) {
        let tag = sandbox.edit(|world| older_tag(world));
        let older = format!(
            "- {{source: '{SOURCE}/{GOOGLE_PATH}/{MISSING}:{tag}', destination: {EARLIER}}}"
        );
        let run = Setup::Bundle.run(acr_sync, sandbox).set("IMAGES", "extra");
        let run = run.set("EXTRA_IMAGES", &older);
        let run = run.arguments(&["plan", "-o", &self.path("older.json")]);
        run.end().expect(0, &[]);
        let run = Setup::Export.run(taskset, sandbox).unset(&["IMAGES"]);
        self.keep(self.export(run, "older.json"), BASE);
        let run = self.export(Setup::Export.run(taskset, sandbox), "all.json");
        let run = run.arguments(&["--base", &self.path(BASE)]);
        let after = self.keep(run, AFTER_BASE);
        assert!(after.len() < self.all.len(), "the base is not used");
    }

    /// The bundle of an export, which is written under this name.
    fn keep(&self, export: Run<'_>, name: &str) -> Vec<u8> {
        let ended = export.end();
        ended.expect(0, &[]);
        let bundle = bundle(&ended).expect("a bundle");
        std::fs::write(self.folder.path().join(name), &bundle).expect("a file");
        bundle
    }

    /// Completes a run whose images cross the gap with its files.
    pub fn with_files<'a>(&self, setup: Setup, run: Run<'a>) -> Run<'a> {
        if setup == Setup::Export {
            return self.export(run, "all.json");
        }
        let name = if setup == Setup::Bundle {
            BUNDLE
        } else {
            AFTER_BASE
        };
        run.arguments(&["import", &self.path(name)])
    }

    fn export<'a>(&self, run: Run<'a>, plan: &str) -> Run<'a> {
        let target = run.folder().join(BUNDLE).display().to_string();
        run.arguments(&["export", "--plan", &self.path(plan), &target])
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The text for the table after an export with a fault, and each violation of the rule: the file is that without the
    /// fault, or that of the images that are not affected.
    pub fn check_export(
        &self,
        affected: Affected,
        ended: &Ended,
        bound: Duration,
    ) -> (String, Vec<String>) {
        let (code, took) = (ended.code, ended.took);
        let mut broken = Vec::new();
        if took > bound {
            broken.push(format!("took {took:?} of {bound:?}"));
        }
        let files = std::fs::read_dir(ended.folder.path()).expect("a folder");
        let files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        let text = match bundle(ended) {
            Some(bundle) if bundle == self.all => "✔",
            // Its index also names what is missing, with the reason.
            Some(bundle) if blobs(&bundle) == blobs(&self.others) => "?",
            Some(bundle) => {
                broken.push(format!("the bundle has other {} bytes", bundle.len()));
                "–"
            }
            None => {
                broken.push("the images that are not affected are not in a file".to_owned());
                "✘"
            }
        };
        let fits = match text {
            "?" | "✘" => matches!(code, 3..=5),
            // Artifacts that cannot be listed are reported, and the images are complete.
            _ => code == 0 || (affected == Affected::NoImage && code == 3),
        };
        if affected == Affected::NoImage && text != "✔" {
            broken.push("no image is affected".to_owned());
        }
        if !fits {
            broken.push(format!("exit code {code} with {text}"));
        }
        if files.len() != 1 {
            broken.push(format!("files: {files:?}"));
        }
        let text = match code {
            0 => text.to_owned(),
            code => format!("{text} {code}"),
        };
        (text, broken)
    }
}

fn bundle(ended: &Ended) -> Option<Vec<u8>> {
    std::fs::read(ended.folder.path().join(BUNDLE)).ok()
}

/// The names of the blobs in a bundle, from the headers of its entries.
fn blobs(bundle: &[u8]) -> Vec<&[u8]> {
    let blocks = bundle.chunks(512);
    let names = blocks.filter(|block| block.starts_with(b"blobs/sha256/"));
    names.map(|block| &block[..block.len().min(77)]).collect()
}
