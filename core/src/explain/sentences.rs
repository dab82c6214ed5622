//! The sentences of an explanation. Digests are short in them.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Context, Origin, Use, ValueUse};
use crate::background::{Background, DestinationTags, NewestTag, ReadChart};
use crate::config::{CatalogWanted, ChartOrigin, ChartSetting, ExtraImage, HighestTag};
use crate::discover::chart_images::place_in;
use crate::discover::codecollections::{Choice, StableTag};
use crate::discover::{Absence, Category, TagSelector};
use crate::name::{Digest, Tag, full_name};
use crate::observe::{DestinationState, Follows, SameContent, SourceImage, SourceState};
use crate::plan::{Entry, Evidence, Step, Verdict};
use crate::text::capitalized;

/// The most workloads that are named.
const MOST_USES: usize = 20;

/// What the source publishes, and what selects the image.
pub(super) fn source(
    entry: &Entry,
    background: Option<&Background>,
    context: &Context<'_>,
) -> Vec<String> {
    let desired = &entry.observed.desired;
    let place = &desired.source;
    let published = match &entry.observed.source {
        SourceState::Published(published) => published,
        SourceState::NotPublished(Absence { reason, advice }) => {
            return vec![
                format!("{}.", capitalized(reason)),
                format!("To change that: {advice}."),
            ];
        }
        SourceState::Unknown(problem) => {
            return vec![format!("{place} could not be read: {problem}.")];
        }
    };
    let mut sentences = match &published.follows {
        Some(Follows::MovingTag {
            tag,
            digest,
            choice,
            same,
        }) => moving_tag(entry, published, (tag, digest), (*choice, *same), context),
        Some(Follows::Catalog(wanted)) => vec![catalog(entry, published, wanted)],
        Some(Follows::Highest { rule, matches }) => vec![highest(entry, published, rule, *matches)],
        None => vec![named(entry, published)],
    };
    if let Some(built) = background.and_then(|background| background.built) {
        sentences.push(format!("The image was built {}.", day(built)));
    }
    if published.is_dated() {
        sentences.push(format!(
            "USE_DATE_TAG gives it the tag {} at the destination.",
            published.target
        ));
    }
    sentences
}

fn moving_tag(
    entry: &Entry,
    published: &SourceImage,
    (latest, latest_digest): (&Tag, &Digest),
    (choice, same): (Choice, SameContent),
    context: &Context<'_>,
) -> Vec<String> {
    let place = &entry.observed.desired.source;
    let target = &published.target;
    let uploaded = entry.observed.uploads.wanted;
    let uploaded = uploaded.map_or_else(String::new, |date| {
        format!(" It was uploaded {}.", day(date))
    });
    let first = format!("{latest} in {place} is {}.", short(latest_digest));
    let second = match same {
        SameContent::Digest => format!("The same index has the tag {target}.{uploaded}"),
        SameContent::PlatformManifest => format!(
            "{target} is {}, another index with the same manifest for linux/{}, so it is the same image.{uploaded}",
            short(&published.digest),
            context.platform
        ),
    };
    let branch = latest.as_str().trim_end_matches("-latest");
    let prefers_versions = StableTag::following(latest).prefers_versions();
    let third = match choice {
        Choice::First if prefers_versions => {
            format!(
                "{target} is taken: it is the highest version of three numbers with this content."
            )
        }
        Choice::Second if prefers_versions => {
            format!(
                "{target} is taken, the first by name: no version of three numbers has this content."
            )
        }
        Choice::First => format!(
            "{target} is the stable tag: it has the form {branch}-<commit>, and the builds do not move it."
        ),
        Choice::Second => format!(
            "{target} is taken as the stable tag, although it does not have the form {branch}-<commit>: no such tag has this content."
        ),
    };
    vec![first, second, third]
}

