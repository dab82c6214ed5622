//! The two forms of a line: text for people, and JSON for programs.

use std::fmt;

use acr_sync_core::config::LogFormat;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whether levels are written in colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Levels {
    Plain,
    Colored,
}

pub(super) struct Lines {
    pub format: LogFormat,
    pub levels: Levels,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let line = match self.format {
            LogFormat::Text => text(Utc::now(), level, self.levels, &fields.message),
            LogFormat::Json => json(Utc::now(), level, &fields),
        };
        writeln!(writer, "{line}")
    }
}

/// What an event contains. A field without a value is left out.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }
}

impl Fields {
    fn keep(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.others.push((name, value)),
        }
    }
}

fn timestamp(now: DateTime<Utc>) -> String {
    now.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn text(now: DateTime<Utc>, level: Level, levels: Levels, message: &str) -> String {
    let name = format!("{level:>5}");
    let name = match levels {
        Levels::Plain => name,
        Levels::Colored => format!("\u{1b}[{}m{name}\u{1b}[0m", color(level)),
    };
    format!("{} {name} {message}", timestamp(now))
}

/// The number of the colour in the sequence of a terminal.
fn color(level: Level) -> u8 {
    if level == Level::ERROR {
        31
    } else if level == Level::WARN {
        33
    } else if level == Level::INFO {
        32
    } else {
        34
    }
}

/// The fields that every line has come first.
fn json(now: DateTime<Utc>, level: Level, fields: &Fields) -> String {
    let Fields { message, others } = fields;
    let first = [
        ("timestamp", timestamp(now).into()),
        ("level", level.as_str().to_ascii_lowercase().into()),
        ("message", message.as_str().into()),
    ];
    let pairs: Vec<_> = first
        .iter()
        .chain(others)
        .map(|(name, value): &(&str, Value)| format!("{}:{value}", Value::from(*name)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_795_694_400_007).expect("a date")
    }

    #[test]
    fn line_of_text_has_time_level_and_message() {
        let line = text(noon(), Level::INFO, Levels::Plain, "a message");
        assert_eq!(line, "2026-11-26T12:00:00.007Z  INFO a message");
        let line = text(noon(), Level::ERROR, Levels::Colored, "a message");
        assert_eq!(
            line,
            "2026-11-26T12:00:00.007Z \u{1b}[31mERROR\u{1b}[0m a message"
        );
    }

    #[test]
    fn line_of_json_is_one_object_whatever_its_texts_contain() {
        let fields = Fields {
            message: "a \"quoted\"\nline \u{1b}[2J".to_owned(),
            others: vec![("image", "runner:1".into()), ("duration_ms", 7.into())],
        };
        let line = json(noon(), Level::WARN, &fields);
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
        assert!(line.starts_with("{\"timestamp\":"), "{line}");
        let parsed: Value = serde_json::from_str(&line).expect("JSON");
        let wanted = serde_json::json!({
            "timestamp": "2026-11-26T12:00:00.007Z",
            "level": "warn",
            "message": "a \"quoted\"\nline \u{1b}[2J",
            "image": "runner:1",
            "duration_ms": 7,
        });
        assert_eq!(parsed, wanted);
    }
}
