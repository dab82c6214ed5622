//! One verdict per image, and what follows from it. Pure: the same input gives the same plan.

use crate::azure::LOCKED_ADVICE;
use crate::discover::{Undiscovered, Wanted};
use crate::name::{Digest, Reference, Repository, Tag};
use crate::observe::{Neighbours, Observed, Published, Seen, Standing};
use crate::problem::{Cause, Party, Problem};
use crate::runwhen_local::LATEST;

/// What is the matter with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination has what the source publishes.
    UpToDate,
    /// The destination has no such tag.
    Missing,
    /// The destination has an older build only.
    Outdated,
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
            Self::Outdated => "Outdated",
            Self::Drifted => "Drifted",
            Self::NotPublished(_) => "NotPublished",
            Self::Unknown(_) => "Unknown",
        }
    }

    /// Whether the destination is known to be behind.
    pub fn needs_sync(&self) -> bool {
        match self {
            Self::Missing | Self::Outdated | Self::Drifted => true,
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
    /// What the user should know besides.
    pub note: Option<String>,
}

/// All decisions of a run, in the order of category and source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One per image.
    pub entries: Vec<Entry>,
    /// What should have told images and did not.
    pub undiscovered: Vec<Undiscovered>,
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
pub fn plan(mut observed: Vec<Observed>, undiscovered: Vec<Undiscovered>) -> Plan {
    observed.sort_by(|a, b| {
        let key = |observed: &Observed| {
            let desired = &observed.desired;
            (
                desired.category,
                desired.source.clone(),
                desired.wanted.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let entries = settle_conflicts(observed.into_iter().map(decide).collect());
    Plan {
        entries,
        undiscovered,
    }
}

fn decide(observed: Observed) -> Entry {
    let (verdict, reason) = judge(&observed);
    let step = match (&verdict, &observed.source) {
        (Verdict::Missing | Verdict::Outdated | Verdict::Drifted, Seen::Published(published)) => {
            step(&observed, published)
        }
        _ => Step::Nothing,
    };
    let note = note(&observed);
    Entry {
        observed,
        verdict,
        reason,
        step,
        note,
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
        Some(Ok(standing)) if standing.digest.as_ref() == Some(&published.digest) => (
            Verdict::UpToDate,
            format!("the ACR has {} with the same digest", published.target),
        ),
        Some(Ok(standing)) => {
            judge_dates(standing, published).unwrap_or_else(|| judge_tag(standing, published))
        }
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

/// What follows from the tags beside the wanted one; none where they decide nothing.
///
/// Digests first: the same content under another tag is up to date whatever the dates. Then the dates of
/// the builds, where both are known: only what is newer needs an update.
fn judge_dates(standing: &Standing, published: &Published) -> Option<(Verdict, String)> {
    let Neighbours {
        same,
        newest,
        newest_created,
        source_created,
        has_latest: _,
    } = standing.neighbours.as_ref()?;
    if let Some(same) = same {
        return Some((
            Verdict::UpToDate,
            format!("the ACR has the same digest as {same}"),
        ));
    }
    let (newest, there, here) = (newest.as_ref()?, (*newest_created)?, (*source_created)?);
    let day = |date: chrono::DateTime<chrono::Utc>| date.format("%Y-%m-%d %H:%M");
    Some(if here > there {
        let what = format!(
            "built {}, newer than the ACR's {newest} of {}",
            day(here),
            day(there)
        );
        (Verdict::Outdated, what)
    } else {
        let what = format!(
            "{} was built {}, not newer than the ACR's {newest} of {}",
            published.target,
            day(here),
            day(there)
        );
        (Verdict::UpToDate, what)
    })
}

fn judge_tag(standing: &Standing, published: &Published) -> (Verdict, String) {
    match &standing.digest {
        Some(digest) => (
            Verdict::Drifted,
            format!(
                "the ACR's {} points at {} instead",
                published.target,
                digest.short()
            ),
        ),
        None => (
            Verdict::Missing,
            format!("the ACR has no tag {}", published.target),
        ),
    }
}

/// The paired codebundle takes the highest tag by `sort -V`, in which `latest` is above every version.
fn note(observed: &Observed) -> Option<String> {
    let (Wanted::Image { .. }, Seen::Published(published)) =
        (&observed.desired.wanted, &observed.source)
    else {
        return None;
    };
    let place = &observed.desired.destination;
    if published.target.as_str() == LATEST {
        return Some(format!(
            "{place}:latest sorts above every version, so azure-rw-acr-helm-update never takes another tag; set USE_DATE_TAG=true"
        ));
    }
    let Some(Ok(Standing {
        neighbours: Some(Neighbours {
            has_latest: true, ..
        }),
        ..
    })) = &observed.destination
    else {
        return None;
    };
    Some(format!(
        "{place} has a tag latest, which sorts above {} in azure-rw-acr-helm-update; remove it from the ACR",
        published.target
    ))
}

/// Two images cannot have one tag: the first keeps it and the other is told. The same content twice is one
/// image.
fn settle_conflicts(entries: Vec<Entry>) -> Vec<Entry> {
    let mut settled: Vec<Entry> = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let rival = settled
            .iter_mut()
            .find(|other| target_of(other).is_some() && target_of(other) == target_of(&entry));
        match (rival, &entry.observed.source) {
            (Some(other), Seen::Published(published))
                if digest_of(other) == Some(&published.digest) =>
            {
                other
                    .observed
                    .desired
                    .wanted_by
                    .append(&mut entry.observed.desired.wanted_by);
                continue;
            }
            (Some(other), Seen::Published(published)) if matches!(entry.step, Step::Import(_)) => {
                let (place, rival) = (
                    &entry.observed.desired.destination,
                    &other.observed.desired.source,
                );
                let what = format!(
                    "{place}:{} is wanted for {rival} too, with another digest",
                    published.target
                );
                let problem = Problem::new(Party::Here, Cause::Configuration, what);
                entry.step = Step::Blocked(
                    problem
                        .advise("only one of the two can have the tag: change the chart's values"),
                );
            }
            _ => {}
        }
        settled.push(entry);
    }
    settled
}

fn target_of(entry: &Entry) -> Option<(&Repository, &Tag)> {
    match &entry.observed.source {
        Seen::Published(published) => {
            Some((&entry.observed.desired.destination, &published.target))
        }
        Seen::NotPublished(_) | Seen::Unknown(_) => None,
    }
}

fn digest_of(entry: &Entry) -> Option<&Digest> {
    match &entry.observed.source {
        Seen::Published(published) => Some(&published.digest),
        Seen::NotPublished(_) | Seen::Unknown(_) => None,
    }
}

fn step(observed: &Observed, published: &Published) -> Step {
    let destination = &observed.desired.destination;
    if let Some(Ok(Standing { locked: true, .. })) = &observed.destination {
        let what = format!(
            "{destination}:{} points at another digest and is locked",
            published.target
        );
        return Step::Blocked(
            Problem::new(Party::Destination, Cause::Rejected, what).advise(LOCKED_ADVICE),
        );
    }
    Step::Import(Action {
        source: observed.desired.source.pinned(&published.digest),
        digest: published.digest.clone(),
        targets: vec![(destination.clone(), published.target.clone())],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codecollection;
    use crate::discover::{Category, Desired};

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
            wanted: Wanted::StableTag,
            destination: destination_at,
            wanted_by: Vec::new(),
        };
        Observed {
            desired,
            source,
            destination,
        }
    }

    fn published() -> Seen {
        let tag: Tag = "main-abc1234".parse().unwrap();
        Seen::Published(Published {
            tag: Some(tag.clone()),
            target: tag,
            digest: Digest::sha256(b"new"),
        })
    }

    fn standing(content: Option<&[u8]>, locked: bool) -> Option<Result<Standing, Problem>> {
        Some(Ok(Standing {
            digest: content.map(Digest::sha256),
            locked,
            neighbours: None,
        }))
    }

    /// An image of a chart whose dates decide; years, none where they are not known.
    fn chart_image(
        tag: &str,
        at_tag: Option<&[u8]>,
        newest: Option<i32>,
        source: Option<i32>,
    ) -> Observed {
        let year = |year: i32| format!("{year}-06-01T00:00:00Z").parse().unwrap();
        let neighbours = Neighbours {
            same: None,
            newest: Some("1.0".parse().unwrap()),
            newest_created: newest.map(year),
            source_created: source.map(year),
            has_latest: false,
        };
        let tag: Tag = tag.parse().unwrap();
        let published = Published {
            tag: Some(tag.clone()),
            target: tag.clone(),
            digest: Digest::sha256(b"new"),
        };
        let standing = Standing {
            digest: at_tag.map(Digest::sha256),
            locked: false,
            neighbours: Some(neighbours),
        };
        let mut image = observed(0, Seen::Published(published), Some(Ok(standing)));
        image.desired.category = Category::RunWhenLocal;
        image.desired.wanted = Wanted::Image {
            tag: Some(tag),
            digest: None,
        };
        image
    }

    fn neighbours(image: &mut Observed) -> &mut Neighbours {
        match &mut image.destination {
            Some(Ok(Standing {
                neighbours: Some(neighbours),
                ..
            })) => neighbours,
            _ => panic!("no neighbours"),
        }
    }

    fn verdict(image: Observed) -> &'static str {
        plan(vec![image], vec![]).entries[0].verdict.name()
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
            let plan = plan(vec![observed(0, source, destination)], vec![]);
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
        let plan = plan(
            vec![observed(0, published(), standing(Some(b"old"), true))],
            vec![],
        );
        assert!(
            matches!(&plan.entries[0].step, Step::Blocked(problem) if problem.to_string().contains("locked"))
        );
        assert_eq!(plan.actions().count(), 0);
        assert!(plan.entries[0].verdict.needs_sync());
    }

    #[test]
    fn an_action_pins_the_digest_and_names_the_tag() {
        let plan = plan(
            vec![observed(1, published(), standing(None, false))],
            vec![],
        );
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
        assert_eq!(plan(images(), vec![]), plan(reversed, vec![]));
    }

    #[test]
    fn digests_decide_before_dates_and_dates_only_where_both_are_known() {
        let old: Option<&[u8]> = Some(b"old");
        assert_eq!(
            verdict(chart_image("2.0", None, Some(2024), Some(2025))),
            "Outdated"
        );
        assert_eq!(
            verdict(chart_image("2.0", old, Some(2024), Some(2025))),
            "Outdated"
        );
        assert_eq!(
            verdict(chart_image("2.0", None, Some(2025), Some(2024))),
            "UpToDate"
        );
        assert_eq!(
            verdict(chart_image("2.0", None, Some(2025), Some(2025))),
            "UpToDate"
        );
        assert_eq!(
            verdict(chart_image("2.0", Some(b"new"), Some(2024), Some(2025))),
            "UpToDate"
        );
        for (newest, source) in [(None, Some(2025)), (Some(2025), None), (None, None)] {
            assert_eq!(verdict(chart_image("2.0", None, newest, source)), "Missing");
            assert_eq!(verdict(chart_image("2.0", old, newest, source)), "Drifted");
        }
    }

    #[test]
    fn the_same_content_under_another_tag_is_up_to_date() {
        let mut image = chart_image("20260101000000", None, Some(2020), Some(2025));
        neighbours(&mut image).same = Some("20251231000000".parse().unwrap());
        assert_eq!(verdict(image), "UpToDate");
    }

    #[test]
    fn tags_that_sort_wrongly_are_mentioned() {
        let note = |image| {
            plan(vec![image], vec![]).entries[0]
                .note
                .clone()
                .unwrap_or_default()
        };
        assert!(note(chart_image("latest", None, None, None)).contains("USE_DATE_TAG"));
        let mut image = chart_image("2.0", None, None, None);
        neighbours(&mut image).has_latest = true;
        assert!(note(image).contains("remove it"));
        assert_eq!(note(chart_image("2.0", None, None, None)), "");
    }

    #[test]
    fn two_images_cannot_have_one_tag() {
        let (one, mut other) = (
            chart_image("2.0", None, None, None),
            chart_image("2.0", None, None, None),
        );
        other.desired.source = codecollection::sources()[1].clone();
        other.desired.wanted_by = vec!["b".to_owned()];
        let same = plan(vec![one.clone(), other.clone()], vec![]);
        assert_eq!((same.entries.len(), same.actions().count()), (1, 1));
        assert_eq!(same.entries[0].observed.desired.wanted_by, ["b"]);
        if let Seen::Published(published) = &mut other.source {
            published.digest = Digest::sha256(b"other");
        }
        let both = plan(vec![one, other], vec![]);
        assert_eq!((both.entries.len(), both.actions().count()), (2, 1));
        assert!(matches!(&both.entries[1].step, Step::Blocked(_)));
    }
}
