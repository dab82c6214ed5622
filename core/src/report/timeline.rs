//! The run and its imports as bars on one axis of time.

use std::time::Duration;

use serde::Serialize;

use super::state::State;
use super::table::{image_name, seconds};
use super::{Report, Row, Transfer};

/// The length of the axis, in the units of the drawing.
const AXIS: u32 = 1000;
/// The length of the shortest bar that is visible.
const SHORTEST: u32 = 4;

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Timeline {
    pub middle: String,
    pub end: String,
    pub bars: Vec<Bar>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    pub name: String,
    /// The class of the state, which decides the color.
    pub state: &'static str,
    pub x: u32,
    pub width: u32,
    pub from: String,
    pub took: String,
}

/// The timeline of a run; `None` if it imported nothing.
pub(super) fn timeline(report: &Report) -> Option<Timeline> {
    let rows = report.rows.iter();
    let mut imports: Vec<_> = rows
        .filter_map(|row| Some((row, row.transfer.as_ref()?)))
        .collect();
    imports.sort_by_key(|(_, transfer)| (transfer.begun, transfer.duration));
    let ends = imports
        .iter()
        .map(|(_, transfer)| transfer.begun + transfer.duration);
    let end = ends.max()?.max(report.duration);
    let bars = imports.iter().map(|(row, transfer)| of(row, transfer, end));
    let check = Bar {
        name: "Check of all images".to_owned(),
        state: "check",
        x: 0,
        width: length(report.check_duration, end).max(SHORTEST),
        from: seconds(Duration::ZERO),
        took: seconds(report.check_duration),
    };
    Some(Timeline {
        middle: seconds(end / 2),
        end: seconds(end),
        bars: std::iter::once(check).chain(bars).collect(),
    })
}

fn of(row: &Row, transfer: &Transfer, end: Duration) -> Bar {
    let x = length(transfer.begun, end).min(AXIS - SHORTEST);
    let width = length(transfer.begun + transfer.duration, end).saturating_sub(x);
    Bar {
        name: image_name(row),
        state: State::of(row).name(),
        x,
        width: width.max(SHORTEST),
        from: seconds(transfer.begun),
        took: seconds(transfer.duration),
    }
}

/// The place of a time on the axis that ends at `end`.
fn length(time: Duration, end: Duration) -> u32 {
    let place = time.as_micros() * u128::from(AXIS) / end.as_micros().max(1);
    u32::try_from(place).unwrap_or(AXIS).min(AXIS)
}
