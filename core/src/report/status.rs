//! The status of a run, which is the exit code of the executable.

use super::Report;
use super::row::Row;
use crate::problem::{Cause, Problem, Side};

/// The status of a run. The number is the exit code of the executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything is known, and every requested import is verified.
    Complete = 0,
    /// The program itself failed, or its results could not be written.
    Internal = 1,
    /// A setting is wrong, or names something that does not exist.
    Configuration = 2,
    /// Something could not be checked or confirmed.
    Unknown = 3,
    /// Something could not be imported.
    ImportFailed = 4,
    /// The login, the role, the subscription or the network was refused.
    AccessDenied = 5,
    /// Everything is known, and the number could not be pushed.
    NotPushed = 6,
    /// Everything is known, and images need a sync (with `FAIL_ON_OUTDATED`).
    Outdated = 7,
}

impl Status {
    /// Ordered by exit code.
    pub const ALL: [Self; 8] = [
        Self::Complete,
        Self::Internal,
        Self::Configuration,
        Self::Unknown,
        Self::ImportFailed,
        Self::AccessDenied,
        Self::NotPushed,
        Self::Outdated,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name in artifacts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Internal => "internal_error",
            Self::Configuration => "configuration_wrong",
            Self::Unknown => "something_unknown",
            Self::ImportFailed => "import_failed",
            Self::AccessDenied => "access_denied",
            Self::NotPushed => "metric_not_pushed",
            Self::Outdated => "images_outdated",
        }
    }

    /// The description in `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Complete => "complete: everything was checked, and all imports are verified",
            Self::Internal => "internal error, or a result could not be written",
            Self::Configuration => {
                "the configuration is wrong, or names something that does not exist"
            }
            Self::Unknown => {
                "something is unknown: at least one image could not be checked, or its import not confirmed"
            }
            Self::ImportFailed => "at least one image could not be imported",
            Self::AccessDenied => {
                "access denied: the login, the role, the subscription or the network was refused"
            }
            Self::NotPushed => "everything is known, but the metric could not be pushed (sli)",
            Self::Outdated => "everything is known, and images need a sync (with FAIL_ON_OUTDATED)",
        }
    }
}

/// True if a setting names something that does not exist.
fn is_missing(problem: &Problem) -> bool {
    problem.cause == Cause::Configuration
        || (problem.cause == Cause::NotFound && problem.side == Side::ResourceManager)
}

impl Status {
    /// The status of a run that has this problem only.
    pub(crate) fn of(problem: &Problem) -> Self {
        if is_missing(problem) {
            Self::Configuration
        } else if problem.is_denied_by_azure() {
            Self::AccessDenied
        } else {
            Self::Unknown
        }
    }
}

impl Report {
    /// The status of the run: the most severe one.
    pub fn status(&self) -> Status {
        let problems = || self.rows.iter().filter_map(Row::problem);
        let counts = self.counts();
        if self.lacks_a_category() || self.excludes_everything() || problems().any(is_missing) {
            Status::Configuration
        } else if problems().any(Problem::is_denied_by_azure) {
            Status::AccessDenied
        } else if counts.failed > 0 {
            Status::ImportFailed
        } else if counts.unknown + counts.uncertain > 0 {
            Status::Unknown
        } else if self.fail_on_outdated && counts.remaining() > 0 {
            Status::Outdated
        } else {
            Status::Complete
        }
    }
}
