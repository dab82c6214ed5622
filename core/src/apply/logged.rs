//! Problems that many images of a run may have: the log has the first of a kind in full.

use std::sync::{Mutex, PoisonError};

use crate::problem::{Cause, Problem, Side};

/// The kinds of problems that the log has in full.
#[derive(Default)]
pub(super) struct Logged(Mutex<Vec<(Side, Cause)>>);

impl Logged {
    /// The problem in full for the first image with a problem of this kind, and in a few words for the others.
    pub fn text(&self, problem: &Problem) -> String {
        let kind = (problem.side, problem.cause);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&kind) {
            return problem.summary();
        }
        known.push(kind);
        problem.fact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_problem_of_a_kind_is_in_full_and_the_next_is_short() {
        let logged = Logged::default();
        let problem = |side| Problem::new(side, Cause::AccessDenied, "no (GET https://x/y: 403)");
        let full = "source registry: no (GET https://x/y: 403)";
        assert_eq!(logged.text(&problem(Side::Source)), full);
        assert_eq!(
            logged.text(&problem(Side::Source)),
            "the source registry refused access"
        );
        let full = "destination registry: no (GET https://x/y: 403)";
        assert_eq!(logged.text(&problem(Side::Destination)), full);
    }
}
