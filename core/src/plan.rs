//! One verdict per image, and what follows from it. Pure: the same input gives the same plan.

use crate::azure::LOCKED_ADVICE;
use crate::name::{Digest, Reference, Repository, Tag};
use crate::observe::{Observed, Published, Seen, Standing};
use crate::problem::{Cause, Party, Problem};

/// What is the matter with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination has what the source publishes.
    UpToDate,
    /// The destination has no such tag.
    Missing,
    /// The tag is there and points at something else.
    Drifted,
    /// The source has nothing to sync.
    NotPublished(String),
    /// It could not be checked. Never counted as up to date or as outdated.
    Unknown(Problem),
}

impl Verdict {
    /// Its name, as reports and artifacts have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::Missing => "Missing",
            Self::Drifted => "Drifted",
            Self::NotPublished(_) => "NotPublished",
            Self::Unknown(_) => "Unknown",
        }
    }

    /// Whether the destination is known to be behind.
    pub fn needs_sync(&self) -> bool {
        match self {
            Self::Missing | Self::Drifted => true,
            Self::UpToDate | Self::NotPublished(_) | Self::Unknown(_) => false,
        }
    }
}

/// One import: the source pinned by digest, and every tag that it gets. Nothing is left to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// `registry/repository@digest`.
    pub source: Reference,
    /// What every target points at afterwards.
    pub digest: Digest,
    /// Repositories and tags at the destination.
    pub targets: Vec<(Repository, Tag)>,
}

/// What is to be done for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// This import.
    Import(Action),
    /// It needs an import that cannot succeed.
    Blocked(Problem),
}

/// An image, its verdict and its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was seen.
    pub observed: Observed,
    /// What it means.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// What is to be done.
    pub step: Step,
}

/// All decisions of a run, in the order of category and source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One per image.
    pub entries: Vec<Entry>,
}

impl Plan {
    /// The imports, each with the position of its entry.
    pub fn actions(&self) -> impl Iterator<Item = (usize, &Action)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(position, entry)| match &entry.step {
                Step::Import(action) => Some((position, action)),
                Step::Nothing | Step::Blocked(_) => None,
            })
    }
}

/// Decides what is to be done about what was seen.
pub fn plan(mut observed: Vec<Observed>) -> Plan {
    observed.sort_by(|a, b| {
        let key =
            |observed: &Observed| (observed.desired.category, observed.desired.source.clone());
        key(a).cmp(&key(b))
    });
    Plan {
        entries: observed.into_iter().map(decide).collect(),
    }
}

fn decide(observed: Observed) -> Entry {
    let (verdict, reason) = judge(&observed);
    let step = match (&verdict, &observed.source) {
        (Verdict::Missing | Verdict::Drifted, Seen::Published(published)) => {
            step(&observed, published)
        }
        _ => Step::Nothing,
    };
    Entry {
        observed,
        verdict,
        reason,
        step,
    }
}

fn judge(observed: &Observed) -> (Verdict, String) {
    let published = match &observed.source {
        Seen::Published(published) => published,
        Seen::NotPublished(reason) => {
            return (Verdict::NotPublished(reason.clone()), reason.clone());
        }
        Seen::Unknown(problem) => return (Verdict::Unknown(problem.clone()), problem.fact()),
    };
    match &observed.destination {
        Some(Ok(Standing {
            digest: Some(digest),
            ..
        })) if *digest == published.digest => (
            Verdict::UpToDate,
            format!("the ACR has {} with the same digest", published.tag),
        ),
        Some(Ok(Standing {
            digest: Some(digest),
            ..
        })) => (
            Verdict::Drifted,
            format!(
                "the ACR's {} points at {} instead",
                published.tag,
                digest.short()
            ),
        ),
        Some(Ok(Standing { digest: None, .. })) => (
            Verdict::Missing,
            format!("the ACR has no tag {}", published.tag),
        ),
        Some(Err(problem)) => (Verdict::Unknown(problem.clone()), problem.fact()),
        None => {
            let problem = Problem::new(
                Party::Destination,
                Cause::Invalid,
                "the destination was not looked at",
            );
            (Verdict::Unknown(problem.clone()), problem.fact())
        }
    }
}

