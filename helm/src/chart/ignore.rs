//! `.helmignore`: similar to `.gitignore`, with Helm's differences.

/// Rules in order; the first match decides.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

struct Rule {
    pattern: Vec<char>,
    negated: bool,
    folders_only: bool,
    /// True if the pattern is compared with the whole path, not only with the name.
    whole_path: bool,
}

impl Rules {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains("**") {
                return Err("double-star (**) syntax is not supported".into());
            }
            let (negated, line) = match line.strip_prefix('!') {
                Some(line) => (true, line),
                None => (false, line),
            };
            let (folders_only, line) = match line.strip_suffix('/') {
                Some(line) => (true, line),
                None => (false, line),
            };
            let whole_path = line.contains('/');
            let pattern = line.strip_prefix('/').unwrap_or(line).chars().collect();
            rules.push(Rule {
                pattern,
                negated,
                folders_only,
                whole_path,
            });
        }
        Ok(Self(rules))
    }

    /// True if a path is excluded. Hidden files in `templates/` always are.
    pub(super) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        for rule in &self.0 {
            let subject: Vec<char> = if rule.whole_path {
                path.chars()
            } else {
                name.chars()
            }
            .collect();
            let matches = matches(&rule.pattern, &subject);
            if rule.negated {
                // Helm excludes every path that a negated rule does not match.
                if (rule.folders_only && !is_folder) || !matches {
                    return true;
                }
            } else if matches && (is_folder || !rule.folders_only) {
                return true;
            }
        }
        path.strip_prefix("templates/.")
            .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    }
}

/// `filepath.Match`.
fn matches(pattern: &[char], path: &[char]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ['*', rest @ ..] => {
            let limit = path
                .iter()
                .position(|character| *character == '/')
                .unwrap_or(path.len());
            (0..=limit).any(|skipped| matches(rest, &path[skipped..]))
        }
        ['?', rest @ ..] => {
            matches!(path, [first, ..] if *first != '/') && matches(rest, &path[1..])
        }
        ['[', rest @ ..] => {
            let Some(end) = rest
                .iter()
                .skip(1)
                .position(|character| *character == ']')
                .map(|at| at + 1)
            else {
                return false;
            };
            let [first, tail @ ..] = path else {
                return false;
            };
            let (negated, class) = match &rest[..end] {
                ['^', class @ ..] => (true, class),
                class => (false, class),
            };
            in_class(class, *first) != negated && *first != '/' && matches(&rest[end + 1..], tail)
        }
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            path.first() == Some(literal) && matches(rest, &path[1..])
        }
    }
}

fn in_class(class: &[char], character: char) -> bool {
    match class {
        [] => false,
        [from, '-', to, rest @ ..] => {
            (*from..=*to).contains(&character) || in_class(rest, character)
        }
        [one, rest @ ..] => *one == character || in_class(rest, character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_as_in_helm() {
        let rules =
            Rules::parse("# comment\n*.bak\n.git/\nfoo/bar.txt\n/root.txt\n[a-c].log\n").unwrap();
        for (path, is_folder, expected) in [
            ("x/y.bak", false, true),
            (".git", true, true),
            (".git", false, false),
            ("foo/bar.txt", false, true),
            ("x/foo/bar.txt", false, false),
            ("root.txt", false, true),
            ("x/root.txt", false, false),
            ("b.log", false, true),
            ("templates/.hidden", false, true),
            ("values.yaml", false, false),
        ] {
            assert_eq!(rules.ignores(path, is_folder), expected, "{path}");
        }
        assert!(Rules::parse("a/**").is_err());
    }
}
