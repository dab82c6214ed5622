//! The report as Markdown: for GitHub, and as a text of about 100 columns, which the platform shows as it is.

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
};
use serde::Serialize;

use super::command::command_in;
use super::render::{RenderError, render_with};
use super::table::{self, Table};
use super::{Issue, Report, exclusion, summary, transfer};
use crate::discover::Category;

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    headline: String,
    counts: String,
    /// The oldest known drift.
    drift: Option<String>,
    /// The line about `EXCLUDE_IMAGES`.
    excluded: Option<String>,
    started: String,
    duration: String,
    requests: u64,
    /// `None` for one registry.
    registries: Option<Table>,
    issues: Vec<ShownIssue<'a>>,
    images: Vec<Images>,
    /// The tables after the images.
    tables: Vec<Table>,
}

/// The images of one category, with short names.
#[derive(Serialize)]
struct Images {
    place: String,
    table: Table,
}

#[derive(Serialize)]
struct ShownIssue<'a> {
    severity: u8,
    title: &'a str,
    actual: &'a str,
    steps: Vec<Step<'a>>,
    details: Vec<&'a str>,
}

#[derive(Serialize)]
struct Step<'a> {
    number: usize,
    text: &'a str,
}

/// The report for a terminal, a ticket or a chat.
///
/// # Errors
/// Never with the built-in templates; a test renders them.
pub fn markdown(report: &Report) -> Result<String, RenderError> {
    render_with(
        include_str!("templates/report.md.hbs"),
        escape_markdown,
        &page(report),
        [
            ("markdown_table", Box::new(markdown_table)),
            ("markdown_paragraph", Box::new(markdown_paragraph)),
        ],
    )
}

fn page(report: &Report) -> Page<'_> {
    Page {
        title: format!("RunWhen images in {}", report.place()),
        headline: summary::headline(report),
        counts: summary::counts(report),
        drift: report.oldest_drift(),
        excluded: exclusion::line(report),
        started: report.started.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        duration: table::seconds(report.duration),
        requests: report.hosts.values().map(|host| host.requests).sum(),
        registries: table::registries(report),
        issues: report.issues.iter().map(shown_issue).collect(),
        images: Category::ALL
            .into_iter()
            .filter_map(|category| table::short_images(report, category))
            .map(|(place, table)| Images { place, table })
            .collect(),
        tables: transfer::table(report)
            .into_iter()
            .chain([table::settings(report), table::hosts(report)])
            .collect(),
    }
}

fn shown_issue(issue: &Issue) -> ShownIssue<'_> {
    let steps = issue.next_steps.lines().enumerate();
    let details = issue.in_report.iter();
    ShownIssue {
        severity: issue.severity,
        title: &issue.title,
        actual: &issue.actual,
        steps: steps
            .map(|(position, text)| Step {
                number: position + 1,
                text,
            })
            .collect(),
        details: details.map(|line| line.trim_start_matches("- ")).collect(),
    }
}

