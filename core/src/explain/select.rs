//! The images that a name means, and the nearest names of one that means none.

use std::collections::BTreeSet;

use crate::discover::Excluded;
use crate::observe::SourceState;
use crate::plan::{Entry, Plan};

/// The images that a name means: the last segment, the repository, the whole name at the source or the destination, or
/// the slug, each with or without a tag or a digest.
pub fn matching<'a>(plan: &'a Plan, registry: &str, name: &str) -> Vec<&'a Entry> {
    let NameParts { place, tag, digest } = parts(name);
    let is_meant =
        |entry: &&Entry| names(entry, registry).contains(place) && has_version(entry, tag, digest);
    plan.entries.iter().filter(is_meant).collect()
}

/// The images of which a name ends with this text, such as `cli-codecollection`. The text must be a whole part of the name, or
/// several.
pub fn ending<'a>(plan: &'a Plan, registry: &str, text: &str) -> Vec<&'a Entry> {
    let NameParts { place, tag, digest } = parts(text);
    let ends = |name: &String| {
        let beginning = name.strip_suffix(place).filter(|_| !place.is_empty());
        beginning.is_some_and(|beginning| beginning.ends_with(['-', '_', '.', '/']))
    };
    let is_meant =
        |entry: &&Entry| names(entry, registry).iter().any(ends) && has_version(entry, tag, digest);
    plan.entries.iter().filter(is_meant).collect()
}

/// The parts of a name that a user gives.
struct NameParts<'a> {
    place: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

fn parts(name: &str) -> NameParts<'_> {
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
    NameParts { place, tag, digest }
}

/// The nearest names, the most similar first.
pub fn nearest(plan: &Plan, name: &str) -> Vec<String> {
    let known = plan.entries.iter().map(|entry| {
        let known = short_name(entry);
        let tagged = tag_of(entry).map(|tag| format!("{known}:{tag}"));
        let forms = [Some(known.clone()), tagged];
        (known, forms.into_iter().flatten().collect())
    });
    crate::name::nearest(known, name)
}

/// The names of `EXCLUDE_IMAGES` that leave out an image of this name, each once.
pub fn excluded_by(excluded: &[Excluded], registry: &str, name: &str) -> Vec<String> {
    let place = parts(name).place;
    let is_meant = |excluded: &&Excluded| {
        let Excluded {
            category: _,
            source,
            destination,
            by: _,
        } = excluded;
        let repository = source.split_once('/').map_or("", |(_, path)| path);
        let last = source.rsplit('/').next().unwrap_or_default();
        place == source
            || place == repository
            || place == last
            || place == destination.last_segment()
            || place == destination.as_str()
            || place == format!("{registry}/{destination}")
    };
    let names = excluded.iter().filter(is_meant).flat_map(|one| &one.by);
    let names: BTreeSet<_> = names.cloned().collect();
    names.into_iter().collect()
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
    let published = entry.observed.source.published()?;
    Some(published.target.to_string())
}

fn has_version(entry: &Entry, tag: Option<&str>, digest: Option<&str>) -> bool {
    tag.is_none_or(|tag| has_tag(entry, tag))
        && digest.is_none_or(|digest| has_digest(entry, digest))
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
    fn image_is_found_by_the_last_parts_of_its_name() {
        let plan = plan_of_three();
        let count = |text: &str| ending(&plan, "acr.example", text).len();
        for text in [
            "cli-codecollection",
            "rw-cli-codecollection:main-abc1234",
            "public-images/runwhen-contrib-rw-cli-codecollection",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        assert_eq!(count("codecollection"), 3);
        // A part of a word, another tag, nothing, and a whole name.
        let name = "runwhen-contrib-rw-cli-codecollection";
        for text in ["i-codecollection", "cli-codecollection:other", "", "rw-cli"] {
            assert_eq!(count(text), 0, "{text}");
        }
        assert_eq!(count(name), 1);
    }

    #[test]
    fn excluded_image_is_found_by_every_form_of_its_name() {
        let excluded = [Excluded {
            category: crate::category::Category::RunWhenLocal,
            source: "us-docker.pkg.dev/public-images/runner".to_owned(),
            destination: "runwhen/agent".parse().unwrap(),
            by: vec!["runner".to_owned(), "*images*".to_owned()],
        }];
        let by = |name| excluded_by(&excluded, "acr.example", name);
        for name in [
            "runner",
            " runner:2026",
            "public-images/runner",
            "us-docker.pkg.dev/public-images/runner@sha256:12",
            "agent",
            "runwhen/agent",
            "acr.example/runwhen/agent:1",
        ] {
            assert_eq!(by(name), ["*images*", "runner"], "{name}");
        }
        for name in ["run", "images/runner", ""] {
            assert!(by(name).is_empty(), "{name}");
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
