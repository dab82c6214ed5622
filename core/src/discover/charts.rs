//! The images that a rendered chart names, at their places in the destination.

use chrono::{DateTime, Utc};

use super::chart_images::{ChartImage, LATEST, UnreadableImage, images};
use super::exclusion::{Excluded, without_excluded};
use super::reservation::{self, Owner};
use super::{Category, Desired, TagSelector, Undiscovered};
use crate::config::{ChartOrigin, ChartRequest, ChartSetting, Config};
use crate::name::{Digest, NameError, Repository, Tag};
use crate::problem::{Cause, Problem, Side};
use crate::text::for_message;

/// The images of a rendered chart, and those that are left out. `owners` are the CodeCollections whose repositories are reserved,
/// `started` is the time in date tags.
pub fn of_chart(
    config: &Config,
    chart: &ChartRequest,
    found: &helm::FoundImages,
    owners: &[Owner],
    started: DateTime<Utc>,
) -> (Vec<Desired>, Vec<Undiscovered>, Vec<Excluded>) {
    let helm::FoundImages {
        images: uses,
        matches,
    } = found;
    let mut undiscovered = unmatched_patterns(chart, matches);
    if uses.is_empty() {
        undiscovered.insert(0, without_images(chart));
        return (Vec::new(), undiscovered, Vec::new());
    }
    let (images, others) = images(uses);
    let mut all = Vec::new();
    undiscovered.extend(others.into_iter().map(|other| unreadable(chart, other)));
    for image in images {
        let name = image.source.repository.last_segment();
        match destination(config, chart, name) {
            Ok(destination) => {
                all.push(at_destination(config, chart, image, destination, started));
            }
            Err(error) => undiscovered.push(unreadable(
                chart,
                UnreadableImage {
                    text: image.source.to_string(),
                    reason: error.reason().to_owned(),
                    wanted_by: image.wanted_by,
                },
            )),
        }
    }
    let (kept, excluded) = without_excluded(config, all);
    let (desired, reserved) = reservation::without_reserved(config, owners, kept);
    undiscovered.extend(reserved);
    (desired, undiscovered, excluded)
}

/// The path of an image of this name at the destination.
fn destination(config: &Config, chart: &ChartRequest, name: &str) -> Result<Repository, NameError> {
    let path = &config.repository_path;
    match &chart.origin {
        ChartOrigin::Extra {
            destination: Some(below),
            ..
        } => path.join(&format!("{below}/{name}")),
        ChartOrigin::Extra {
            destination: None, ..
        }
        | ChartOrigin::RunWhenLocal => path.join(name),
    }
}

/// The chart itself, if its images are not known.
pub fn undiscovered_chart(chart: &ChartRequest, problem: Problem) -> Undiscovered {
    Undiscovered {
        category: chart.origin.category(),
        what: title(chart),
        destination: None,
        problem,
    }
}

/// Two charts of `EXTRA_CHARTS` may have the same name and source, with other values.
fn title(chart: &ChartRequest) -> String {
    let title = format!("chart {} of {}", chart.name, chart.source);
    match &chart.origin {
        ChartOrigin::RunWhenLocal => title,
        ChartOrigin::Extra { number, .. } => format!("{title} (chart {number} in EXTRA_CHARTS)"),
    }
}

/// A chart without images: the wrong chart, values that disable everything, or a resource that is not read.
fn without_images(chart: &ChartRequest) -> Undiscovered {
    let what = format!("the chart {} names no images", chart.name);
    let problem = Problem::new(Side::ChartRepository, Cause::Invalid, what);
    let settings = [ChartSetting::Name, ChartSetting::Values, ChartSetting::Set];
    let settings = chart.origin.settings(&settings);
    let advice = match &chart.origin {
        ChartOrigin::RunWhenLocal => {
            format!("check {settings}; set IMAGES=codecollection to skip the chart")
        }
        ChartOrigin::Extra { .. } => {
            format!(
                "check {settings}; a chart that names images in other places needs image_patterns"
            )
        }
    };
    undiscovered_chart(chart, problem.advise(advice))
}

/// The patterns that find nothing. The user expects images there, and which they are is not known.
fn unmatched_patterns(chart: &ChartRequest, matches: &[usize]) -> Vec<Undiscovered> {
    let numbers = matches.iter().zip(1_usize..);
    let unmatched = numbers.filter(|(count, _)| **count == 0);
    let undiscovered = |(_, number)| {
        let what = format!(
            "pattern {number} of the chart {} matches nothing in it",
            chart.name
        );
        let problem = Problem::new(Side::ChartRepository, Cause::Configuration, what);
        let settings = chart.origin.settings(&[ChartSetting::Patterns]);
        let advice =
            format!("correct {settings}, or remove a pattern that the chart no longer needs");
        Undiscovered {
            what: format!("pattern {number} of {}", title(chart)),
            ..undiscovered_chart(chart, problem.advise(advice))
        }
    };
    unmatched.map(undiscovered).collect()
}

fn at_destination(
    config: &Config,
    chart: &ChartRequest,
    image: ChartImage,
    destination: Repository,
    started: DateTime<Utc>,
) -> Desired {
    let ChartImage {
        source,
        tag,
        digest,
        wanted_by,
    } = image;
    let target = target(tag.as_ref(), digest.as_ref(), config.use_date_tag, started);
    let wanted = TagSelector::Image {
        tag,
        digest,
        target,
    };
    Desired {
        category: chart.origin.category(),
        source,
        wanted,
        destination,
        wanted_by,
        needs_its_tag: chart.origin.category() == Category::Extra,
    }
}

fn unreadable(chart: &ChartRequest, other: UnreadableImage) -> Undiscovered {
    let UnreadableImage {
        text,
        reason,
        wanted_by,
    } = other;
    let text = for_message(&chart.without_values(&text));
    let what = format!(
        "{text:?} cannot be read as an image: {reason} (used by {})",
        wanted_by.join("; ")
    );
    let problem = Problem::new(Side::ChartRepository, Cause::Invalid, what);
    let mut settings = vec![ChartSetting::Values, ChartSetting::Set];
    if !chart.patterns.is_empty() {
        settings.push(ChartSetting::Patterns);
    }
    let settings = chart.origin.settings(&settings);
    Undiscovered {
        what: text,
        ..undiscovered_chart(chart, problem.advise(format!("check {settings}")))
    }
}

pub(super) fn target(
    tag: Option<&Tag>,
    digest: Option<&Digest>,
    use_date_tag: bool,
    now: DateTime<Utc>,
) -> Tag {
    match (tag, digest) {
        (Some(tag), _) if use_date_tag && tag.as_str() == LATEST => {
            made_of(&now.format("%Y%m%d%H%M%S").to_string())
        }
        (Some(tag), _) => tag.clone(),
        (None, Some(digest)) => made_of(&format!("sha256-{}", digest.short())),
        (None, None) => made_of(LATEST),
    }
}

#[expect(
    clippy::expect_used,
    reason = "letters and digits with a dash between them are a valid tag"
)]
fn made_of(text: &str) -> Tag {
    text.parse().expect("a tag made of letters and digits")
}
