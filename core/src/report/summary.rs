//! The state of a run in one sentence, and the numbers that it follows from.

use super::{Report, state::State};
use crate::discover::Category;

/// The order of the counts in a sentence: what is done, then what is left.
const SPOKEN: [State; 7] = [
    State::UpToDate,
    State::Imported,
    State::Uncertain,
    State::Failed,
    State::Waiting,
    State::NotPublished,
    State::Unknown,
];

/// The number of images in a state.
pub(super) fn count(report: &Report, state: State) -> usize {
    let rows = report.rows.iter();
    rows.filter(|row| State::of(row) == state).count()
}

fn images(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        _ => format!("{count} images"),
    }
}

/// The state in one sentence. Says so if the number of images that need a sync is not known.
pub(super) fn headline(report: &Report) -> String {
    let problems = [
        (State::Failed, "imported"),
        (State::Uncertain, "confirmed after the import"),
        (State::Unknown, "checked"),
    ];
    let problems = problems.into_iter();
    let problems: Vec<_> = problems
        .map(|(state, what)| (count(report, state), what))
        .filter(|(number, _)| *number > 0)
        .collect();
    let text = match problems.split_first() {
        Some(((number, what), others)) => {
            let first = match (*number, report.rows.len()) {
                (1, 1) => format!("The image could not be {what}"),
                (all, total) if all == total => {
                    format!("None of the {total} images could be {what}")
                }
                (some, total) => format!("{some} of {total} images could not be {what}"),
            };
            let others = others.iter();
            let others: String = others
                .map(|(number, what)| format!(", {number} could not be {what}"))
                .collect();
            format!("{first}{others}.")
        }
        None => without_problems(report),
    };
    let text = match report.metric() {
        Some(_) => text,
        None => format!("{text} How many images need a sync is not known."),
    };
    match registries(report) {
        Some(registries) => format!("{text} {registries}"),
        None => text,
    }
}

/// `2 of 3 registries are in sync, 1 is not known.` `None` for one registry.
fn registries(report: &Report) -> Option<String> {
    if report.only_registry().is_some() {
        return None;
    }
    let (mut in_sync, mut outdated, mut unknown) = (0, 0, 0);
    for part in report.by_registry() {
        match part.metric() {
            Some(0) => in_sync += 1,
            Some(_) => outdated += 1,
            None => unknown += 1,
        }
    }
    let verb = |count: usize, one: &str, several: &str| match count {
        0 => String::new(),
        1 => format!(", 1 {one}"),
        count => format!(", {count} {several}"),
    };
    let are = if in_sync == 1 { "is" } else { "are" };
    Some(format!(
        "{in_sync} of {} registries {are} in sync{}{}.",
        report.registries.len(),
        verb(outdated, "needs a sync", "need a sync"),
        verb(unknown, "is not known", "are not known"),
    ))
}

fn without_problems(report: &Report) -> String {
    let total = report.rows.len();
    let waiting = count(report, State::Waiting);
    let absent = count(report, State::NotPublished);
    let mut categories = Category::ALL.into_iter();
    let empty = categories.find(|category| report.nothing_is_published(*category));
    if let Some(category) = empty {
        return format!("No {} image is published.", category.title());
    }
    match (waiting, absent, total) {
        (_, _, 0) => "There was nothing to check.".to_owned(),
        (0, 0, 1) => "The image is in sync.".to_owned(),
        (0, 0, _) => format!("All {total} images are in sync."),
        (0, 1, _) => "All published images are in sync; 1 image is not published.".to_owned(),
        (0, _, _) => {
            format!("All published images are in sync; {absent} images are not published.")
        }
        (1, _, 1) => "The image needs a sync.".to_owned(),
        (1, _, _) => format!("1 of {total} images needs a sync."),
        (all, _, _) if all == total => format!("All {total} images need a sync."),
        (some, _, _) => format!("{some} of {total} images need a sync."),
    }
}

/// The number of images in each state.
pub(super) fn counts(report: &Report) -> String {
    let numbers = SPOKEN.map(|state| (count(report, state), state.phrase()));
    let parts = numbers.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let parts = match parts.is_empty() {
        true => "nothing to check".to_owned(),
        false => parts.join(", "),
    };
    format!("{}: {parts}.", images(report.rows.len()))
}

/// `good`, `warn` or `bad`.
pub(super) fn mood(report: &Report) -> &'static str {
    let has = |states: &[State]| states.iter().any(|state| count(report, *state) > 0);
    if has(&[State::Failed, State::Unknown, State::Uncertain]) || report.metric().is_none() {
        "bad"
    } else if has(&[State::Waiting, State::NotPublished]) {
        "warn"
    } else {
        "good"
    }
}
