//! Renders explanations as text, Markdown and JSON.

use serde_json::json;

use super::{Chapter, Explanation, Section};
use crate::report::escape_markdown;
use crate::text::strip_control;

/// The explanations, with a heading for each registry if there are several.
pub fn text(chapters: &[Chapter]) -> String {
    if let [Chapter { images, .. }] = chapters {
        return text_of(images);
    }
    let parts = chapters.iter().map(|chapter| {
        let registry = strip_control(&chapter.registry);
        let line = "=".repeat(registry.chars().count());
        format!("{registry}\n{line}\n\n{}", text_of(&chapter.images))
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// One image: all sections, then the digests. Several: a paragraph each.
fn text_of(explanations: &[Explanation]) -> String {
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
pub fn markdown(chapters: &[Chapter]) -> String {
    if let [Chapter { images, .. }] = chapters {
        return markdown_of(images, "");
    }
    let parts = chapters.iter().map(|chapter| {
        let registry = escape_markdown(&chapter.registry);
        let images = markdown_of(&chapter.images, "#");
        format!("# {registry}\n\n{images}")
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// `below` precedes the headings.
fn markdown_of(explanations: &[Explanation], below: &str) -> String {
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
    let mut text = format!("{below}# {name}: {}\n", explanation.verdict);
    for Section { title, sentences } in &explanation.sections {
        text.push_str(&format!("\n{below}## {title}\n\n"));
        for sentence in sentences {
            text.push_str(&format!("- {}\n", escape_markdown(sentence)));
        }
    }
    if !explanation.digests.is_empty() {
        text.push_str(&format!("\n{below}## Digests\n\n"));
        for digest in &explanation.digests {
            text.push_str(&format!("- `{digest}`\n"));
        }
    }
    text
}

/// The same for other programs, with all digests in full.
pub fn json(chapters: &[Chapter]) -> String {
    let images = chapters.iter().flat_map(|chapter| {
        chapter.images.iter().map(|image| {
            let mut image = json!(image);
            image["registry"] = json!(chapter.registry);
            image
        })
    });
    format!("{:#}\n", json!({"images": images.collect::<Vec<_>>()}))
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
