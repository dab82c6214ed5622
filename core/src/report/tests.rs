//! Every format of reports whose images are in every state, with any text in them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;

use super::state::State;
use super::timeline::timeline;
use super::*;
use crate::apply::{Copied, Method, Referrers};
use crate::category::Category;
use crate::discover::Absence;
use crate::name::{Digest, Tag};
use crate::plan::{Basis, Behind, Verdict};
use crate::problem::{Cause, Problem, Side};

/// The texts of services that a row shows.
const HOSTILE: &str = "a|b <script>x</script> & \"c\" 'd' \u{1b}[2J\u{0}\u{fffe} [x](y) ]]> `z` #";

fn digest(byte: u8) -> Digest {
    format!("sha256:{}", format!("{byte:02x}").repeat(32))
        .parse()
        .unwrap()
}

fn transfer(method: Method, begun: u64) -> Transfer {
    Transfer {
        method,
        fallback: matches!(method, Method::Copy(_)).then(|| problem("the import was refused")),
        referrers: Referrers::default(),
        begun: Duration::from_millis(begun),
        duration: Duration::from_millis(1500),
    }
}

fn problem(text: &str) -> Problem {
    Problem {
        side: Side::ResourceManager,
        cause: Cause::Rejected,
        what: text.to_owned(),
        advice: Some(format!("unlock it with 'az acr x': {text}")),
        may_have_acted: false,
    }
}

/// A row whose image ends in this state.
fn row(state: State, text: &str) -> Row {
    let took = Duration::from_millis(1500);
    let absence = Absence {
        reason: text.to_owned(),
        advice: text.to_owned(),
    };
    let (verdict, done) = match state {
        State::Failed => (
            Verdict::Missing,
            ActionResult::Failed {
                problem: problem(text),
                duration: Some(took),
            },
        ),
        State::Unknown => (Verdict::Unknown(problem(text)), ActionResult::Nothing),
        State::Uncertain => (
            Verdict::Outdated,
            ActionResult::Uncertain {
                problem: problem(text),
                duration: took,
            },
        ),
        State::Waiting => (Verdict::Drifted, ActionResult::NotRequested),
        State::NotPublished => (Verdict::NotPublished(absence), ActionResult::Nothing),
        State::Imported => (Verdict::Drifted, ActionResult::Imported(took)),
        State::UpToDate => (Verdict::UpToDate, ActionResult::Nothing),
    };
    let method = Method::Copy(Copied::default());
    let tag: Tag = "1.2".parse().unwrap();
    Row {
        target: TargetId(0),
        category: Category::RunWhenLocal,
        slug: None,
        source: format!("ghcr.io/x/{}:1.2", state.name()),
        tag: Some(tag.clone()),
        digest: Some(digest(0xab)),
        destination: format!("myacr.azurecr.io/runwhen/{}:1.2", state.name()),
        previous: vec![(tag.clone(), digest(0xcd))],
        changes: vec![Change {
            tag,
            before: Found::Digest(digest(0xcd)),
            after: Found::Absent,
        }],
        reason: text.to_owned(),
        evidence: None,
        behind_since: None,
        transfer: (!matches!(done, ActionResult::Nothing)).then(|| transfer(method, 200)),
        verdict,
        done,
        wanted_by: vec![text.to_owned()],
        note: Some(text.to_owned()),
        blocked: None,
    }
}

fn registry(position: usize, name: &str) -> RegistryInfo {
    RegistryInfo {
        target: TargetId(position),
        name: name.to_owned(),
        server: format!("{name}.azurecr.io"),
        resource_name: name.to_owned(),
        page: None,
    }
}

fn report(states: &[State], text: &str) -> Report {
    let mut report = Report {
        program: "taskset",
        folder: FOLDER.to_owned(),
        command: "taskset".to_owned(),
        registries: vec![registry(0, "myacr")],
        chart: Some("runwhen-local 0.6.7".to_owned()),
        extra_charts: Vec::new(),
        exclusions: Exclusions::default(),
        started: DateTime::UNIX_EPOCH,
        duration: Duration::from_millis(2345),
        check_duration: Duration::from_millis(200),
        fail_on_outdated: false,
        is_of_bundle: false,
        rows: states.iter().map(|state| row(*state, text)).collect(),
        issues: Vec::new(),
        settings: vec![("REGISTRY_NAME", text.to_owned())],
        hosts: BTreeMap::new(),
    };
    report.issues = issue::issues(&report);
    report
}

/// Two registries: the first has all images, and the second has not.
pub(crate) fn fleet(text: &str) -> Report {
    let mut report = report(&[State::UpToDate], text);
    report.registries.push(registry(1, "second"));
    report.rows.extend(State::ALL.map(|state| Row {
        target: TargetId(1),
        destination: format!("second.azurecr.io/runwhen/{}:1.2", state.name()),
        ..row(state, text)
    }));
    report.issues = issue::issues(&report);
    report
}

