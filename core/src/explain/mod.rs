//! Why an image has its verdict, in plain words. Pure: a function of the plan and of what was read besides.

mod passed_tags;
mod render;
mod select;
mod sentences;
mod values;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::background::{Background, DestinationTags, ReadChart};
use crate::config::ChartOrigin;
use crate::discover::chart_images;
use crate::discover::{Category, Exclusions, TagSelector, Undiscovered};
use crate::name::{Digest, full_name};
use crate::observe::{DestinationState, Follows, PassedOver, SourceState};
use crate::plan::{Entry, Plan, Verdict};
use crate::platform::Platform;
use crate::problem::Problem;
use crate::text::for_message;

pub use render::{json, markdown, text};
use select::nearest;
use values::Given;
pub use values::{Origin, Part, ValueUse};

/// The facts that all images of a run have in common.
pub struct Context<'a> {
    /// The registry's login server.
    pub registry: &'a str,
    pub platform: &'a Platform,
    /// The start of the run.
    pub now: DateTime<Utc>,
}

/// The explanations of the images of one registry.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The registry's login server.
    pub registry: String,
    pub images: Vec<Explanation>,
}

/// The explanation of one image.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub name: String,
    pub category: Category,
    pub source: String,
    pub destination: String,
    pub verdict: &'static str,
    /// What the verdict follows from, as in a report.
    pub reason: String,
    /// What selects the image; `None` for one that is named by its tag or digest.
    pub follows: Option<Follows>,
    pub behind_since: Option<DateTime<Utc>>,
    /// Sentences, with short digests.
    pub sections: Vec<Section>,
    /// `None` if it was not read.
    pub passed_over: Option<PassedOver>,
    /// `None` if it was not read.
    pub destination_tags: Option<DestinationTags>,
    /// The workloads of the chart that use it. Empty if they were not read.
    pub uses: Vec<Use>,
    /// The digests that the sentences shorten, each once.
    pub digests: Vec<Digest>,
    /// True if something could not be checked.
    #[serde(skip)]
    pub is_unknown: bool,
}

/// A part of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub title: &'static str,
    pub sentences: Vec<String>,
}

/// A workload of the chart that uses an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    pub kind: String,
    pub name: String,
    pub container: Option<String>,
    /// The path of the image in the resource.
    pub path: String,
    /// The path of the chart or subchart.
    pub chart: String,
    pub template: String,
    /// The values that the image's name comes from. Empty if they are not known.
    pub values: Vec<ValueUse>,
    /// Where the root chart is configured.
    #[serde(skip)]
    pub origin: ChartOrigin,
}

/// The result of `explain`.
#[derive(Clone, Debug)]
pub enum Explained {
    /// The images that the name means, or all of them. A registry without such an image is left out.
    Images(Vec<Chapter>),
    /// There is no such image.
    NoSuchImage {
        name: String,
        nearest: Vec<String>,
        /// The names of `EXCLUDE_IMAGES` that leave it out. Empty if none does.
        excluded_by: Vec<String>,
        /// Why the image may exist: the chart or the catalog could not be read.
        undiscovered: Vec<Problem>,
    },
    /// The names of several images end with this text.
    Ambiguous { text: String, names: Vec<String> },
}

/// What a name means.
pub enum Meant<'a> {
    /// Images of one name, perhaps with several tags, for each registry.
    Images(Vec<Vec<&'a Entry>>),
    /// No image, or several.
    Nothing(Explained),
}

