//! Failures kept as data: which side, what happened, what to do.
//!
//! A failure of one image is a [`Problem`] beside the other images' results, never an early return. A
//! problem is shown to people as it is: a lower-case fragment with the method, the redacted URL, the
//! status and the service's own code, and then the advice.

use std::fmt;

use serde::Serialize;

/// The side on which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// A registry that images come from.
    Source,
    /// The Azure Container Registry that images go to.
    Destination,
    /// Microsoft Entra ID, which gives tokens.
    Entra,
    /// Azure Resource Manager, which knows the registry and imports into it.
    ResourceManager,
    /// Where the Helm chart comes from.
    ChartRepository,
    /// The collector that the number is pushed to.
    Collector,
    /// This program and the machine it runs on.
    Here,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source registry",
            Self::Destination => "destination registry (ACR)",
            Self::Entra => "Microsoft Entra login",
            Self::ResourceManager => "Azure Resource Manager",
            Self::ChartRepository => "chart repository",
            Self::Collector => "metrics collector (OTLP)",
            Self::Here => "this run",
        })
    }
}

/// What kind of failure it was. Decides the exit code and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A setting names something that is not there.
    Configuration,
    /// The other side knows who asks, or does not, and refuses.
    AccessDenied,
    /// What was asked for is not there.
    NotFound,
    /// No connection, or it broke, or its certificate is not trusted.
    Unreachable,
    /// Too many requests (HTTP 429).
    Throttled,
    /// The service failed (HTTP 5xx).
    Unavailable,
    /// No answer in the time that one call may take.
    TimedOut,
    /// The answer is not what the protocol promises: wrong digest, wrong shape, too large.
    Invalid,
    /// The service understood and said no: a conflict, a locked tag, a failed import.
    Rejected,
    /// The run's own deadline (TIMEOUT_SECONDS) came first.
    Deadline,
    /// The run was stopped by a signal.
    Interrupted,
}

/// A failure kept as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which side failed.
    pub party: Party,
    /// What kind of failure it was.
    pub cause: Cause,
    /// What happened, as a lower-case fragment without secrets.
    pub what: String,
    /// What the user can do, when that is known.
    pub advice: Option<String>,
    /// The other side may have done what it was asked all the same.
    #[serde(skip)]
    pub may_have_acted: bool,
}

impl Problem {
    /// A problem without advice of its own.
    pub fn new(party: Party, cause: Cause, what: impl Into<String>) -> Self {
        Self {
            party,
            cause,
            what: inert(&what.into()),
            advice: None,
            may_have_acted: false,
        }
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same problem of a request that may have been acted on.
    #[must_use]
    pub fn acted(mut self) -> Self {
        self.may_have_acted = true;
        self
    }

    /// Which side and what happened, without the advice.
    pub fn fact(&self) -> String {
        format!("{}: {}", self.party, self.what)
    }

    /// Whether Azure refused this run, rather than one source its image.
    pub fn is_denied_by_azure(&self) -> bool {
        self.cause == Cause::AccessDenied
            && !matches!(self.party, Party::Source | Party::ChartRepository)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact())?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// Text from another machine, made harmless for a terminal: control characters (terminal escapes among
/// them) and the invisible marks that change the direction of text become spaces, runs of space one.
pub fn printable(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_unprintable(c));
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The same, and without what begins a tag in HTML or a link in Markdown: issues are shown by programs
/// that may read them as either. What is only compared, as in `<1`, stays.
pub fn inert(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('<', Some(next)) if next.is_ascii_alphabetic() || "/!?".contains(*next) => {
                out.push('‹')
            }
            (']', Some('(')) => out.push_str("] "),
            _ => out.push(c),
        }
    }
    out
}

/// Ends a text that was shortened.
pub(crate) const CUT: &str = "…";

/// The same, and short enough to read: the end is cut.
pub fn harmless(text: &str) -> String {
    const LONGEST: usize = 400;
    let text = inert(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{CUT}", &text[..end]),
        None => text,
    }
}

/// Control characters, and the characters that Unicode wants to be invisible (`Default_Ignorable_Code_Point`).
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_move_the_cursor_or_fill_the_screen() {
        assert_eq!(harmless("a\u{1b}[31m\r\n  b\u{202e}c"), "a [31m b c");
        assert_eq!(harmless(&"x".repeat(1000)).chars().count(), 401);
        assert_eq!(inert("a\u{ad}b\u{e0041}c\u{9b}31m"), "a b c 31m");
    }

    #[test]
    fn text_from_elsewhere_is_neither_html_nor_a_link() {
        assert_eq!(
            inert("<img src=x> </p> <!-- <1 a<b [x](javascript:y) ![](z)"),
            "‹img src=x> ‹/p> ‹!-- <1 a‹b [x] (javascript:y) ![] (z)"
        );
    }

    #[test]
    fn a_problem_names_side_fact_and_advice() {
        let problem = Problem::new(Party::Source, Cause::NotFound, "GET https://x/y: 404")
            .advise("check REF");
        assert_eq!(
            problem.to_string(),
            "source registry: GET https://x/y: 404; check REF"
        );
        assert!(!problem.is_denied_by_azure());
    }
}
