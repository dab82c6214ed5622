//! Commands of the Azure CLI in the middle of a sentence.

use serde::Serialize;

/// Where a command begins, with its quotation mark.
pub(super) fn command_in(text: &str) -> Option<usize> {
    ["'az ", " az "]
        .iter()
        .filter_map(|start| text.find(start))
        .min()
}

/// A sentence in three parts, so that its command can be copied.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sentence<'a> {
    pub before: &'a str,
    /// Empty if the sentence has no command.
    pub command: &'a str,
    pub after: &'a str,
}

impl<'a> Sentence<'a> {
    pub fn new(text: &'a str) -> Self {
        let (before, rest) = text.split_at(command_in(text).unwrap_or(text.len()));
        let (command, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => (rest.trim(), ""),
        };
        Self {
            before,
            command,
            after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_separated_from_its_sentence() {
        for (text, before, command, after) in [
            (
                "Unlock it with 'az acr x --y' (it is locked)",
                "Unlock it with ",
                "az acr x --y",
                " (it is locked)",
            ),
            (
                "to grant it: az role create --a \"B c\"",
                "to grant it:",
                "az role create --a \"B c\"",
                "",
            ),
            ("see 'az lock list", "see ", "az lock list", ""),
            ("set 'REF' to main", "set 'REF' to main", "", ""),
        ] {
            let parts = Sentence {
                before,
                command,
                after,
            };
            assert_eq!(Sentence::new(text), parts);
        }
    }
}