/// The images that a name means in the plans of these registries. If it is not the name of any image, it may be the end of one.
pub fn meant<'a>(plans: &[(&str, &'a Plan)], exclusions: &Exclusions, name: &str) -> Meant<'a> {
    let of_each = |find: fn(&'a Plan, &str, &str) -> Vec<&'a Entry>| -> Vec<Vec<&'a Entry>> {
        let found = plans
            .iter()
            .map(|(registry, plan)| find(plan, registry, name));
        found.collect()
    };
    let matching = of_each(select::matching);
    if matching.iter().any(|entries| !entries.is_empty()) {
        return Meant::Images(matching);
    }
    let first = plans.first();
    let registry = first.map_or("", |(registry, _)| registry);
    let excluded_by = select::excluded_by(&exclusions.excluded, registry, name);
    let ending = of_each(select::ending);
    let names: BTreeSet<_> = ending
        .iter()
        .flatten()
        .map(|one| select::short_name(one))
        .collect();
    if excluded_by.is_empty() && names.len() > 1 {
        return Meant::Nothing(Explained::Ambiguous {
            text: for_message(name),
            names: names.into_iter().collect(),
        });
    }
    let undiscovered = first.map_or(&[][..], |(_, plan)| &plan.undiscovered);
    // The name of an image that is not known may have the same end.
    if excluded_by.is_empty() && names.len() == 1 && undiscovered.is_empty() {
        return Meant::Images(ending);
    }
    Meant::Nothing(Explained::NoSuchImage {
        name: for_message(name),
        nearest: first.map_or_else(Vec::new, |(_, plan)| nearest(plan, name)),
        excluded_by,
        undiscovered: undiscovered.iter().map(|one| one.problem.clone()).collect(),
    })
}

/// Explains every image in a few sentences, from what a check read.
pub fn briefly(plan: &Plan, context: &Context<'_>) -> Vec<Explanation> {
    let entries = plan.entries.iter();
    let known = entries.map(|entry| explanation(entry, None, None, context));
    let undiscovered = plan.undiscovered.iter().map(of_undiscovered);
    known.chain(undiscovered).collect()
}

