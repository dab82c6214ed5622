//! What an examination has found. Pure.

use crate::problem::Problem;
use crate::report::{Status, steps};
use crate::text::neutralize_markup;

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the thing, which stays the same in later versions.
    pub what: String,
    /// The registry that it belongs to, if a run has several and they differ in it.
    pub registry: Option<String>,
    pub state: State,
    pub detail: String,
    /// What to do, as imperatives, one in each line. Empty if there is nothing to do.
    pub fix: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// A run works, but something is missing or about to fail.
    Warning,
    /// A run ends with this status.
    Wrong(Status),
    /// Something before it is wrong.
    NotExamined,
}

impl State {
    /// The status of a run in which this is the only flaw.
    fn status(self) -> Status {
        match self {
            Self::Wrong(status) => status,
            Self::Ok | Self::Warning | Self::NotExamined => Status::Complete,
        }
    }
}

impl Finding {
    fn new(what: &str, state: State, detail: &str) -> Self {
        Self {
            what: what.to_owned(),
            registry: None,
            state,
            detail: neutralize_markup(detail),
            fix: Vec::new(),
        }
    }

    pub fn ok(what: &str, detail: impl AsRef<str>) -> Self {
        Self::new(what, State::Ok, detail.as_ref())
    }

    pub fn warning(what: &str, detail: impl AsRef<str>) -> Self {
        Self::new(what, State::Warning, detail.as_ref())
    }

    pub fn wrong(what: &str, status: Status, detail: impl AsRef<str>) -> Self {
        Self::new(what, State::Wrong(status), detail.as_ref())
    }

    /// The detail says why.
    pub fn unexamined(what: &str, detail: impl AsRef<str>) -> Self {
        Self::new(what, State::NotExamined, detail.as_ref())
    }

    /// `because` is the finding that is wrong.
    pub fn not_examined(what: &str, because: &str) -> Self {
        let detail = format!("not examined, because of {because}");
        Self::new(what, State::NotExamined, &detail)
    }

    /// A problem that a run would have too.
    pub fn problem(what: &str, problem: &Problem) -> Self {
        Self::wrong(what, Status::of(problem), problem.fact()).advised(problem)
    }

    /// The finding with this advice, whose clauses are separated by `; `.
    #[must_use]
    pub fn fix(mut self, advice: impl AsRef<str>) -> Self {
        let lines = steps(&neutralize_markup(advice.as_ref()));
        self.fix.extend(lines.lines().map(str::to_owned));
        self
    }

    /// The finding with the advice of a problem.
    #[must_use]
    pub fn advised(self, problem: &Problem) -> Self {
        match &problem.advice {
            Some(advice) => self.fix(advice),
            None => self,
        }
    }

    #[must_use]
    pub fn and(mut self, detail: &str) -> Self {
        if !detail.is_empty() {
            self.detail = format!("{}; {}", self.detail, neutralize_markup(detail));
        }
        self
    }
}

/// The findings about several registries: first those that are the same for all, each once, then those of each registry.
pub fn merged(registries: Vec<(String, Vec<Finding>)>) -> Vec<Finding> {
    let Some((_, first)) = registries.first() else {
        return Vec::new();
    };
    let is_common = |finding: &Finding| {
        let mut all = registries.iter();
        all.all(|(_, findings)| findings.contains(finding))
    };
    let common: Vec<_> = first.iter().filter(|one| is_common(one)).cloned().collect();
    let own = registries.into_iter().flat_map(|(registry, findings)| {
        let own = findings.into_iter().filter(|one| !common.contains(one));
        let named = own.map(move |finding| Finding {
            registry: Some(registry.clone()),
            ..finding
        });
        named.collect::<Vec<_>>()
    });
    let own: Vec<_> = own.collect();
    common.into_iter().chain(own).collect()
}

/// The status of the gravest finding, in the order in which a report chooses its status.
pub fn gravest(findings: &[Finding]) -> Status {
    const ORDER: [Status; 4] = [
        Status::Configuration,
        Status::AccessDenied,
        Status::ImportFailed,
        Status::Unknown,
    ];
    let has = |status: &Status| findings.iter().any(|one| one.state.status() == *status);
    ORDER.into_iter().find(has).unwrap_or(Status::Complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Cause, Side};

    #[test]
    fn gravest_finding_decides_and_warnings_do_not_count() {
        let wrong = |status| Finding::wrong("x", status, "");
        let others = [
            Finding::ok("x", ""),
            Finding::warning("x", ""),
            Finding::not_examined("x", "y"),
        ];
        assert_eq!(gravest(&others), Status::Complete);
        for (all, expected) in [
            (
                &[Status::Unknown, Status::AccessDenied][..],
                Status::AccessDenied,
            ),
            (
                &[Status::AccessDenied, Status::Configuration],
                Status::Configuration,
            ),
            (
                &[Status::Unknown, Status::ImportFailed],
                Status::ImportFailed,
            ),
            (&[Status::Unknown], Status::Unknown),
        ] {
            let findings: Vec<_> = others
                .iter()
                .cloned()
                .chain(all.iter().copied().map(wrong))
                .collect();
            assert_eq!(gravest(&findings), expected);
        }
    }

    #[test]
    fn problem_keeps_its_advice_as_imperatives() {
        let problem = Problem::new(Side::Entra, Cause::AccessDenied, "login was refused")
            .advise("it has expired: create a new secret; run again");
        let finding = Finding::problem("login", &problem);
        assert_eq!(finding.state, State::Wrong(Status::AccessDenied));
        assert_eq!(finding.detail, "Microsoft Entra login: login was refused");
        assert_eq!(
            finding.fix,
            ["Create a new secret (it has expired)", "Run again"]
        );
    }
}