fn catalog(entry: &Entry, published: &SourceImage, wanted: &CatalogWanted) -> String {
    let what = match wanted {
        CatalogWanted::Ref(git_ref) => format!("the newest image of {git_ref}"),
        CatalogWanted::Pointer(pointer) => format!("its {} image", pointer.name()),
    };
    let desired = &entry.observed.desired;
    let slug = desired.slug().map(ToString::to_string).unwrap_or_default();
    let named = full_name(&desired.source, published.tag.as_ref(), None);
    format!(
        "The catalog names {named} as {what} of {slug}. It is {}.",
        short(&published.digest)
    )
}

fn highest(entry: &Entry, published: &SourceImage, rule: &HighestTag, matches: usize) -> String {
    let place = &entry.observed.desired.source;
    let target = &published.target;
    let digest = short(&published.digest);
    match matches {
        1 => format!("{target} is the only {rule} in {place}. It is {digest}."),
        _ => format!("{target} is the highest {rule} of {matches} in {place}. It is {digest}."),
    }
}

/// An image that a chart or the user names.
fn named(entry: &Entry, published: &SourceImage) -> String {
    let desired = &entry.observed.desired;
    let (tag, pinned) = match &desired.wanted {
        TagSelector::Image { tag, digest, .. } => (tag.as_ref(), digest.as_ref()),
        TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Rule(_) => {
            (published.tag.as_ref(), None)
        }
    };
    let named = full_name(&desired.source, tag, None);
    let subject = match desired.category {
        Category::Extra => format!("{named} is wanted"),
        Category::CodeCollection | Category::RunWhenLocal => format!("The chart names {named}"),
    };
    match pinned {
        Some(digest) => format!(
            "{subject} with the digest {}, whatever the tag points at now.",
            short(digest)
        ),
        None => format!(
            "{subject}, which is {} at its source.",
            short(&published.digest)
        ),
    }
}

