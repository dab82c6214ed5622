//! The problems of a chart that cannot be read, each with the settings that select it.

use crate::config::{ChartOrigin, ChartSetting};
use crate::problem::{Cause, Problem, Side};
use crate::text::for_message;

use ChartSetting::{Name, Place, Set, Values, Version};

pub(super) fn not_found(origin: &ChartOrigin, what: String) -> Problem {
    let what = for_message(&what);
    let settings = origin.settings(&[Place, Name, Version]);
    Problem::new(Side::ChartRepository, Cause::Configuration, what)
        .advise(format!("check {settings}"))
}

pub(super) fn unusable(origin: &ChartOrigin, title: &str, reason: &str) -> Problem {
    let what = format!("chart {title} does not render: {}", for_message(reason));
    let settings = origin.settings(&[Values, Set]);
    let version = origin.settings(&[Version]);
    Problem::new(Side::ChartRepository, Cause::Rejected, what).advise(format!(
        "check {settings}, or pin an older version with {version}"
    ))
}

/// A chart on this machine that cannot be read.
pub(super) fn unreadable(origin: &ChartOrigin, what: &str) -> Problem {
    let place = origin.settings(&[Place]);
    Problem::new(Side::Local, Cause::Configuration, for_message(what)).advise(format!(
        "check {place}: a folder with a Chart.yaml, a .tgz, or a URL"
    ))
}

pub(super) fn connection(origin: &ChartOrigin) -> String {
    let connection = "the connection to the repository";
    match origin {
        ChartOrigin::RunWhenLocal => {
            let (place, name) = (origin.settings(&[Place]), origin.settings(&[Name]));
            format!("check {place}, {name} and {connection}")
        }
        ChartOrigin::Extra { .. } => {
            let settings = origin.settings(&[Place, Name]);
            format!("check {settings}, and {connection}")
        }
    }
}

pub(super) fn too_long(origin: &ChartOrigin) -> String {
    let settings = origin.settings(&[Place, Values, Set]);
    let version = origin.settings(&[Version]);
    format!(
        "the chart takes too long: check {settings}, pin another version with {version}, or raise TIMEOUT_SECONDS"
    )
}