#[test]
fn report_of_two_registries_has_a_part_for_each_in_every_format() {
    let report = fleet("a reason");
    let servers = ["myacr.azurecr.io", "second.azurecr.io"];
    let markdown = markdown(&report).unwrap();
    assert!(markdown.starts_with("# RunWhen images in 2 registries\n"));
    let html = html(&report).unwrap();
    let junit = junit(&report).unwrap();
    let metrics = metrics(&report, report.status());
    for (server, name) in servers.into_iter().zip(["myacr", "second"]) {
        assert!(markdown.contains(&format!("| {server} ")), "{markdown}");
        assert!(html.contains(&format!("<option>{server}</option>")));
        assert!(junit.contains(&format!("images in {server}\"")), "{junit}");
        let label = format!("acr_sync_last_run_exit_code{{program=\"taskset\",registry=\"{name}\"");
        assert!(metrics.contains(&label), "{metrics}");
    }
    let text = text(&report);
    assert!(
        text.contains("\nmyacr.azurecr.io: The image is in sync.\n"),
        "{text}"
    );
    let whole: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(whole["registries"][0]["needs_sync"], 0);
    assert_eq!(
        whole["registries"][1]["needs_sync"],
        serde_json::Value::Null
    );
    assert_eq!(whole["registry"], serde_json::Value::Null);
}

#[test]
fn issue_names_the_registries_that_have_its_cause() {
    let mut report = fleet("a reason");
    let titles = |report: &Report| {
        let titles = report.issues.iter().map(|issue| issue.title.clone());
        titles.collect::<Vec<_>>().join("\n")
    };
    assert!(
        titles(&report).contains("to ACR second.azurecr.io"),
        "{}",
        titles(&report)
    );
    assert!(
        !titles(&report).contains("2 registries"),
        "{}",
        titles(&report)
    );
    let waiting = row(State::Waiting, "a reason");
    report.rows.push(waiting);
    report.issues = issue::issues(&report);
    assert!(
        titles(&report).contains("needs a sync to both registries"),
        "{}",
        titles(&report)
    );
}

#[test]
fn state_of_each_row_is_the_one_that_it_was_made_for() {
    for state in State::ALL {
        assert_eq!(State::of(&row(state, "")), state);
    }
}

#[test]
fn headline_says_what_needs_attention() {
    use State::{Failed, Imported, NotPublished, Uncertain, Unknown, UpToDate, Waiting};
    let unknown = "How many images need a sync is not known.";
    for (states, headline) in [
        (&[][..], "There was nothing to check.".to_owned()),
        (&[UpToDate], "The image is in sync.".to_owned()),
        (
            &[Imported, UpToDate],
            "All 2 images are in sync.".to_owned(),
        ),
        (&[Waiting], "The image needs a sync.".to_owned()),
        (
            &[Waiting, UpToDate],
            "1 of 2 images needs a sync.".to_owned(),
        ),
        (&[Waiting, Waiting], "All 2 images need a sync.".to_owned()),
        (
            &[NotPublished, Imported],
            "All published images are in sync; 1 image is not published.".to_owned(),
        ),
        (
            &[NotPublished],
            format!("No RunWhen Local image is published. {unknown}"),
        ),
        (&[Failed], "The image could not be imported.".to_owned()),
        (
            &[Failed, Waiting, UpToDate],
            "1 of 3 images could not be imported.".to_owned(),
        ),
        (
            &[Unknown, Unknown],
            format!("None of the 2 images could be checked. {unknown}"),
        ),
        (
            &[Failed, Uncertain, Unknown, UpToDate],
            format!(
                "1 of 4 images could not be imported, 1 could not be confirmed after the import, 1 could not be checked. {unknown}"
            ),
        ),
    ] {
        assert_eq!(
            summary::headline(&report(states, "")),
            headline,
            "{states:?}"
        );
    }
}

