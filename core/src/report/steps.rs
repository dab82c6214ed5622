//! Next steps: the advice of a problem as imperatives, one per line.
//!
//! In a message, the cause comes first ("the image is locked: unlock it"). In a list of steps, the step comes first, with
//! its reason in parentheses.

use crate::text::capitalized;

/// The first words of a step.
const IMPERATIVES: [&str; 50] = [
    "add", "allow", "build", "change", "check", "choose", "compare", "copy", "correct", "create",
    "delete", "disable", "do", "enable", "exclude", "export", "find", "give", "grant", "if",
    "import", "increase", "install", "let", "log", "lower", "move", "open", "pin", "put", "raise",
    "read", "register", "remove", "repair", "replace", "report", "restart", "run", "see", "select",
    "set", "then", "try", "unlock", "unset", "update", "use", "wait", "write",
];

/// The step of a problem without advice.
const WITHOUT_ADVICE: &str = "read the reasons in the details, then run the task again";

/// One step per line. `advice` has clauses with `; ` between them.
pub(crate) fn steps(advice: &str) -> String {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut first_remarks: Vec<&str> = Vec::new();
    let clauses = advice.split("; ").map(str::trim);
    for clause in clauses.filter(|clause| !clause.is_empty()) {
        match (is_imperative(clause), clause.split_once(": ")) {
            (true, _) => steps.push((clause, Vec::new())),
            (false, Some((reason, step))) if is_imperative(step) => {
                steps.push((step, vec![reason]));
            }
            (false, _) => {
                let last = steps.last_mut().map(|(_, remarks)| remarks);
                last.unwrap_or(&mut first_remarks).push(clause);
            }
        }
    }
    if steps.is_empty() {
        steps.push((WITHOUT_ADVICE, Vec::new()));
    }
    steps[0].1.splice(0..0, first_remarks);
    let line = |(step, remarks): &(&str, Vec<&str>)| match remarks.is_empty() {
        true => capitalized(step),
        false => format!("{} ({})", capitalized(step), remarks.join("; ")),
    };
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn is_imperative(text: &str) -> bool {
    let word = text.split([' ', ',']).next().unwrap_or_default();
    IMPERATIVES.contains(&word.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_imperatives_with_their_reason_after_them() {
        for (advice, lines) in [
            ("check REF; run again", "Check REF\nRun again"),
            (
                "the tag is locked: unlock it with 'az acr …'",
                "Unlock it with 'az acr …' (the tag is locked)",
            ),
            (
                "run again in a few minutes; images that have arrived are not imported again",
                "Run again in a few minutes (images that have arrived are not imported again)",
            ),
            ("something is odd; set REF", "Set REF (something is odd)"),
            (
                "it lacks the role: grant the role; AcrPull is enough for checks",
                "Grant the role (it lacks the role; AcrPull is enough for checks)",
            ),
            (
                "check HELM_REPO_URL: a folder, a .tgz, or a URL",
                "Check HELM_REPO_URL: a folder, a .tgz, or a URL",
            ),
            (
                "the image is private",
                "Read the reasons in the details, then run the task again (the image is private)",
            ),
            (
                "",
                "Read the reasons in the details, then run the task again",
            ),
        ] {
            assert_eq!(steps(advice), lines);
        }
    }
}
