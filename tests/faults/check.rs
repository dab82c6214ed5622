//! The assertions after the run of a case.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sandbox::Sandbox;
use serde_json::{Value, json};

use super::case::{Case, Destination, Known, Program, Truth};
use super::failure::Failure;
use super::setup::{SECOND, SECOND_ACR};
use super::statement::statement;
use super::support::Ended;

pub struct Check<'a> {
    pub host: &'a str,
    pub sandbox: &'a Sandbox,
    pub case: &'a Case,
    pub truth: &'a Truth,
    pub affected: BTreeSet<String>,
    pub ended: &'a Ended,
    pub images: BTreeMap<String, Value>,
    pub broken: Vec<String>,
}

impl Check<'_> {
    pub fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(what());
        }
    }

    /// Every check; the run may have taken this long.
    pub fn all(&mut self, bound: Duration) {
        let took = self.ended.took;
        self.expect(took <= bound, || format!("took {took:?} of {bound:?}"));
        self.verdicts();
        self.number();
        self.exit_code();
        self.registries();
        self.imports();
        self.other_hosts();
    }

    fn verdict(&self, name: &str) -> &str {
        // An unreadable chart is one row instead of the rows of its images.
        let row = self.images.get(name).or_else(|| self.images.get("–"));
        row.and_then(|row| row["verdict"].as_str())
            .unwrap_or("none")
    }

    fn outcome(&self, name: &str) -> &str {
        let row = self.images.get(name);
        row.and_then(|row| row["outcome"].as_str())
            .unwrap_or("none")
    }

    /// An affected image has its verdict, is unknown, or has the verdict that the response states. Any other has its verdict.
    fn verdicts(&mut self) {
        let stated =
            statement(&self.case.endpoint, self.case.failure).map(|statement| statement.verdict);
        for (name, known) in self.truth {
            let verdict = self.verdict(name).to_owned();
            let is_affected = self.affected.contains(name);
            let may = verdict == known.verdict
                || is_affected && (verdict == "Unknown" || Some(verdict.as_str()) == stated);
            self.expect(may, || {
                format!("{name} is {}, and reported as {verdict}", known.verdict)
            });
            let digest = self.images.get(name).and_then(|row| row["digest"].as_str());
            // The row of an unknown image may show the digest of a response; it is neither imported nor counted.
            let is_true = digest.is_none_or(|digest| known.digest.as_deref() == Some(digest))
                || verdict == "Unknown";
            self.expect(is_true, || {
                format!("{name} is reported with a wrong digest")
            });
            if self.case.program == Program::Taskset && !is_affected {
                let wanted = if needs_sync(&known.verdict) {
                    "imported"
                } else {
                    "none"
                };
                let outcome = self.outcome(name).to_owned();
                self.expect(outcome == wanted, || {
                    format!("{name} is not affected, but is {outcome}, not {wanted}")
                });
            }
        }
    }

    /// The number is right, and absent if an image is unknown.
    fn number(&mut self) {
        let unknown = self
            .truth
            .keys()
            .any(|name| self.verdict(name) == "Unknown");
        let counted = self
            .truth
            .keys()
            .filter(|name| needs_sync(self.verdict(name)) && self.outcome(name) != "imported");
        let counted = counted.count() as u64;
        if self.ended.code < 0 {
            return;
        }
        let artifact = self
            .ended
            .json(&format!("{}.json", self.case.program.name()));
        let number = artifact["needs_sync"].as_u64();
        let stdout = self.ended.stdout.trim().to_owned();
        match self.case.program {
            Program::Sli => {
                let wanted = if unknown {
                    String::new()
                } else {
                    counted.to_string()
                };
                self.expect(stdout == wanted, || {
                    format!("stdout is {stdout:?}, not {wanted:?}")
                });
            }
            Program::Taskset => {
                let stated = statement(&self.case.endpoint, self.case.failure).is_some();
                let actual = missing(self.sandbox, self.truth).len() as u64;
                let is_right = match number {
                    None => unknown || self.ended.code != 0,
                    Some(number) => !unknown && (number == actual || stated),
                };
                self.expect(is_right, || {
                    format!("the number is {number:?}; {actual} are missing, {counted} counted")
                });
            }
        }
    }

    fn exit_code(&mut self) {
        let code = self.ended.code;
        let mut names = self.truth.keys();
        let is_unknown =
            |name: &String| self.verdict(name) == "Unknown" || self.outcome(name) == "uncertain";
        let unknown = names.any(is_unknown);
        let failed = self.truth.keys().any(|name| self.outcome(name) == "failed");
        let fits = match (unknown, failed) {
            (false, false) => code == 0,
            _ if code == 2 => self.names_an_absent_setting(),
            (true, false) => matches!(code, 3 | 5),
            (_, true) => matches!(code, 4 | 5),
        };
        let (verb, failed) = (if unknown { "is" } else { "is not" }, failed);
        self.expect(fits, || {
            format!("exit code {code}; something {verb} unknown; an import failed: {failed}")
        });
    }

    /// The result of a registry without an affected image is what it is without the fault, and complete.
    fn registries(&mut self) {
        if self.ended.code < 0 {
            return;
        }
        let artifact = self
            .ended
            .json(&format!("{}.json", self.case.program.name()));
        let results = artifact["registries"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut of_registries: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for (name, known) in self.truth {
            let images = of_registries.entry(&known.destination.registry);
            images.or_default().push(name);
        }
        for (registry, names) in of_registries {
            if names.iter().any(|name| self.affected.contains(*name)) {
                continue;
            }
            let lacking = names
                .iter()
                .filter(|name| needs_sync(&self.truth[**name].verdict));
            let wanted = match self.case.program {
                Program::Sli => lacking.count(),
                Program::Taskset => 0,
            };
            let wanted = json!([wanted, "complete"]);
            let own = results.iter().filter(|one| one["registry"] == registry);
            let own: Vec<_> = own
                .map(|one| json!([one["needs_sync"], one["status"]]))
                .collect();
            self.expect(own == [wanted.clone()], || {
                format!("{registry} is not affected, and has {own:?} instead of {wanted}")
            });
        }
    }

    /// Whether the response states that the subscription or chart of a setting is absent.
    fn names_an_absent_setting(&self) -> bool {
        let name = self.case.endpoint.name;
        let is_named =
            name.contains("subscriptions") || name.contains("registries") || name.contains("hart");
        is_named && self.case.failure == Failure::Status(404)
    }

    /// Each image is imported at most once, by its digest, and is present if it is reported as imported.
    fn imports(&mut self) {
        let operations = self.sandbox.edit(|world| world.azure.operations.clone());
        let mut done = BTreeSet::new();
        for operation in operations {
            for target in operation.targets {
                let target = Destination {
                    registry: operation.login_server.clone(),
                    target,
                };
                self.expect(done.insert(target.clone()), || {
                    format!("{target:?} imported twice")
                });
                let known = self
                    .truth
                    .values()
                    .find(|known| known.destination == target);
                let digest = known
                    .and_then(|known| known.digest.clone())
                    .unwrap_or_default();
                let by = operation.source_image.rsplit('@').next() == Some(digest.as_str());
                self.expect(by, || {
                    format!("{target:?} imported from {}", operation.source_image)
                });
            }
        }
        let broken: Vec<_> = self
            .truth
            .iter()
            .filter(|(name, known)| {
                self.outcome(name) == "imported"
                    && known.destination.digest(self.sandbox) != known.digest
            })
            .map(|(name, _)| format!("{name} is reported as imported and is absent"))
            .collect();
        self.broken.extend(broken);
    }

    /// A redirect to another host carries no token.
    fn other_hosts(&mut self) {
        if self.case.failure != Failure::RedirectToOtherHost {
            return;
        }
        for request in self.sandbox.requests() {
            if request.host.ends_with("github.io") && request.host != self.host {
                let bare = !request.authorization && request.body.is_empty();
                self.expect(bare, || {
                    format!("{} {} got a token", request.host, request.path)
                });
            }
        }
    }

    /// The worst result of an affected image, and the exit code.
    pub fn text(&self) -> String {
        let mark = |name: &String| {
            let (verdict, outcome) = (self.verdict(name), self.outcome(name));
            match (verdict, outcome) {
                (_, "failed") => "✘".to_owned(),
                ("Unknown", _) | (_, "uncertain") => "?".to_owned(),
                (verdict, _) if verdict != self.truth[name].verdict => verdict.to_owned(),
                _ => "✔".to_owned(),
            }
        };
        let marks: BTreeSet<String> = self.affected.iter().map(mark).collect();
        let is = |wanted: &str| marks.contains(wanted).then(|| wanted.to_owned());
        let statement = marks.iter().find(|mark| mark.chars().count() > 1).cloned();
        let worst = is("✘").or_else(|| is("?")).or(statement);
        let worst = worst.unwrap_or_else(|| "✔".to_owned());
        match self.ended.code {
            0 => worst,
            code => format!("{worst} {code}"),
        }
    }
}