/// What wants the image: the workloads of charts, with the values that name the image, and entries of `EXTRA_IMAGES`.
pub(super) fn used_by(
    entry: &Entry,
    uses: &[Use],
    charts: Option<&[ReadChart<'_>]>,
) -> Vec<String> {
    let desired = &entry.observed.desired;
    let of_chart = |it: &&String| match desired.category {
        Category::CodeCollection | Category::RunWhenLocal => true,
        Category::Extra => !ExtraImage::is_entry(it),
    };
    let wanted_by = &desired.wanted_by;
    let others = wanted_by.iter().filter(|it| !of_chart(it));
    let mut sentences: Vec<_> = others.map(|it| format!("It is wanted by {it}.")).collect();
    let Some(charts) = charts else {
        let uses = wanted_by.iter().filter(of_chart).take(MOST_USES);
        sentences.extend(uses.map(|use_| format!("{use_} uses it.")));
        return sentences;
    };
    for ReadChart { request, content } in charts {
        if let Err(problem) = content {
            let name = match request.origin {
                ChartOrigin::RunWhenLocal => String::new(),
                ChartOrigin::Extra { .. } => format!(" {}", request.name),
            };
            sentences.push(format!(
                "The chart{name} could not be read again: {problem}."
            ));
        }
    }
    sentences.extend(uses.iter().take(MOST_USES).flat_map(one_use));
    if uses.len() > MOST_USES {
        sentences.push(format!("{} more workloads use it.", uses.len() - MOST_USES));
    }
    sentences
}

fn one_use(one: &Use) -> Vec<String> {
    let Use {
        kind,
        name,
        container,
        path,
        chart,
        template,
        values,
        origin,
    } = one;
    let place = place_in(container.as_deref(), path);
    let chart = match chart.rsplit_once("/charts/") {
        Some((_, inner)) => format!("the subchart {inner} ({chart})"),
        None => format!("the chart {chart}"),
    };
    let mut sentences = vec![format!(
        "{kind} {name}, {place}, of {chart} uses it; the template is {template}."
    )];
    if values.is_empty() {
        sentences.push("Which values name it is not known.".to_owned());
    }
    sentences.extend(values.iter().map(|value| one_value(value, origin)));
    sentences
}

fn one_value(value: &ValueUse, chart: &ChartOrigin) -> String {
    let ValueUse { part, path, origin } = value;
    let setting = |one| chart.settings(&[one]);
    let part = part.name();
    let from = match origin {
        Origin::ChartSet => format!("which {} sets", setting(ChartSetting::Set)),
        Origin::ChartValues => match chart {
            ChartOrigin::RunWhenLocal => "which the file CHART_VALUES sets".to_owned(),
            ChartOrigin::Extra { .. } => format!("which {} sets", setting(ChartSetting::Values)),
        },
        Origin::DefaultOf(chart) => format!("a default of the chart {chart}"),
        Origin::AppVersion(chart) => {
            return format!("Its {part} is the appVersion of the chart {chart}; no value sets it.");
        }
        Origin::Unknown => "which a template or an imported value sets".to_owned(),
    };
    match path {
        Some(path) => format!("Its {part} is the value {path}, {from}."),
        None => format!(
            "No value has this {part}: the template names it itself, or makes it of several values."
        ),
    }
}

/// What the destination has.
pub(super) fn destination(
    entry: &Entry,
    background: Option<&Background>,
    context: &Context<'_>,
) -> Vec<String> {
    let (SourceState::Published(published), Some(seen)) =
        (&entry.observed.source, &entry.observed.destination)
    else {
        return Vec::new();
    };
    let place = format!(
        "{}/{}",
        context.registry, entry.observed.desired.destination
    );
    let state = match seen {
        Ok(state) => state,
        Err(problem) => return vec![format!("{place} could not be read: {problem}.")],
    };
    let mut sentences = state_of_tags(&place, state, published);
    let background = background.map(|one| (one, one.destination.as_ref()));
    match background {
        Some((background, Some(Ok(tags)))) => {
            sentences.extend(other_tags(tags, published, background.built));
        }
        Some((_, Some(Err(problem)))) => {
            sentences.push(format!("Its other tags could not be read: {problem}."));
        }
        Some((_, None)) | None => {}
    }
    sentences
}

fn state_of_tags(place: &str, state: &DestinationState, published: &SourceImage) -> Vec<String> {
    let DestinationState {
        digest,
        alias_digest,
        missing_child,
        locked,
        repository_tags,
    } = state;
    let tag = |tag: &Tag, found: &Option<Digest>| match found {
        Some(found) if *found == published.digest => {
            format!("{place} has the tag {tag} with the same digest.")
        }
        Some(found) => format!("{place} has the tag {tag}, but it is {}.", short(found)),
        None => format!("{place} has no tag {tag}."),
    };
    let mut sentences = vec![tag(&published.target, digest)];
    if let Some(alias) = &published.alias {
        sentences.push(tag(alias, alias_digest));
    }
    if let Some(child) = missing_child {
        sentences.push(format!(
            "It lacks the manifest {} for the platform, which the index names; a purge of untagged manifests deletes such manifests.",
            short(child)
        ));
    }
    if let Some(same) = repository_tags.as_ref().and_then(|tags| tags.same.as_ref()) {
        sentences.push(format!("Its tag {same} has the same digest."));
    }
    if let Some(problem) = locked {
        sentences.push(format!("{}.", capitalized(&problem.to_string())));
    }
    sentences
}

fn other_tags(
    tags: &DestinationTags,
    published: &SourceImage,
    built: Option<DateTime<Utc>>,
) -> Vec<String> {
    let DestinationTags {
        same,
        newest,
        has_tags,
    } = tags;
    let mut sentences = Vec::new();
    if !has_tags {
        sentences.push("The repository has no tags.".to_owned());
    }
    if !same.is_empty() {
        let same: Vec<_> = same.iter().map(Tag::as_str).collect();
        sentences.push(format!("The same digest has the tags {}.", same.join(", ")));
    }
    if let Some(newest) = newest {
        let NewestTag {
            tag,
            digest,
            pushed,
            built: newest_built,
        } = newest;
        let age = match (built, newest_built, pushed) {
            (Some(wanted), Some(newest), _) => format!(", built {}", compared(*newest, wanted)),
            (None, Some(newest), _) => format!(", built {}", day(*newest)),
            (_, None, Some(pushed)) => format!(", pushed {}", day(*pushed)),
            (_, None, None) => String::new(),
        };
        if *tag != published.target {
            let digest = short(digest);
            sentences.push(format!("Its newest other tag is {tag}: {digest}{age}."));
        } else if let Some(age) = age.strip_prefix(", ") {
            sentences.push(format!("That image was {age}."));
        }
    }
    sentences
}

/// The verdict, the step that follows, and since when the destination lacks the image.
pub(super) fn result(entry: &Entry, context: &Context<'_>) -> Vec<String> {
    let verdict = match &entry.verdict {
        Verdict::UpToDate => "up to date",
        Verdict::Missing => "missing",
        Verdict::Outdated => "outdated",
        Verdict::Drifted => "drifted: the destination has the tag with other content",
        Verdict::NotPublished(_) => "not published: there is nothing to sync",
        Verdict::Unknown(problem) => {
            return vec![format!("The result is not known: {problem}.")];
        }
    };
    let mut sentences = vec![format!("So the image is {verdict}.")];
    match &entry.evidence {
        Some(
            Evidence::SameDigestElsewhere { .. }
            | Evidence::BuiltAfterPush { .. }
            | Evidence::BuiltAfterBuild { .. }
            | Evidence::NotBuiltAfter { .. },
        ) => sentences.push(format!("{}.", capitalized(&entry.reason()))),
        // The state of the tags says it.
        Some(
            Evidence::SameDigest { .. }
            | Evidence::ManifestMissing { .. }
            | Evidence::OtherDigest { .. }
            | Evidence::TagMissing { .. },
        )
        | None => {}
    }
    match &entry.step {
        Step::Import(action) => {
            let targets: Vec<_> = action.targets.iter().map(ToString::to_string).collect();
            sentences.push(format!("A sync imports it as {}.", targets.join(" and ")));
        }
        Step::Blocked(_) => sentences.push("A sync cannot import it.".to_owned()),
        Step::Nothing => {}
    }
    if entry.verdict.needs_sync() {
        sentences.push(match entry.behind_at(context.now) {
            Some(behind) => format!("The destination is {}.", behind.text()),
            None => "Since when the destination lacks it is not known.".to_owned(),
        });
    }
    if let Some(note) = &entry.note {
        sentences.push(format!("{}.", capitalized(note)));
    }
    sentences
}

pub(super) fn short(digest: &Digest) -> String {
    format!("{}:{}…", digest.algorithm(), digest.short())
}

pub(super) fn day(date: DateTime<Utc>) -> String {
    date.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `6 days earlier` of a date, in comparison with another.
fn compared(date: DateTime<Utc>, other: DateTime<Utc>) -> String {
    let (difference, way) = match other - date {
        zero if zero.is_zero() => return "at the same time".to_owned(),
        earlier if earlier > TimeDelta::zero() => (earlier, "earlier"),
        later => (-later, "later"),
    };
    let (count, unit) = match difference {
        long if long >= TimeDelta::days(2) => (long.num_days(), "days"),
        hours if hours >= TimeDelta::hours(2) => (hours.num_hours(), "hours"),
        short => (short.num_minutes(), "minutes"),
    };
    format!("{count} {unit} {way}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_compared_in_a_fitting_unit() {
        let date = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let wanted = date("2026-09-10T12:00:00Z");
        for (other, text) in [
            ("2026-09-04T12:00:00Z", "6 days earlier"),
            ("2026-09-10T07:00:00Z", "5 hours earlier"),
            ("2026-09-10T12:30:00Z", "30 minutes later"),
            ("2026-09-10T12:00:00Z", "at the same time"),
        ] {
            assert_eq!(compared(date(other), wanted), text);
        }
    }

    #[test]
    fn sentences_begin_with_a_capital_unless_with_a_name() {
        assert_eq!(capitalized("built now"), "Built now");
        assert_eq!(capitalized("acr.example/x has"), "acr.example/x has");
        assert_eq!(capitalized(""), "");
    }
}