/// Explains one image in full.
pub fn in_full(
    entry: &Entry,
    background: &Background,
    charts: &[ReadChart<'_>],
    context: &Context<'_>,
) -> Explanation {
    explanation(entry, Some(background), Some(charts), context)
}

fn explanation(
    entry: &Entry,
    background: Option<&Background>,
    charts: Option<&[ReadChart<'_>]>,
    context: &Context<'_>,
) -> Explanation {
    let desired = &entry.observed.desired;
    let published = entry.observed.source.published();
    let target = published.map(|published| &published.target);
    let read = charts.unwrap_or_default().iter();
    let uses: Vec<_> = read.flat_map(|chart| uses(entry, chart)).collect();
    let passed_over = background.and_then(|one| one.passed_over.as_ref());
    let destination_tags = background.and_then(|one| one.destination.as_ref());
    let ok = |result: &Result<PassedOver, Problem>| result.as_ref().ok().cloned();
    Explanation {
        name: select::short_name(entry),
        category: desired.category,
        source: full_name(
            &desired.source,
            published.and_then(|published| published.tag.as_ref()),
            None,
        ),
        destination: full_name(
            &format!("{}/{}", context.registry, desired.destination),
            target,
            None,
        ),
        verdict: entry.verdict.name(),
        reason: entry.reason(),
        follows: published.and_then(|published| published.follows.clone()),
        behind_since: entry.behind_at(context.now).map(|behind| behind.since),
        digests: digests(entry, background),
        sections: sections(entry, background, &uses, charts, context),
        passed_over: passed_over.and_then(ok),
        destination_tags: destination_tags.and_then(|result| result.as_ref().ok().cloned()),
        uses,
        is_unknown: matches!(entry.verdict, Verdict::Unknown(_)),
    }
}

/// The sections that have sentences.
fn sections(
    entry: &Entry,
    background: Option<&Background>,
    uses: &[Use],
    charts: Option<&[ReadChart<'_>]>,
    context: &Context<'_>,
) -> Vec<Section> {
    let passed_over = background.and_then(|one| one.passed_over.as_ref());
    let mut sections = vec![
        Section {
            title: "Source",
            sentences: sentences::source(entry, background, context),
        },
        Section {
            title: "Tags that were not taken",
            sentences: passed_over.map_or_else(Vec::new, |passed| {
                passed_tags::sentences(&entry.observed.desired.wanted, passed)
            }),
        },
        Section {
            title: "Used by",
            sentences: sentences::used_by(entry, uses, charts),
        },
        Section {
            title: "Destination",
            sentences: sentences::destination(entry, background, context),
        },
        Section {
            title: "Result",
            sentences: sentences::result(entry, context),
        },
    ];
    sections.retain(|section| !section.sentences.is_empty());
    sections
}

fn of_undiscovered(undiscovered: &Undiscovered) -> Explanation {
    let Undiscovered {
        category,
        what,
        destination,
        problem,
    } = undiscovered;
    let destination = destination.as_ref();
    Explanation {
        name: for_message(what),
        category: *category,
        source: for_message(what),
        destination: destination
            .map(|(repository, tag)| full_name(repository, Some(tag), None))
            .unwrap_or_default(),
        verdict: "Unknown",
        reason: problem.fact(),
        follows: None,
        behind_since: None,
        sections: vec![Section {
            title: "Result",
            sentences: vec![format!("Its images are not known: {problem}.")],
        }],
        passed_over: None,
        destination_tags: None,
        uses: Vec::new(),
        digests: Vec::new(),
        is_unknown: true,
    }
}

/// The workloads of a chart that use the image.
fn uses(entry: &Entry, chart: &ReadChart<'_>) -> Vec<Use> {
    let ReadChart { request, content } = chart;
    let desired = &entry.observed.desired;
    let (TagSelector::Image { tag, digest, .. }, Ok(content)) = (&desired.wanted, content) else {
        return Vec::new();
    };
    let is_here = |one: &helm::ImageUse| match &request.origin {
        ChartOrigin::RunWhenLocal => true,
        // Another chart may have the same image at another destination.
        ChartOrigin::Extra { .. } => {
            let described = chart_images::describe(&one.used_by);
            desired.wanted_by.contains(&described)
        }
    };
    let is_meant = |one: &&helm::ImageUse| {
        let parsed = chart_images::parse(one.image.trim());
        parsed.is_ok_and(|(source, own_tag, own_digest)| {
            (&source, &own_tag, &own_digest) == (&desired.source, tag, digest) && is_here(one)
        })
    };
    let given = Given {
        set: request.set.tree(),
        all: request.values.tree(),
    };
    let of_use = |one: &helm::ImageUse| {
        let helm::UsedBy {
            kind,
            name,
            container,
            path,
            chart,
            template,
        } = &one.used_by;
        Use {
            kind: for_message(kind),
            name: for_message(name),
            container: container.as_deref().map(for_message),
            path: for_message(path),
            chart: for_message(chart),
            template: for_message(template),
            values: values::of_image(one.image.trim(), chart, &content.values, given),
            origin: request.origin.clone(),
        }
    };
    content.images.iter().filter(is_meant).map(of_use).collect()
}

/// The digests that sentences mention.
fn digests(entry: &Entry, background: Option<&Background>) -> Vec<Digest> {
    let mut found = Vec::new();
    if let SourceState::Published(published) = &entry.observed.source {
        found.push(published.digest.clone());
        if let Some(Follows::MovingTag { digest, .. }) = &published.follows {
            found.push(digest.clone());
        }
    }
    if let Some(Ok(DestinationState {
        digest,
        alias_digest,
        missing_child,
        locked: _,
        repository_tags: _,
    })) = &entry.observed.destination
    {
        let known = [digest, alias_digest, missing_child];
        found.extend(known.into_iter().flatten().cloned());
    }
    if let Some(Background {
        passed_over,
        destination,
        built: _,
    }) = background
    {
        if let Some(Ok(passed)) = passed_over {
            found.extend(passed.tags.iter().filter_map(|tag| tag.digest.clone()));
        }
        if let Some(Ok(tags)) = destination {
            found.extend(tags.newest.iter().map(|newest| newest.digest.clone()));
        }
    }
    let mut once: Vec<Digest> = Vec::new();
    for digest in found {
        if !once.contains(&digest) {
            once.push(digest);
        }
    }
    once
}
