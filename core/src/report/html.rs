//! The report for a browser: one file, which needs no network and is readable without its script.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::command::Sentence;
use super::render::{RenderError, render};
use super::row::Found;
use super::short::common_folder;
use super::state::State;
use super::table::{self, NOTHING, Table, bytes, outcome, seconds, short_name, short_tag};
use super::timeline::{Timeline, timeline};
use super::{ActionResult, Change, Issue, NOWHERE, Report, Row, Transfer, exclusion, summary};
use crate::apply::Method;
use crate::discover::Category;
use crate::name::Digest;
use crate::problem::Problem;

const STYLE: &str = include_str!("templates/report.css");
const SCRIPT: &str = include_str!("templates/report.js");

#[derive(Serialize)]
struct Page<'a> {
    /// The content security policy: nothing but this style and this script.
    policy: String,
    style: &'a str,
    script: &'a str,
    title: String,
    headline: String,
    counts: String,
    /// The oldest known drift.
    drift: Option<String>,
    /// The line about `EXCLUDE_IMAGES`.
    excluded: Option<String>,
    mood: &'static str,
    program: &'a str,
    version: &'static str,
    started: String,
    duration: String,
    requests: u64,
    registry: String,
    registry_page: Option<&'a str>,
    states: Vec<Segment>,
    /// `None` for one registry.
    registries: Option<Table>,
    /// The login servers for the filter. Empty for one registry.
    servers: Vec<String>,
    issues: Vec<ShownIssue<'a>>,
    groups: Vec<Group>,
    timeline: Option<Timeline>,
    facts: [Table; 2],
}

/// The images in one state, as a part of the bar.
#[derive(Serialize)]
struct Segment {
    name: &'static str,
    label: &'static str,
    count: usize,
    x: usize,
    width: usize,
}

#[derive(Serialize)]
struct ShownIssue<'a> {
    severity: u8,
    meaning: &'static str,
    title: &'a str,
    actual: &'a str,
    steps: Vec<Sentence<'a>>,
    details: Vec<Sentence<'a>>,
}

#[derive(Serialize)]
struct Group {
    id: &'static str,
    title: String,
    images: Vec<Image>,
}

#[derive(Serialize)]
struct Image {
    state: &'static str,
    label: &'static str,
    /// The position by urgency, for sorting.
    rank: usize,
    name: String,
    /// The login server of its registry.
    server: String,
    tag: Option<String>,
    verdict: &'static str,
    outcome: Option<String>,
    /// The duration of the import, for sorting.
    seconds: f64,
    destination: String,
    changes: Vec<ShownChange>,
    reason: String,
    /// True if the run has changed what the reason says.
    is_past: bool,
    problem: Option<String>,
    advice: Option<String>,
    note: Option<String>,
    chain: Vec<Link>,
    wanted_by: Vec<String>,
}

/// A tag at the destination, with short digests.
#[derive(Serialize)]
struct ShownChange {
    /// `None` if the image has only one tag.
    tag: Option<String>,
    before: Short,
    /// `None` if the run did not change the tag.
    after: Option<Short>,
    /// The digest that a sync would set.
    wanted: Option<String>,
}

#[derive(Serialize)]
struct Short {
    digest: Option<String>,
    /// Replaces the digest.
    text: &'static str,
}

/// A line of the way of an image from its source to the destination.
#[derive(Serialize)]
struct Link {
    label: String,
    text: String,
    /// Set in a monospaced font, and selected as a whole.
    is_code: bool,
}

/// The report for a browser, in one file without references to others.
///
/// # Errors
/// Never with the built-in templates; a test renders them.
pub fn html(report: &Report) -> Result<String, RenderError> {
    let template = include_str!("templates/report.html.hbs");
    render(template, handlebars::html_escape, &page(report))
}

fn page(report: &Report) -> Page<'_> {
    Page {
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        ),
        style: STYLE,
        script: SCRIPT,
        title: format!("RunWhen images in {}", report.place()),
        headline: summary::headline(report),
        counts: summary::counts(report),
        drift: report.oldest_drift(),
        excluded: exclusion::line(report),
        mood: summary::mood(report),
        program: report.program,
        version: env!("CARGO_PKG_VERSION"),
        started: report.started.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        duration: seconds(report.duration),
        requests: report.hosts.values().map(|host| host.requests).sum(),
        registry: report.place(),
        registry_page: report.only_registry().and_then(|one| one.page.as_deref()),
        states: segments(report),
        registries: table::registries(report),
        servers: match report.only_registry() {
            Some(_) => Vec::new(),
            None => report
                .registries
                .iter()
                .map(|one| one.server.clone())
                .collect(),
        },
        issues: report.issues.iter().map(shown_issue).collect(),
        groups: Category::ALL
            .into_iter()
            .filter_map(|category| group(report, category))
            .collect(),
        timeline: timeline(report),
        facts: [table::settings(report), table::hosts(report)],
    }
}

/// The source of an inline style or script in the content security policy.
fn hash(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(hash))
}

/// The parts of the bar, whose whole length is 1000.
fn segments(report: &Report) -> Vec<Segment> {
    let total = report.rows.len().max(1);
    let mut before = 0;
    let states = State::ALL.into_iter().rev();
    let segment = |state: State| {
        let count = summary::count(report, state);
        let (from, to) = (before * 1000 / total, (before + count) * 1000 / total);
        before += count;
        (count > 0).then(|| Segment {
            name: state.name(),
            label: state.label(),
            count,
            x: from,
            width: to - from,
        })
    };
    states.filter_map(segment).collect()
}

