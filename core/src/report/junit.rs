//! The report for pipelines, in the format of JUnit: a test suite for each category of each registry, a test case for each image.

use std::time::Duration;

use serde::Serialize;

use super::render::{RenderError, render};
use super::state::State;
use super::table::image_name;
use super::{Report, Row};
use crate::discover::Category;

#[derive(Serialize)]
struct Page {
    name: String,
    counts: Counts,
    seconds: String,
    started: String,
    suites: Vec<Suite>,
}

#[derive(Serialize)]
struct Suite {
    name: String,
    counts: Counts,
    seconds: String,
    started: String,
    cases: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    suite: String,
    name: String,
    seconds: String,
    kind: Kind,
    /// The state of the image.
    label: &'static str,
    message: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Passed,
    /// The image needs a sync.
    Failure,
    /// It is not known whether the image needs a sync.
    Error,
    Skipped,
}

#[derive(Default, Serialize)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

/// The report as XML for the test results of a pipeline.
///
/// # Errors
/// Never with the built-in template; a test renders it.
pub fn junit(report: &Report) -> Result<String, RenderError> {
    render(
        include_str!("templates/report.junit.xml.hbs"),
        escape_xml,
        &page(report),
    )
}

fn page(report: &Report) -> Page {
    let suites: Vec<_> = match report.only_registry() {
        Some(_) => suites(report, ""),
        None => {
            let parts = report.by_registry().into_iter();
            parts
                .flat_map(|part| suites(&part, &part.place()))
                .collect()
        }
    };
    Page {
        name: format!("RunWhen images in {}", report.place()),
        counts: counts(suites.iter().flat_map(|suite| &suite.cases)),
        seconds: seconds(report.duration),
        started: started(report),
        suites,
    }
}

/// A suite for each category. `place` is the registry if there are several.
fn suites(report: &Report, place: &str) -> Vec<Suite> {
    let categories = Category::ALL.into_iter();
    categories
        .filter_map(|category| suite(report, category, place))
        .collect()
}

fn suite(report: &Report, category: Category, place: &str) -> Option<Suite> {
    let rows = report.rows.iter().filter(|row| row.category == category);
    let (in_place, of_place) = match place {
        "" => (String::new(), String::new()),
        place => (format!(" in {place}"), format!(".{place}")),
    };
    let class = format!("{}{of_place}", category.name());
    let cases: Vec<_> = rows.map(|row| case(row, &class)).collect();
    (!cases.is_empty()).then(|| Suite {
        name: format!("{} images{in_place}", category.title()),
        counts: counts(cases.iter()),
        seconds: seconds(report.duration),
        started: started(report),
        cases,
    })
}

/// `class` is the part of the name that its suite has too.
fn case(row: &Row, class: &str) -> Case {
    let state = State::of(row);
    let advice = row.problem().and_then(|problem| problem.advice.clone());
    let advice = advice.or_else(|| row.note.clone());
    let place = format!("From {} to {}", row.source, row.destination);
    let took = row.transfer.as_ref().map(|transfer| transfer.duration);
    Case {
        suite: class.to_owned(),
        name: image_name(row),
        seconds: seconds(took.unwrap_or_default()),
        kind: match state {
            State::Failed | State::Waiting => Kind::Failure,
            State::Unknown | State::Uncertain => Kind::Error,
            State::NotPublished => Kind::Skipped,
            State::Imported | State::UpToDate => Kind::Passed,
        },
        label: state.label(),
        message: row.why(),
        text: match advice {
            Some(advice) => format!("{place}\nWhat to do: {advice}"),
            None => place,
        },
    }
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case>) -> Counts {
    let mut counts = Counts::default();
    for case in cases {
        counts.tests += 1;
        match case.kind {
            Kind::Passed => {}
            Kind::Failure => counts.failures += 1,
            Kind::Error => counts.errors += 1,
            Kind::Skipped => counts.skipped += 1,
        }
    }
    counts
}

fn started(report: &Report) -> String {
    report.started.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// The text as XML. Characters that a document of XML 1.0 must not contain, not even as references, are left out.
fn escape_xml(text: &str) -> String {
    let is_allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().filter(is_allowed).collect();
    handlebars::html_escape(&text)
}
