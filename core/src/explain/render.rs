//! Renders explanations as text, Markdown and JSON.

use serde_json::json;

use super::{Explanation, Section};
use crate::report::escape_markdown;
use crate::text::strip_control;

/// One image: all sections, then the digests. Several: a paragraph each.
pub fn text(explanations: &[Explanation]) -> String {
    let [explanation] = explanations else {
        let paragraphs = explanations.iter().map(|one| {
            format!(
                "{}: {}\n  {}\n",
                one.name,
                one.verdict,
                sentences(one).join(" ")
            )
        });
        return strip_lines(&paragraphs.collect::<Vec<_>>().join("\n"));
    };
    let mut text = format!("{}: {}\n", explanation.name, explanation.verdict);
    for Section { title, sentences } in &explanation.sections {
        text.push_str(&format!("\n{title}\n"));
        for sentence in sentences {
            text.push_str(&format!("  {sentence}\n"));
        }
    }
    if !explanation.digests.is_empty() {
        text.push_str("\nDigests\n");
        for digest in &explanation.digests {
            text.push_str(&format!("  {digest}\n"));
        }
    }
    strip_lines(&text)
}

/// The same for a ticket or a chat.
pub fn markdown(explanations: &[Explanation]) -> String {
    let [explanation] = explanations else {
        let paragraphs = explanations.iter().map(|one| {
            let (name, verdict) = (escape_markdown(&one.name), one.verdict);
            format!(
                "**{name}: {verdict}.** {}\n",
                escape_markdown(&sentences(one).join(" "))
            )
        });
        return paragraphs.collect::<Vec<_>>().join("\n");
    };
    let name = escape_markdown(&explanation.name);
    let mut text = format!("# {name}: {}\n", explanation.verdict);
    for Section { title, sentences } in &explanation.sections {
        text.push_str(&format!("\n## {title}\n\n"));
        for sentence in sentences {
            text.push_str(&format!("- {}\n", escape_markdown(sentence)));
        }
    }
    if !explanation.digests.is_empty() {
        text.push_str("\n## Digests\n\n");
        for digest in &explanation.digests {
            text.push_str(&format!("- `{digest}`\n"));
        }
    }
    text
}

/// The same for other programs, with all digests in full.
pub fn json(explanations: &[Explanation]) -> String {
    format!("{:#}\n", json!({"images": explanations}))
}

fn sentences(explanation: &Explanation) -> Vec<&str> {
    let sections = explanation.sections.iter();
    sections
        .flat_map(|section| section.sentences.iter().map(String::as_str))
        .collect()
}

/// Removes control characters, except for the ends of lines.
fn strip_lines(text: &str) -> String {
    let lines = text.lines().map(strip_control);
    lines.map(|line| format!("{line}\n")).collect()
}
