//! Renders findings: for a terminal, as JSON, as Markdown. Pure.

use serde_json::json;

use super::finding::{Finding, State, gravest};

/// A line for each finding, an indented one for each step of its fix, and the summary.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding {
        what,
        registry,
        state,
        detail,
        fix,
    } in findings
    {
        let place = place(registry.as_deref());
        text.push_str(&format!("{} {what}{place}: {detail}\n", sign(*state)));
        for step in fix {
            text.push_str(&format!("  → {step}\n"));
        }
    }
    text.push_str(&format!("\n{}\n", summary(findings)));
    text
}

/// The numbers of problems and warnings, and of what was not examined.
fn summary(findings: &[Finding]) -> String {
    let (mut problems, mut warnings, mut skipped) = (0, 0, 0);
    for finding in findings {
        match finding.state {
            State::Ok => {}
            State::Warning => warnings += 1,
            State::Wrong(_) => problems += 1,
            State::NotExamined => skipped += 1,
        }
    }
    let counted = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        count => Some(format!("{count} {noun}s")),
    };
    let counts = [counted(problems, "problem"), counted(warnings, "warning")];
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let counts = match counts[..] {
        [] => "All is well".to_owned(),
        _ => counts.join(", "),
    };
    match skipped {
        0 => format!("{counts}."),
        skipped => format!("{counts}; {skipped} not examined."),
    }
}

/// A list with the same lines.
pub fn markdown(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding {
        what,
        registry,
        state,
        detail,
        fix,
    } in findings
    {
        let detail = escaped(detail);
        let place = escaped(&place(registry.as_deref()));
        text.push_str(&format!(
            "- {} **{}**{place}: {detail}\n",
            sign(*state),
            escaped(what)
        ));
        for step in fix {
            text.push_str(&format!("  - {}\n", escaped(step)));
        }
    }
    text.push_str(&format!("\n{}\n", summary(findings)));
    text
}

/// One object, whose `findings` are in the same order.
pub fn json(findings: &[Finding]) -> String {
    let status = gravest(findings);
    let rows = findings.iter().map(|finding| {
        let Finding {
            what,
            registry,
            state,
            detail,
            fix,
        } = finding;
        json!({"what": what, "registry": registry, "state": name(*state), "detail": detail, "fix": fix})
    });
    let all = json!({
        "status": status.name(),
        "exit_code": status.code(),
        "findings": rows.collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

/// ` (first.azurecr.io)`, if a run has several registries.
fn place(registry: Option<&str>) -> String {
    registry.map_or_else(String::new, |registry| format!(" ({registry})"))
}

fn sign(state: State) -> char {
    match state {
        State::Ok => '✓',
        State::Warning => '!',
        State::Wrong(_) => '✗',
        State::NotExamined => '–',
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Wrong(_) => "wrong",
        State::NotExamined => "not_examined",
    }
}

/// Texts of services must not become markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]|<>".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Status;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("settings", "valid"),
            Finding::warning("docker hub", "9 of 100 left").fix("set USE_DOCKER_AUTH"),
            Finding::wrong("login", Status::AccessDenied, "re*fused"),
            Finding::not_examined("registry", "login"),
        ]
    }

    #[test]
    fn text_has_a_line_for_each_finding_and_its_fix_below() {
        assert_eq!(
            text(&findings()),
            "✓ settings: valid\n! docker hub: 9 of 100 left\n  → Set USE_DOCKER_AUTH\n✗ login: re*fused\n\
             – registry: not examined, because of login\n\n1 problem, 1 warning; 1 not examined.\n"
        );
    }

    #[test]
    fn summary_counts_problems_and_warnings() {
        let [ok, warning, wrong, skipped] = findings().try_into().unwrap();
        for (findings, expected) in [
            (vec![ok.clone()], "All is well."),
            (vec![ok, skipped], "All is well; 1 not examined."),
            (vec![warning.clone(), warning], "2 warnings."),
            (vec![wrong.clone(), wrong], "2 problems."),
        ] {
            assert_eq!(summary(&findings), expected);
        }
    }

    #[test]
    fn markdown_is_a_list_without_markup_of_services() {
        let markdown = markdown(&findings());
        let lines: Vec<_> = markdown.lines().collect();
        assert_eq!(lines[2], "  - Set USE\\_DOCKER\\_AUTH");
        assert_eq!(lines[3], "- ✗ **login**: re\\*fused");
    }

    #[test]
    fn json_names_states_and_the_exit_code() {
        let value: serde_json::Value = serde_json::from_str(&json(&findings())).unwrap();
        assert_eq!(
            (&value["exit_code"], &value["status"]),
            (&5.into(), &"access_denied".into())
        );
        let states: Vec<_> = (0..4)
            .map(|row| value["findings"][row]["state"].clone())
            .collect();
        assert_eq!(states, ["ok", "warning", "wrong", "not_examined"]);
        assert_eq!(value["findings"][1]["fix"][0], "Set USE_DOCKER_AUTH");
    }
}