fn shown_issue(issue: &Issue) -> ShownIssue<'_> {
    let details = issue.in_report.iter();
    ShownIssue {
        severity: issue.severity,
        meaning: match issue.severity {
            1 => "outage",
            2 => "major",
            3 => "minor",
            _ => "informational",
        },
        title: &issue.title,
        actual: &issue.actual,
        steps: issue.next_steps.lines().map(Sentence::new).collect(),
        details: details
            .map(|line| Sentence::new(line.trim_start_matches("- ")))
            .collect(),
    }
}

/// The images of one category, the most urgent first.
fn group(report: &Report, category: Category) -> Option<Group> {
    let rows = report.rows.iter().filter(|row| row.category == category);
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| State::of(row));
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.destination != NOWHERE) {
        let of_server = places.entry(report.server_of(row)).or_default();
        of_server.push(&row.destination);
    }
    let folders = places.into_iter();
    let folders = folders.map(|(server, places)| (server, common_folder(places.into_iter())));
    let folders: BTreeMap<_, _> = folders.collect();
    let images = rows.iter().enumerate();
    let images: Vec<_> = images
        .map(|(rank, row)| {
            let server = report.server_of(row);
            let folder = folders.get(server).copied().flatten();
            Image {
                server: server.to_owned(),
                ..image(rank, row, folder)
            }
        })
        .collect();
    (!images.is_empty()).then(|| Group {
        id: category.name(),
        title: table::title(report, category),
        images,
    })
}

fn image(rank: usize, row: &Row, folder: Option<&str>) -> Image {
    let state = State::of(row);
    let problem = row.problem();
    let fact = problem.map(Problem::fact);
    let transfer = row.transfer.as_ref();
    Image {
        state: state.name(),
        label: state.label(),
        rank,
        name: short_name(row, folder),
        server: String::new(),
        tag: Some(short_tag(row)).filter(|tag| tag != NOTHING),
        verdict: row.verdict.name(),
        outcome: outcome(row),
        seconds: transfer.map_or(0.0, |transfer| transfer.duration.as_secs_f64()),
        destination: row.destination.clone(),
        changes: row.changes.iter().map(|one| change(row, one)).collect(),
        reason: row.reason.clone(),
        is_past: matches!(state, State::Imported | State::Uncertain),
        problem: fact.filter(|fact| *fact != row.reason),
        advice: problem.and_then(|problem| problem.advice.clone()),
        note: row.note.clone(),
        chain: chain(row),
        wanted_by: row.wanted_by.clone(),
    }
}

fn change(row: &Row, change: &Change) -> ShownChange {
    let short = |found: &Found| match found {
        Found::Absent => Short {
            digest: None,
            text: "no such tag",
        },
        Found::Digest(digest) => Short {
            digest: Some(digest.short().to_owned()),
            text: "",
        },
        Found::Unknown => Short {
            digest: None,
            text: "not known",
        },
    };
    let is_same = change.before == change.after;
    let wanted = row.digest.as_ref().map(|digest| digest.short().to_owned());
    ShownChange {
        tag: (row.changes.len() > 1).then(|| change.tag.to_string()),
        before: short(&change.before),
        after: (!is_same).then(|| short(&change.after)),
        wanted: wanted.filter(|_| is_same && row.verdict.needs_sync()),
    }
}

/// The way of an image: its source, its digests and its transfer, with nothing shortened.
fn chain(row: &Row) -> Vec<Link> {
    let code = |label: &str, text: String| Link {
        label: label.to_owned(),
        text,
        is_code: true,
    };
    let mut chain = vec![code("Source", row.source.clone())];
    chain.extend(row.behind_since.map(|behind| text("Drift", behind.text())));
    let digest = row.digest.as_ref().map(Digest::to_string);
    chain.extend(digest.map(|digest| code("Digest at the source", digest)));
    chain.push(code("Destination", row.destination.clone()));
    for Change { tag, before, after } in &row.changes {
        let link = |when: &str, found: &Found| match found {
            Found::Digest(digest) => code(&format!("{tag} {when}"), digest.to_string()),
            Found::Absent => text(&format!("{tag} {when}"), "the tag does not exist"),
            Found::Unknown => text(&format!("{tag} {when}"), "not known"),
        };
        chain.push(link("before the run", before));
        chain.push(link("after the run", after));
    }
    let transfer = row.transfer.iter();
    chain.extend(transfer.flat_map(|transfer| way(transfer, &row.done)));
    chain
}

fn text(label: &str, text: impl Into<String>) -> Link {
    Link {
        label: label.to_owned(),
        text: text.into(),
        is_code: false,
    }
}

fn way(transfer: &Transfer, done: &ActionResult) -> Vec<Link> {
    let took = format!(
        "from {} to {} of the run",
        seconds(transfer.begun),
        seconds(transfer.begun + transfer.duration)
    );
    let mut links = match transfer.method {
        Method::Import => {
            let ended = match done {
                ActionResult::Imported(_) => "imported by Azure",
                ActionResult::Uncertain { .. } => "imported by Azure and not confirmed",
                ActionResult::Failed { .. } => "import by Azure, which failed",
                ActionResult::Nothing | ActionResult::NotRequested => "not imported",
            };
            vec![text("Way", format!("{ended}, {took}"))]
        }
        Method::Copy(copied) => {
            let parts = format!(
                "{} sent ({}/s), {} mounted, {} already there",
                bytes(copied.bytes_sent),
                bytes(transfer.bytes_per_second(copied)),
                bytes(copied.bytes_mounted),
                bytes(copied.bytes_skipped)
            );
            vec![text("Way", format!("copied, {took}")), text("Bytes", parts)]
        }
    };
    let fallback = transfer.fallback.as_ref();
    links.extend(fallback.map(|problem| text("Not imported because", problem.fact())));
    if transfer.referrers.copied > 0 {
        let count = transfer.referrers.copied.to_string();
        links.push(text("Signatures and other artifacts", count));
    }
    links
}