/// Escapes characters with a meaning in Markdown or in HTML inside Markdown.
///
/// An underscore inside a word has none (CommonMark, rule 2 of emphasis), so names of variables stay readable. An
/// ampersand has one only at the beginning of an entity.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = crate::text::strip_control(text);
    let mut rest = text.chars();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        let after = rest.clone().next().unwrap_or(' ');
        match c {
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push(c),
            // Only at the beginning of a line is it a heading, so a fragment of a URL stays as it is.
            '#' if before != ' ' => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if begins_entity(rest.as_str()) => out.push_str("&amp;"),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// True if an ampersand before this text begins an entity, such as `&lt;` or `&#60;`.
fn begins_entity(text: &str) -> bool {
    let name = text.split_once(';').map(|(name, _)| name);
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#');
    name.is_some_and(|name| !name.is_empty() && is_name(name))
}

/// The width of a paragraph in Markdown.
const COLUMNS: usize = 100;

/// Writes a text in lines, as [`wrapped`] makes them. The second parameter is the indentation of the lines after the first.
fn markdown_paragraph(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = helper.param(0).and_then(|text| text.value().as_str());
    let indent = helper.param(1).and_then(|indent| indent.value().as_u64());
    let indent = usize::try_from(indent.unwrap_or_default()).unwrap_or_default();
    let text = escape_markdown(text.unwrap_or_default());
    let lines = wrapped(&text, COLUMNS - indent);
    out.write(&lines.replace('\n', &format!("\n{}", " ".repeat(indent))))?;
    Ok(())
}

/// The text in lines of at most so many characters. A longer word has a line of its own, and so has a command, so that it can
/// be copied.
fn wrapped(text: &str, columns: usize) -> String {
    let (text, command) = text.split_at(command_in(text).unwrap_or(text.len()));
    let parts = text.split(' ').chain([command.trim_start()]);
    let mut out = String::new();
    let mut column = 0;
    for part in parts.filter(|part| !part.is_empty()) {
        let width = part.chars().count();
        if column > 0 {
            let fits = column + 1 + width <= columns || begins_block(part);
            out.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        out.push_str(part);
        column += width;
    }
    out
}

/// True if this word at the beginning of a line begins a list, or makes a heading of the line before.
fn begins_block(word: &str) -> bool {
    let number = word.strip_suffix(['.', ')']);
    let is_number = number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    is_number || word.chars().all(|c| "-+=".contains(c))
}

/// Writes a table with aligned columns, so that it is also readable as plain text.
fn markdown_table(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = helper
        .param(0)
        .ok_or(RenderErrorReason::ParamNotFoundForIndex(
            "markdown_table",
            0,
        ))?
        .value();
    let text = |value: &serde_json::Value| escape_markdown(value.as_str().unwrap_or_default());
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut lines: Vec<Vec<String>> = vec![list(&value["head"]).iter().map(text).collect()];
    lines.extend(
        list(&value["rows"])
            .iter()
            .map(|row| list(row).iter().map(|field| text(&field["text"])).collect()),
    );
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|text| text.chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |fields: &[String]| -> String {
        let fields: Vec<_> = fields
            .iter()
            .zip(&widths)
            .map(|(field, width)| format!(" {field:<width$} "))
            .collect();
        format!("|{}|\n", fields.join("|"))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    for (position, fields) in lines.iter().enumerate() {
        out.write(&line(fields))?;
        if position == 0 {
            out.write(&line(&rule))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_stay_readable() {
        assert_eq!(escape_markdown("SYNC_IMAGES _x_"), "SYNC_IMAGES \\_x\\_");
    }

    #[test]
    fn ampersand_is_escaped_only_in_an_entity() {
        for (text, escaped) in [
            ("a & b && c&d", "a & b && c&d"),
            ("?a=1&b=2; x", "?a=1&b=2; x"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("&#60;", "&amp;#60;"),
            ("&;", "&;"),
            ("&amp", "&amp"),
        ] {
            assert_eq!(escape_markdown(text), escaped);
        }
    }

    #[test]
    fn long_text_is_wrapped_and_a_command_is_not() {
        let words = "word ".repeat(30);
        let lines = wrapped(&words, COLUMNS);
        assert!(lines.lines().all(|line| line.len() <= COLUMNS), "{lines}");
        assert_eq!(lines.replace('\n', " "), words.trim_end());
        let command = format!("az acr import --name myacr --source {words}--force");
        for (before, quote) in [("Restore the tag:", ""), ("Unlock it with", "'")] {
            let text = format!("{before} {quote}{command}{quote}");
            let lines = wrapped(&text, COLUMNS);
            assert_eq!(lines, format!("{before}\n{quote}{command}{quote}"));
        }
    }

    #[test]
    fn line_does_not_begin_with_the_mark_of_a_list_or_a_heading() {
        for mark in ["-", "+", "1.", "23)", "===", "---"] {
            let text = format!("{} {mark} {}", "x".repeat(99), "y".repeat(50));
            let lines = wrapped(&text, COLUMNS);
            assert_eq!(lines, text.replacen(" y", "\ny", 1), "{mark}");
        }
    }

    #[test]
    fn markup_of_a_service_is_escaped() {
        assert_eq!(
            escape_markdown("a|b <img src=x> [x](y) *z* \u{1b}[2J"),
            "a\\|b &lt;img src=x&gt; \\[x\\](y) \\*z\\* \\[2J"
        );
    }
}
