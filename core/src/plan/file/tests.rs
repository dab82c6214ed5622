use super::*;
use crate::discover::Absence;
use crate::problem::{Cause, Problem, Side};

fn info() -> PlanInfo {
    PlanInfo {
        created_by: "acr-sync 0.0.0".to_owned(),
        created: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        registry: Some("myacr.azurecr.io".to_owned()),
        repository_path: "runwhen".parse().unwrap(),
        platform: "amd64".to_owned(),
        chart: None,
        extra_charts: Vec::new(),
    }
}

/// An image in every state: the tag at the destination is absent, has another digest, or lacks a manifest.
fn entries() -> Vec<Entry> {
    let tag = |text: &str| text.parse::<Tag>().unwrap();
    let date = || "2025-06-01T00:00:00Z".parse().unwrap();
    let [wanted, other] = [b"new", b"old"].map(|bytes| Digest::sha256(bytes));
    let evidence = [
        Evidence::TagMissing { tag: tag("1.0") },
        Evidence::OtherDigest {
            tag: tag("1.0"),
            digest: other.clone(),
        },
        Evidence::ManifestMissing {
            tag: tag("1.0"),
            child: other.clone(),
        },
        Evidence::BuiltAfterPush {
            built: date(),
            newest: tag("0.9"),
            newest_pushed: date(),
        },
        Evidence::BuiltAfterBuild {
            built: date(),
            newest: tag("0.9"),
            newest_built: date(),
        },
        Evidence::NotBuiltAfter {
            tag: tag("1.0"),
            built: date(),
            newest: tag("0.9"),
            newest_built: date(),
        },
        Evidence::SameDigest { tag: tag("1.0") },
        Evidence::SameDigestElsewhere { tag: tag("0.9") },
    ];
    let entry = |(number, evidence): (usize, Evidence)| {
        let verdict = match &evidence {
            Evidence::SameDigest { .. } | Evidence::SameDigestElsewhere { .. } => Verdict::UpToDate,
            Evidence::TagMissing { .. } => Verdict::Missing,
            Evidence::OtherDigest { .. } | Evidence::ManifestMissing { .. } => Verdict::Drifted,
            Evidence::BuiltAfterPush { .. }
            | Evidence::BuiltAfterBuild { .. }
            | Evidence::NotBuiltAfter { .. } => Verdict::Outdated,
        };
        let (digest, missing_child) = match &evidence {
            Evidence::OtherDigest { .. } => (Some(other.clone()), None),
            Evidence::ManifestMissing { child, .. } => (Some(wanted.clone()), Some(child.clone())),
            _ => (None, None),
        };
        let image = PlannedImage {
            category: Category::RunWhenLocal,
            source: Source {
                repository: "ghcr.io/team/image".parse().unwrap(),
                tag: Some(tag("1.0")),
                digest: Some(wanted.clone()),
                follows: None,
                rule: None,
            },
            verdict: VerdictName::of(&Verdict::Missing),
            reason: String::new(),
            advice: None,
            problem: None,
            evidence: None,
            action: ActionName::Import,
            destination: format!("runwhen/image-{number}").parse().unwrap(),
            targets: vec![Target {
                tag: tag("1.0"),
                now: digest,
            }],
            lacks_manifest: missing_child,
            wanted_by: vec!["Deployment a, container b".to_owned()],
        };
        let entry = image.entry();
        let step = if verdict.needs_sync() {
            entry.step.clone()
        } else {
            Step::Nothing
        };
        Entry {
            verdict,
            evidence: Some(evidence),
            step,
            ..entry
        }
    };
    evidence.into_iter().enumerate().map(entry).collect()
}

fn unusual(mut entry: Entry) -> [Entry; 3] {
    let problem = Problem::new(Side::Destination, Cause::Rejected, "it is locked");
    let blocked = Entry {
        step: Step::Blocked(problem.clone()),
        ..entry.clone()
    };
    entry.evidence = None;
    entry.step = Step::Nothing;
    let absence = Absence {
        reason: "No 1.0 found".to_owned(),
        advice: String::new(),
    };
    let mut gone = entry.clone();
    gone.observed.source = SourceState::NotPublished(absence.clone());
    gone.observed.destination = None;
    gone.verdict = Verdict::NotPublished(absence);
    entry.observed.source = SourceState::Unknown(problem.clone());
    entry.observed.destination = None;
    entry.verdict = Verdict::Unknown(problem);
    [blocked, gone, entry]
}

#[test]
fn every_plan_follows_the_schema_and_is_the_same_after_reading() {
    let mut plan = Plan {
        entries: entries(),
        undiscovered: Vec::new(),
    };
    plan.entries.extend(unusual(plan.entries[0].clone()));
    let file = PlanFile::new(&plan, info());
    assert_eq!(PlanFile::parse(&file.text()).unwrap(), file);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plan.schema.json");
    let mut schemas = boon::Schemas::new();
    let schema = boon::Compiler::new().compile(path, &mut schemas).unwrap();
    let mut value = serde_json::json!(file);
    schemas
        .validate(&value, schema)
        .unwrap_or_else(|error| panic!("{error}"));
    value["images"][0]["verdict"] = "Fine".into();
    assert!(schemas.validate(&value, schema).is_err());
}

#[test]
fn entries_of_a_file_have_the_verdicts_and_steps_of_the_plan() {
    let mut plan = Plan {
        entries: entries(),
        undiscovered: Vec::new(),
    };
    plan.entries.extend(unusual(plan.entries[0].clone()));
    let file = PlanFile::parse(&PlanFile::new(&plan, info()).text()).unwrap();
    let read: Vec<_> = file.entries().map(|planned| planned.entry).collect();
    assert_eq!(read.len(), plan.entries.len());
    for (read, planned) in read.iter().zip(&plan.entries) {
        assert_eq!(
            (&read.verdict, &read.step),
            (&planned.verdict, &planned.step)
        );
        assert_eq!(read.evidence, planned.evidence);
        assert_eq!(read.reason(), planned.reason());
    }
    // An image that is published has the whole state of the plan.
    assert_eq!(read[..9], plan.entries[..9]);
}

#[test]
fn every_edit_is_noticed() {
    let plan = Plan {
        entries: entries(),
        undiscovered: Vec::new(),
    };
    let file = PlanFile::new(&plan, info());
    let text = file.text();
    for line in text.lines().filter(|line| line.contains(": \"")) {
        let (name, value) = line.split_once(": \"").unwrap();
        let edited = text.replacen(line, &format!("{name}: \"0{value}"), 1);
        assert!(PlanFile::parse(&edited).is_err(), "{line}");
    }
    let mut twice = file.clone();
    twice.images.push(twice.images[0].clone());
    twice.checksum = Some(twice.sum());
    let error = PlanFile::parse(&twice.text()).unwrap_err().to_string();
    assert!(error.contains("want the same tag"), "{error}");
}