fn step(observed: &Observed, published: &Published) -> Step {
    let destination = &observed.desired.destination;
    if let Some(Ok(Standing { locked: true, .. })) = &observed.destination {
        let what = format!(
            "{destination}:{} points at another digest and is locked",
            published.tag
        );
        return Step::Blocked(
            Problem::new(Party::Destination, Cause::Rejected, what).advise(LOCKED_ADVICE),
        );
    }
    Step::Import(Action {
        source: observed.desired.source.pinned(&published.digest),
        digest: published.digest.clone(),
        targets: vec![(destination.clone(), published.tag.clone())],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codecollection;
    use crate::observe::{Category, Desired};

    fn observed(
        name: usize,
        source: Seen,
        destination: Option<Result<Standing, Problem>>,
    ) -> Observed {
        let source_at = codecollection::sources()[name].clone();
        let destination_at = format!("runwhen/{}", source_at.repository.last_segment())
            .parse()
            .unwrap();
        let desired = Desired {
            category: Category::CodeCollection,
            source: source_at,
            destination: destination_at,
        };
        Observed {
            desired,
            source,
            destination,
        }
    }

    fn published() -> Seen {
        Seen::Published(Published {
            tag: "main-abc1234".parse().unwrap(),
            digest: Digest::sha256(b"new"),
        })
    }

    fn standing(content: Option<&[u8]>, locked: bool) -> Option<Result<Standing, Problem>> {
        Some(Ok(Standing {
            digest: content.map(Digest::sha256),
            locked,
        }))
    }

    fn problem() -> Problem {
        Problem::new(
            Party::Source,
            Cause::Unreachable,
            "GET https://x: connection refused",
        )
    }

    #[test]
    fn verdicts_follow_from_digests() {
        for (source, destination, name) in [
            (published(), standing(Some(b"new"), false), "UpToDate"),
            (published(), standing(Some(b"old"), false), "Drifted"),
            (published(), standing(None, false), "Missing"),
            (published(), Some(Err(problem())), "Unknown"),
            (published(), None, "Unknown"),
            (Seen::NotPublished("no".into()), None, "NotPublished"),
            (Seen::Unknown(problem()), None, "Unknown"),
        ] {
            let plan = plan(vec![observed(0, source, destination)]);
            assert_eq!(plan.entries[0].verdict.name(), name);
            assert_eq!(
                plan.actions().count(),
                usize::from(plan.entries[0].verdict.needs_sync()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_locked_tag_is_told_before_the_import() {
        let plan = plan(vec![observed(0, published(), standing(Some(b"old"), true))]);
        assert!(
            matches!(&plan.entries[0].step, Step::Blocked(problem) if problem.to_string().contains("locked"))
        );
        assert_eq!(plan.actions().count(), 0);
        assert!(plan.entries[0].verdict.needs_sync());
    }

    #[test]
    fn an_action_pins_the_digest_and_names_the_tag() {
        let plan = plan(vec![observed(1, published(), standing(None, false))]);
        let (_, action) = plan.actions().next().unwrap();
        assert!(
            action
                .source
                .to_string()
                .ends_with(Digest::sha256(b"new").as_str())
        );
        assert_eq!(
            action.targets[0].0.as_str(),
            "runwhen/runwhen-contrib-rw-cli-codecollection"
        );
        assert_eq!(action.targets[0].1.as_str(), "main-abc1234");
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let images = || {
            (0..5)
                .map(|name| observed(name, published(), standing(None, false)))
                .collect::<Vec<_>>()
        };
        let mut reversed = images();
        reversed.reverse();
        assert_eq!(plan(images()), plan(reversed));
    }
}
