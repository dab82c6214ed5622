//! The images that a name means, and the nearest names of one that means none.

use std::collections::BTreeSet;

use crate::observe::SourceState;
use crate::plan::{Entry, Plan};

/// How similar a suggestion must be, from 0 to 1.
const SIMILAR: f64 = 0.75;
const MOST_SUGGESTED: usize = 3;
/// How much less similar than the first the other suggestions may be.
const NEAR_THE_FIRST: f64 = 0.05;

/// The images that a name means: the last segment, the repository, the whole name at the source or the destination, or
/// the slug, each with or without a tag or a digest.
pub fn matching<'a>(plan: &'a Plan, registry: &str, name: &str) -> Vec<&'a Entry> {
    let name = name.trim();
    let (without_digest, digest) = match name.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (name, None),
    };
    let last = without_digest.rfind('/').map_or(0, |at| at + 1);
    let (place, tag) = match without_digest[last..].find(':') {
        Some(at) => (
            &without_digest[..last + at],
            Some(&without_digest[last + at + 1..]),
        ),
        None => (without_digest, None),
    };
    let is_meant = |entry: &&Entry| {
        names(entry, registry).contains(place)
            && tag.is_none_or(|tag| has_tag(entry, tag))
            && digest.is_none_or(|digest| has_digest(entry, digest))
    };
    plan.entries.iter().filter(is_meant).collect()
}

/// The nearest names, the most similar first.
pub fn nearest(plan: &Plan, name: &str) -> Vec<String> {
    let wanted = name.to_ascii_lowercase();
    let mut found: Vec<(f64, String)> = Vec::new();
    for entry in &plan.entries {
        let known = short_name(entry);
        let tagged = tag_of(entry).map(|tag| format!("{known}:{tag}"));
        let similarity = [Some(known.clone()), tagged]
            .into_iter()
            .flatten()
            .map(|text| similarity(&text, &wanted))
            .fold(0.0, f64::max);
        if similarity >= SIMILAR && found.iter().all(|(_, other)| *other != known) {
            found.push((similarity, known));
        }
    }
    found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    let best = found.first().map_or(1.0, |(similarity, _)| *similarity);
    found.retain(|(similarity, _)| best - similarity <= NEAR_THE_FIRST);
    let names = found.into_iter().map(|(_, name)| name);
    names.take(MOST_SUGGESTED).collect()
}

/// A part of a name counts like a name without mistakes.
fn similarity(known: &str, wanted: &str) -> f64 {
    if wanted.len() >= 3 && known.contains(wanted) {
        return 1.0;
    }
    strsim::normalized_damerau_levenshtein(known, wanted)
}

/// The last segment at the destination, which is the slug of an image of the catalog.
pub fn short_name(entry: &Entry) -> String {
    let desired = &entry.observed.desired;
    desired.destination.last_segment().to_owned()
}

fn names(entry: &Entry, registry: &str) -> BTreeSet<String> {
    let desired = &entry.observed.desired;
    let (source, destination) = (&desired.source, &desired.destination);
    let mut names = BTreeSet::from([
        source.repository.last_segment().to_owned(),
        source.repository.to_string(),
        source.to_string(),
        destination.last_segment().to_owned(),
        destination.to_string(),
        format!("{registry}/{destination}"),
    ]);
    names.extend(desired.slug().map(ToString::to_string));
    names
}

fn tag_of(entry: &Entry) -> Option<String> {
    match &entry.observed.source {
        SourceState::Published(published) => Some(published.target.to_string()),
        SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
    }
}

fn has_tag(entry: &Entry, tag: &str) -> bool {
    let wanted = entry.observed.desired.wanted.to_string();
    match &entry.observed.source {
        SourceState::Published(published) => {
            let own = published.tag.as_ref();
            published.targets().any(|target| target.as_str() == tag)
                || own.is_some_and(|own| own.as_str() == tag)
        }
        SourceState::NotPublished(_) | SourceState::Unknown(_) => wanted == tag,
    }
}

fn has_digest(entry: &Entry, digest: &str) -> bool {
    match &entry.observed.source {
        SourceState::Published(published) => published.digest.to_string() == digest,
        SourceState::NotPublished(_) | SourceState::Unknown(_) => {
            entry.observed.desired.wanted.to_string() == digest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;
    use crate::plan::tests::{chart_image, observed, published, state};

    fn plan_of_three() -> Plan {
        let state = || state(Some(b"old"), false);
        plan(
            vec![
                observed(0, published(), state()),
                observed(1, published(), state()),
                chart_image("2.0", None, None, None),
            ],
            vec![],
        )
    }

    fn count(name: &str) -> usize {
        matching(&plan_of_three(), "acr.example", name).len()
    }

    #[test]
    fn image_is_found_by_every_form_of_its_name() {
        let name = "runwhen-contrib-rw-cli-codecollection";
        for form in [
            name.to_owned(),
            format!("{name}:main-abc1234"),
            format!("runwhen/{name}"),
            format!("acr.example/runwhen/{name}:main-abc1234"),
            format!("us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images/{name}"),
            format!("{name}@{}", crate::name::Digest::sha256(b"new")),
        ] {
            assert_eq!(count(&form), 1, "{form}");
        }
        for form in [
            format!("{name}:other"),
            format!("{name}@sha256:12"),
            "rw-cli".to_owned(),
            String::new(),
        ] {
            assert_eq!(count(&form), 0, "{form}");
        }
    }

    #[test]
    fn nearest_names_are_suggested() {
        let plan = plan_of_three();
        let first = |name| nearest(&plan, name).into_iter().next();
        let cli = Some("runwhen-contrib-rw-cli-codecollection".to_owned());
        assert_eq!(first("runwhen-contrib-rw-cil-codecolection"), cli);
        assert_eq!(first("rw-cli"), cli);
        assert_eq!(first("something else"), None);
    }
}
