//! Renders the report as Markdown and as HTML: two templates for the same page, each with its own escaping.

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
};
use serde::Serialize;

use super::table::{self, Table};
use super::transfer;
use super::{Issue, Report};
use crate::discover::Category;

/// A template does not fit its data, which is a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be rendered: {0}")]
pub struct RenderError(#[from] Box<dyn std::error::Error + Send + Sync>);

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    summary: String,
    /// The oldest known drift.
    drift: Option<String>,
    mood: &'static str,
    started: String,
    duration: String,
    requests: u64,
    images: Table,
    /// The same with short names, by category.
    short_images: Vec<ShortImages>,
    issues: Vec<ShownIssue<'a>>,
    /// The tables after the issues; the workloads are too wide for text.
    html_tables: Vec<Table>,
    text_tables: Vec<Table>,
}

#[derive(Serialize)]
struct ShortImages {
    place: String,
    table: Table,
}

#[derive(Serialize)]
struct ShownIssue<'a> {
    severity: u8,
    title: &'a str,
    actual: &'a str,
    steps: Vec<&'a str>,
    details: Vec<&'a str>,
}

/// The report for a terminal, a ticket or a chat.
///
/// # Errors
/// Never with the built-in templates; a test renders them.
pub fn markdown(report: &Report) -> Result<String, RenderError> {
    render(
        report,
        include_str!("templates/report.md.hbs"),
        escape_markdown,
    )
}

/// The report for a browser, in one file without references to others.
///
/// # Errors
/// Never with the built-in templates; a test renders them.
pub fn html(report: &Report) -> Result<String, RenderError> {
    render(
        report,
        include_str!("templates/report.html.hbs"),
        handlebars::html_escape,
    )
}

fn render(
    report: &Report,
    template: &str,
    escape: fn(&str) -> String,
) -> Result<String, RenderError> {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.register_escape_fn(escape);
    handlebars.register_helper("markdown_table", Box::new(markdown_table));
    handlebars.register_helper("markdown_paragraph", Box::new(markdown_paragraph));
    handlebars
        .render_template(template, &page(report))
        .map_err(|error| RenderError(Box::new(error)))
}

fn page(report: &Report) -> Page<'_> {
    let (summary, mood) = summary(report);
    let facts = transfer::table(report)
        .into_iter()
        .chain([table::settings(report), table::hosts(report)]);
    let facts: Vec<_> = facts.collect();
    Page {
        title: format!("RunWhen images in {}", report.registry),
        summary,
        drift: report.oldest_drift(),
        mood,
        started: report.started.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        duration: table::seconds(report.duration),
        requests: report.hosts.values().map(|host| host.requests).sum(),
        images: table::images(report),
        short_images: Category::ALL
            .into_iter()
            .filter_map(|category| table::short_images(report, category))
            .map(|(place, table)| ShortImages { place, table })
            .collect(),
        issues: report.issues.iter().map(shown_issue).collect(),
        html_tables: table::wanted_by(report)
            .into_iter()
            .chain(facts.clone())
            .collect(),
        text_tables: facts,
    }
}

fn shown_issue(issue: &Issue) -> ShownIssue<'_> {
    ShownIssue {
        severity: issue.severity,
        title: &issue.title,
        actual: &issue.actual,
        steps: issue.next_steps.lines().collect(),
        details: issue
            .in_report
            .iter()
            .map(|line| line.trim_start_matches("- "))
            .collect(),
    }
}

/// The summary in one sentence, and its color.
pub(super) fn summary(report: &Report) -> (String, &'static str) {
    let counts = report.counts();
    let mut parts = Vec::new();
    let mut part = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    part(counts.up_to_date, "up to date");
    part(counts.imported, "imported and verified");
    part(counts.uncertain, "imported, but not confirmed yet");
    part(counts.failed, "could not be imported");
    part(
        counts.remaining() - counts.failed - counts.uncertain,
        "to be synced",
    );
    part(counts.not_published, "not published");
    part(counts.unknown, "could not be checked");
    let images = if counts.total == 1 {
        "1 image".to_owned()
    } else {
        format!("{} images", counts.total)
    };
    let parts = if parts.is_empty() {
        "nothing to check".to_owned()
    } else {
        parts.join(", ")
    };
    let mood = if counts.failed + counts.unknown + counts.uncertain > 0 || report.metric().is_none()
    {
        "bad"
    } else if counts.remaining() + counts.not_published > 0 {
        "warn"
    } else {
        "good"
    };
    (format!("{images}: {parts}."), mood)
}

/// Escapes characters with a meaning in Markdown or in HTML inside Markdown.
///
/// An underscore inside a word has none (CommonMark, rule 2 of emphasis), so names of variables stay readable.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = crate::text::strip_control(text);
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        match c {
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// The width of a paragraph in Markdown, which the platform shows as it is.
const COLUMNS: usize = 100;

/// Writes a text in lines, as [`wrapped`] makes them.
fn markdown_paragraph(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = helper.param(0).and_then(|text| text.value().as_str());
    let text = escape_markdown(text.unwrap_or_default());
    out.write(&wrapped(&text))?;
    Ok(())
}

/// The text in lines of at most [`COLUMNS`] characters. A longer word has a line of its own, and so has a command, so that it can
/// be copied.
fn wrapped(text: &str) -> String {
    let (text, command) = text.split_at(command_in(text).unwrap_or(text.len()));
    let parts = text.split(' ').chain([command.trim_start()]);
    let mut out = String::new();
    let mut column = 0;
    for part in parts.filter(|part| !part.is_empty()) {
        let width = part.chars().count();
        if column > 0 {
            let fits = column + 1 + width <= COLUMNS;
            out.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        out.push_str(part);
        column += width;
    }
    out
}

/// Where a command of the Azure CLI begins, with its quotation mark.
fn command_in(text: &str) -> Option<usize> {
    ["'az ", " az "]
        .iter()
        .filter_map(|start| text.find(start))
        .min()
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
    fn long_text_is_wrapped_and_a_command_is_not() {
        let words = "word ".repeat(30);
        let lines = wrapped(&words);
        assert!(lines.lines().all(|line| line.len() <= COLUMNS), "{lines}");
        assert_eq!(lines.replace('\n', " "), words.trim_end());
        let command = format!("az acr import --name myacr --source {words}--force");
        for (before, quote) in [("Restore the tag:", ""), ("Unlock it with", "'")] {
            let text = format!("{before} {quote}{command}{quote}");
            let lines = wrapped(&text);
            assert_eq!(lines, format!("{before}\n{quote}{command}{quote}"));
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
