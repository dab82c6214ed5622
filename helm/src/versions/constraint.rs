//! Constraints of versions: `Masterminds/semver`.

use std::cmp::Ordering;

use super::version::{Version, compare_pre};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// One comparison.
#[derive(Debug)]
struct Comparison {
    operator: Operator,
    version: Version,
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

/// The maximum size of a constraint, in bytes; the time to read it grows with the square of its size.
const MAX_CONSTRAINT: usize = 4_096;

/// Lists of comparisons: all comparisons of at least one list must be true.
#[derive(Debug)]
pub(crate) struct Constraint(Vec<Vec<Comparison>>);

impl Constraint {
    /// Reads `>=1.2, <2 || ^3.1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_CONSTRAINT {
            return None;
        }
        let rewritten = rewrite_ranges(text);
        rewritten
            .split("||")
            .map(parse_all)
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    /// True if a version meets the constraint.
    pub(crate) fn check(&self, version: &Version) -> bool {
        // A list allows pre-releases if one of its versions is a pre-release.
        self.0.iter().any(|all| {
            let has_pre = all
                .iter()
                .any(|comparison| !comparison.version.pre.is_empty());
            all.iter()
                .all(|comparison| comparison.check(version, has_pre))
        })
    }
}

/// `1.0 - 2.0` is `>= 1.0, <= 2.0`.
fn rewrite_ranges(text: &str) -> String {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let Some(at) = words.iter().position(|word| *word == "-") else {
        return text.to_owned();
    };
    if at == 0 || at + 1 >= words.len() {
        return text.to_owned();
    }
    let before = words[..at - 1].join(" ");
    let after = rewrite_ranges(&words[at + 2..].join(" "));
    format!(
        "{before} >= {}, <= {} {after}",
        words[at - 1],
        words[at + 1]
    )
}

fn parse_all(text: &str) -> Option<Vec<Comparison>> {
    let mut rest = text.trim_ascii();
    if rest.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (operator, length) = operator_at(rest);
        rest = rest[length..].trim_ascii_start();
        let end = rest
            .find(|character: char| !is_version_character(character))
            .unwrap_or(rest.len());
        all.push(parse_one(operator, &rest[..end])?);
        let after = &rest[end..];
        rest = after.trim_ascii_start();
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
        } else if !rest.is_empty() && rest.len() == after.len() {
            return None;
        }
    }
    Some(all)
}

fn is_version_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '+' | '*' | '|')
}

fn operator_at(text: &str) -> (Operator, usize) {
    for (spelling, operator) in [
        ("!=", Operator::NotEqual),
        (">=", Operator::GreaterOrEqual),
        ("=>", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        ("=<", Operator::LessOrEqual),
        ("~>", Operator::Tilde),
        ("=", Operator::TildeOrEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("~", Operator::Tilde),
        ("^", Operator::Caret),
    ] {
        if text.starts_with(spelling) {
            return (operator, spelling.len());
        }
    }
    (Operator::TildeOrEqual, 0)
}

fn parse_one(operator: Operator, text: &str) -> Option<Comparison> {
    let body = text.strip_prefix('v').unwrap_or(text);
    let numbers_end = body.find(['-', '+']).unwrap_or(body.len());
    let (numbers, suffix) = body.split_at(numbers_end);
    let suffix = suffix.split('+').next().unwrap_or_default();
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let wild = |index: usize| {
        parts
            .get(index)
            .is_none_or(|part| matches!(*part, "x" | "X" | "*"))
    };
    let (mut minor_dirty, mut patch_dirty) = (false, false);
    let (text, dirty) = if wild(0) {
        (format!("0.0.0{suffix}"), true)
    } else if wild(1) {
        minor_dirty = true;
        (format!("{}.0.0{suffix}", parts[0]), true)
    } else if wild(2) {
        patch_dirty = true;
        (format!("{}.{}.0{suffix}", parts[0], parts[1]), true)
    } else {
        (format!("{numbers}{suffix}"), false)
    };
    Some(Comparison {
        operator,
        version: Version::parse(&text)?,
        dirty,
        minor_dirty,
        patch_dirty,
    })
}

impl Comparison {
    fn check(&self, version: &Version, group_has_pre: bool) -> bool {
        let own = &self.version;
        let order = version.compare(own);
        // A constraint without a pre-release allows only releases.
        let wants_release = !version.pre.is_empty() && own.pre.is_empty() && !group_has_pre;
        match self.operator {
            _ if wants_release => false,
            Operator::NotEqual => self.differs(version),
            Operator::TildeOrEqual if self.dirty => self.tilde(version),
            Operator::TildeOrEqual => order == Ordering::Equal,
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Greater if !self.dirty => order == Ordering::Greater,
            Operator::Greater => match version.major.cmp(&own.major) {
                Ordering::Greater => true,
                Ordering::Less => false,
                Ordering::Equal if self.minor_dirty => false,
                Ordering::Equal if self.patch_dirty => version.minor > own.minor,
                Ordering::Equal => order == Ordering::Greater,
            },
            Operator::LessOrEqual if !self.dirty => order != Ordering::Greater,
            Operator::LessOrEqual => {
                version.major < own.major
                    || (version.major == own.major
                        && (version.minor <= own.minor || self.minor_dirty))
            }
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let own = &self.version;
        if self.dirty {
            if own.major != version.major {
                return true;
            }
            if own.minor != version.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if own.patch != version.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                return (!version.pre.is_empty() || !own.pre.is_empty())
                    && compare_pre(&version.pre, &own.pre) != Ordering::Equal;
            }
        }
        version.compare(own) != Ordering::Equal
    }

    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own) == Ordering::Less {
            return false;
        }
        if (own.major, own.minor, own.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty
        {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.minor_dirty)
    }

    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own) == Ordering::Less {
            return false;
        }
        if own.major > 0 || self.minor_dirty {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.patch_dirty {
            return version.minor == own.minor;
        }
        if version.minor > 0 {
            return false;
        }
        // `^0.0.x` and `^*`.
        own.patch == version.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_match_as_in_masterminds() {
        for (constraint, version, expected) in [
            (">=1.19-0", "v1.30.1", true),
            ("^1.2", "1.9.0", true),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            (">=1.20", "1.20.0-rc1", false),
            (">= 1.21.0-0", "1.21.0-gke.1", true),
            ("1.2.x", "1.2.7", true),
            (">1.2 <2 || 3.x", "3.4.5", true),
            ("1.0 - 2.0", "1.5.0", true),
            ("!=1.2", "1.3.0", true),
            ("<1.25.0-0", "1.36.0", false),
            ("*", "1.2.3", true),
            ("^0.2.3", "0.3.0", false),
        ] {
            let constraint_value = Constraint::parse(constraint).unwrap();
            assert_eq!(
                constraint_value.check(&Version::parse(version).unwrap()),
                expected,
                "{constraint} {version}"
            );
        }
        assert!(Constraint::parse("nope").is_none());
        assert!(Version::parse("1.2.3.4").is_none());
    }
}
