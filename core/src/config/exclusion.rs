//! `EXCLUDE_IMAGES`: the names of images that a run leaves out.

use std::fmt;

/// One name, in lower case: the last segment of an image, its whole repository, or a slug of the catalog. A `*` at its beginning or
/// its end stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExcludedName(String);

impl ExcludedName {
    /// True if the name is one of these.
    pub fn matches(&self, names: &[&str]) -> bool {
        let text = self.0.as_str();
        let (is_open_before, text) = match text.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (is_open_after, text) = match text.strip_suffix('*') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        names
            .iter()
            .any(|name| match (is_open_before, is_open_after) {
                (false, false) => *name == text,
                (true, false) => name.ends_with(text),
                (false, true) => name.starts_with(text),
                (true, true) => name.contains(text),
            })
    }
}

impl fmt::Display for ExcludedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names that are separated by commas or blanks, each once.
pub(super) fn parse(text: &str) -> Result<Vec<ExcludedName>, String> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace());
    let mut names = words
        .filter(|word| !word.is_empty())
        .map(one)
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.dedup();
    Ok(names)
}

fn one(word: &str) -> Result<ExcludedName, String> {
    let lower = word.to_ascii_lowercase();
    let name = lower.strip_prefix('*').unwrap_or(&lower);
    let name = name.strip_suffix('*').unwrap_or(name);
    let shown = crate::text::refused_value(word);
    if name.contains('*') {
        return Err(format!(
            "{shown:?} has a '*' in its middle; a '*' may be at the beginning and at the end"
        ));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    if !name.contains(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_name) {
        return Err(format!(
            "{shown:?} is not the name of an image, such as runner or ghcr.io/runwhen-contrib/runwhen-local"
        ));
    }
    // A colon before a slash belongs to a registry's port.
    if name
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains(':'))
    {
        return Err(format!(
            "{shown:?} has a tag; write the name without it, because every tag of the image is excluded"
        ));
    }
    Ok(ExcludedName(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_matches_whole_names_and_stars_match_at_the_ends() {
        let names = [
            "runner",
            "public-images/runner",
            "us-docker.pkg.dev/public-images/runner",
        ];
        for (text, matches) in [
            ("runner", true),
            ("RUNNER", true),
            ("public-images/runner", true),
            ("us-docker.pkg.dev/public-images/runner", true),
            ("us-docker.pkg.dev/*", true),
            ("*runner", true),
            ("*public*", true),
            ("run", false),
            ("run*", true),
            ("*run", false),
            ("images/runner", false),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!(parsed[0].matches(&names), matches, "{text}");
        }
    }

    #[test]
    fn list_has_each_name_once_and_refuses_what_is_not_a_name() {
        let names = parse("runner,, Otel* runner\tlocalhost:5000/a/b").unwrap();
        let texts: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["localhost:5000/a/b", "otel*", "runner"]);
        for (text, part) in [
            ("*", "not the name of an image"),
            ("**", "not the name of an image"),
            ("a*b", "in its middle"),
            ("runner:2026", "without it"),
            ("a@b", "not the name"),
            ("https://u:hush@host/x", "not the name"),
        ] {
            let reason = parse(text).unwrap_err();
            assert!(
                reason.contains(part) && !reason.contains("hush"),
                "{text}: {reason}"
            );
        }
    }
}
