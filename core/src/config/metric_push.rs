//! Where the number is pushed to, for runs without the platform's own runtime.

use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::reader::{Reader, parse_bool};
use super::{Program, variables as name};

/// A collector, and what the metric is called there.
#[derive(Clone, Debug)]
pub struct MetricPush {
    /// Where metrics are sent to: the whole address.
    pub endpoint: Url,
    /// Headers that the collector wants; their values may be tokens.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// The metric's name.
    pub name: String,
    /// The attribute `workspace`.
    pub workspace: Option<String>,
    /// Whether the collector is the user's own, which takes the number of many registries.
    pub names_registry: bool,
}

impl Reader<'_> {
    /// None when nobody asked for it, and after a mistake.
    pub(super) fn metric_push(&mut self) -> Option<MetricPush> {
        if self.program != Program::Sli || !self.parsed(name::PUSH_METRIC, parse_bool)? {
            return None;
        }
        let metric = self.parsed(name::RW_SLI_METRIC_NAME, parse_metric_name)?;
        let workspace = self.inputs.get(name::RW_WORKSPACE);
        if self.inputs.get(name::OTEL_EXPORTER_OTLP_ENDPOINT).is_some() {
            let endpoint = self.optional(name::OTEL_EXPORTER_OTLP_ENDPOINT, parse_endpoint)?;
            let headers = self.inputs.get(name::OTEL_EXPORTER_OTLP_HEADERS);
            let headers = parse_headers(&headers.unwrap_or_default());
            if headers.is_none() {
                let reason =
                    "it must be NAME=VALUE, several separated by commas, values percent-encoded";
                self.mistake(name::OTEL_EXPORTER_OTLP_HEADERS, None, reason);
            }
            return Some(MetricPush {
                endpoint: with_signal_path(endpoint),
                headers: headers?,
                name: metric,
                workspace,
                names_registry: true,
            });
        }
        let Some(endpoint) = self.inputs.get(name::RW_OTEL_COLLECTOR_ENDPOINT) else {
            let reason = "it needs OTEL_EXPORTER_OTLP_ENDPOINT or RW_OTEL_COLLECTOR_ENDPOINT";
            self.mistake(name::PUSH_METRIC, Some("true".to_owned()), reason);
            return None;
        };
        for variable in [name::RW_SLI_METRIC_NAME, name::RW_WORKSPACE] {
            if self.inputs.get(variable).is_none() {
                self.mistake(
                    variable,
                    None,
                    "it is required with RW_OTEL_COLLECTOR_ENDPOINT",
                );
            }
        }
        Some(MetricPush {
            endpoint: self.parse(name::RW_OTEL_COLLECTOR_ENDPOINT, endpoint, parse_endpoint)?,
            headers: Vec::new(),
            name: metric,
            workspace,
            names_registry: false,
        })
    }
}

fn parse_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must be a URL such as http://otel-collector:4318".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a password does not belong into it: give OTEL_EXPORTER_OTLP_HEADERS".to_owned(),
        );
    }
    Ok(url)
}

/// What OpenTelemetry's specification of exporters says of the endpoint for all signals.
fn with_signal_path(mut base: Url) -> Url {
    let path = format!("{}/v1/metrics", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

/// The names that an instrument of OpenTelemetry may have, with room for a category's.
fn parse_metric_name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if begins && text.len() <= 230 && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("it must begin with a letter and hold letters, digits and _ . - / only".to_owned())
}

/// `name=value,…` as in W3C's baggage: what OpenTelemetry's environment variables are written in.
fn parse_headers(text: &str) -> Option<Vec<(HeaderName, SecretString)>> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            HeaderValue::from_str(&value).ok()?;
            Some((name, SecretString::from(value.into_owned())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_base_gets_the_signals_path() {
        for (base, whole) in [
            ("http://collector:4318", "http://collector:4318/v1/metrics"),
            (
                "https://c.example/otlp/",
                "https://c.example/otlp/v1/metrics",
            ),
        ] {
            let url = with_signal_path(parse_endpoint(base).unwrap());
            assert_eq!(url.as_str(), whole);
        }
        for wrong in ["collector:4318", "grpc://collector", "http://u:p@collector"] {
            assert!(parse_endpoint(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_pairs_with_encoded_values() {
        let headers = parse_headers("authorization=Bearer%20hush, x-scope = a ,").unwrap();
        let shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        assert_eq!(shown, [("authorization", "Bearer hush"), ("x-scope", "a")]);
        for wrong in ["authorization", "a b=c", "a=%00", "=x"] {
            assert!(parse_headers(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn names_are_those_of_instruments() {
        assert!(parse_metric_name("my-workspace__rw-acr.sync").is_ok());
        for wrong in ["", "8images", "a b", "naïve"] {
            assert!(parse_metric_name(wrong).is_err(), "{wrong}");
        }
    }
}