#[test]
fn page_shows_every_state_and_escapes_texts() {
    let page = html(&report(&State::ALL, HOSTILE)).unwrap();
    for state in State::ALL {
        assert!(page.contains(&format!("data-state=\"{}\"", state.name())));
    }
    assert_eq!(page.matches("<script>").count(), 1);
    for shown in [
        &digest(0xab).to_string(),
        &digest(0xcd).to_string(),
        "myacr.azurecr.io/runwhen/failed:1.2",
        "ghcr.io/x/failed:1.2",
        "a|b &lt;script&gt;",
        "Not imported because",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn page_without_images_is_whole() {
    let page = html(&report(&[], "")).unwrap();
    assert!(page.contains("There was nothing to check."), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
}

#[test]
fn link_to_the_portal_is_shown_if_the_page_is_known() {
    let mut report = report(&[State::UpToDate], "");
    assert!(!html(&report).unwrap().contains("portal"));
    report.registries[0].page = Some("https://portal.azure.com/#resource/a".to_owned());
    let page = html(&report).unwrap();
    assert!(
        page.contains("href=\"https://portal.azure.com/#resource/a\""),
        "{page}"
    );
}

#[test]
fn bars_of_the_timeline_are_on_its_axis() {
    let timeline = timeline(&report(&[State::Imported, State::Failed], "")).unwrap();
    let bars = timeline
        .bars
        .iter()
        .map(|bar| (bar.state, bar.x, bar.width));
    let bars: Vec<_> = bars.collect();
    // 200 ms and 1700 ms of 2345 ms.
    assert_eq!(
        bars,
        [("check", 0, 85), ("imported", 85, 639), ("failed", 85, 639)]
    );
    assert_eq!(timeline.end, "2.3 s");
    assert!(super::timeline::timeline(&report(&[State::UpToDate], "")).is_none());
}

#[test]
fn pipeline_gets_a_failure_an_error_or_a_skip_for_each_state() {
    let text = junit(&report(&State::ALL, HOSTILE)).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let outcome = |name: &str| {
        let mut cases = document
            .descendants()
            .filter(|node| node.has_tag_name("testcase"));
        let case = cases.find(|case| case.attribute("name") == Some(&format!("{name}:1.2")));
        let outcome = case.unwrap().first_element_child();
        outcome.map(|outcome| outcome.tag_name().name().to_owned())
    };
    for (state, expected) in [
        (State::Failed, Some("failure")),
        (State::Unknown, Some("error")),
        (State::Uncertain, Some("error")),
        (State::Waiting, Some("failure")),
        (State::NotPublished, Some("skipped")),
        (State::Imported, None),
        (State::UpToDate, None),
    ] {
        assert_eq!(outcome(state.name()).as_deref(), expected, "{state:?}");
    }
    let suites = document
        .descendants()
        .filter(|node| node.has_tag_name("testsuite"));
    let suites: Vec<_> = suites.collect();
    assert_eq!(suites.len(), 1);
    for (name, count) in [
        ("tests", "7"),
        ("failures", "2"),
        ("errors", "2"),
        ("skipped", "1"),
    ] {
        assert_eq!(suites[0].attribute(name), Some(count), "{name}");
    }
}

#[test]
fn number_that_is_not_known_has_no_sample() {
    let known = metrics(
        &report(&[State::Waiting, State::UpToDate], "x"),
        Status::Complete,
    );
    let name = "acr_sync_outdated_images{program=\"taskset\",registry=\"myacr\"";
    assert!(
        known
            .lines()
            .any(|line| line.starts_with(name) && line.ends_with("} 1")),
        "{known}"
    );
    let unknown = metrics(
        &report(&[State::Unknown, State::Waiting], "x"),
        Status::Unknown,
    );
    let sample = |line: &str| !line.starts_with('#') && line.contains("outdated_images");
    assert!(!unknown.lines().any(sample), "{unknown}");
    for end in [
        "verdict=\"Unknown\"} 1",
        "verdict=\"Drifted\"} 1",
        "images=\"\"} 3",
    ] {
        assert!(
            unknown.lines().any(|line| line.ends_with(end)),
            "{end}\n{unknown}"
        );
    }
}

#[test]
fn oldest_drift_is_in_seconds_and_absent_if_it_is_not_known() {
    let value = |report: &Report| {
        let text = metrics(report, Status::Complete);
        let mut lines = text.lines();
        let sample = lines.find(|line| line.starts_with("acr_sync_oldest_drift_seconds{"));
        sample.and_then(|line| line.rsplit(' ').next()?.parse::<i64>().ok())
    };
    let mut drifted = report(&[State::Waiting, State::Waiting], "x");
    for row in &mut drifted.rows {
        row.behind_since = None;
    }
    assert_eq!(value(&drifted), None);
    for (row, seconds) in drifted.rows.iter_mut().zip([90, 5_401]) {
        row.behind_since = Some(Behind {
            since: drifted.started - chrono::TimeDelta::seconds(seconds),
            basis: Basis::Built,
        });
    }
    assert_eq!(value(&drifted), Some(5_401));
    assert_eq!(value(&report(&[State::UpToDate], "x")), Some(0));
    assert_eq!(value(&report(&[State::Unknown], "x")), None);
}

#[test]
fn every_image_is_counted_under_one_verdict() {
    let text = metrics(&report(&State::ALL, ""), Status::Unknown);
    let samples = text
        .lines()
        .filter(|line| line.starts_with("acr_sync_images{"));
    let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    assert_eq!(values.sum::<usize>(), State::ALL.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn report_for_pipelines_is_xml_whatever_the_texts_contain(text in any::<String>()) {
        let xml = junit(&report(&State::ALL, &text)).unwrap();
        let parsed = roxmltree::Document::parse(&xml);
        prop_assert!(parsed.is_ok(), "{parsed:?}\n{xml}");
    }

    #[test]
    fn sample_is_one_line_whatever_the_labels_contain(text in any::<String>()) {
        let lines = metrics(&report(&State::ALL, ""), Status::Unknown).matches('\n').count();
        let with_text = metrics(&report(&State::ALL, &text), Status::Unknown);
        prop_assert_eq!(with_text.matches('\n').count(), lines);
    }
}