fn needs_sync(verdict: &str) -> bool {
    matches!(verdict, "Missing" | "Outdated" | "Drifted")
}

/// The images that a registry lacks.
pub fn missing(sandbox: &Sandbox, truth: &Truth) -> BTreeSet<Destination> {
    let lacks = |known: &&Known| {
        needs_sync(&known.verdict) && known.destination.digest(sandbox) != known.digest
    };
    let lacking = truth.values().filter(lacks);
    lacking.map(|known| known.destination.clone()).collect()
}

/// The rows of an artifact by the names of the images; an unreadable chart is `–`.
pub fn images(ended: &Ended, program: Program) -> BTreeMap<String, Value> {
    if ended.code < 0 {
        return BTreeMap::new();
    }
    let artifact = ended.json(&format!("{}.json", program.name()));
    let rows = artifact["images"].as_array().cloned().unwrap_or_default();
    let name = |row: &Value| {
        let destination = row["destination"].as_str().unwrap_or_default();
        let last = destination.rsplit('/').next().unwrap_or_default();
        let name = last.split(':').next().unwrap_or_default();
        match destination.starts_with(SECOND_ACR) {
            true => format!("{SECOND}{name}"),
            false => name.to_owned(),
        }
    };
    rows.into_iter().map(|row| (name(&row), row)).collect()
}
