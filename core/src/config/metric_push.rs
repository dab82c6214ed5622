//! The collector to which the number is pushed by runs outside the platform's runtime.

use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::reader::{Reader, build};
use super::variables;

/// A collector, and the name of the metric.
#[derive(Clone, Debug)]
pub struct MetricPush {
    /// The whole address to which metrics are sent.
    pub endpoint: Url,
    /// Headers that the collector requires. Their values may be tokens.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// The name of the metric.
    pub name: String,
    /// The attribute `workspace`.
    pub workspace: Option<String>,
    /// Whether the metric has the attribute `registry`: a user's own collector gets the numbers of several registries.
    pub names_registry: bool,
}

impl Reader<'_> {
    /// None unless it is configured, and after a mistake.
    pub(super) fn metric_push(&mut self) -> Option<MetricPush> {
        if !self.read(&variables::PUSH_METRIC)? {
            return None;
        }
        let is_set = |variable| self.inputs.get(variable).is_some();
        if is_set(&variables::OTEL_EXPORTER_OTLP_ENDPOINT) {
            self.own_collector()
        } else if is_set(&variables::RW_OTEL_COLLECTOR_ENDPOINT) {
            self.platform_collector()
        } else {
            let reason = "it needs OTEL_EXPORTER_OTLP_ENDPOINT or RW_OTEL_COLLECTOR_ENDPOINT";
            self.mistake(&variables::PUSH_METRIC, Some("true"), reason);
            None
        }
    }

    fn own_collector(&mut self) -> Option<MetricPush> {
        let endpoint = self.read(&variables::OTEL_EXPORTER_OTLP_ENDPOINT);
        let headers = self.read(&variables::OTEL_EXPORTER_OTLP_HEADERS);
        build!(MetricPush {
            endpoint: endpoint.map(with_signal_path),
            headers: Some(headers.unwrap_or_default()),
            name: self.read(&variables::RW_SLI_METRIC_NAME),
            workspace: Some(self.read(&variables::RW_WORKSPACE)),
            names_registry: Some(true),
        })
    }

    fn platform_collector(&mut self) -> Option<MetricPush> {
        let with = "RW_OTEL_COLLECTOR_ENDPOINT";
        build!(MetricPush {
            endpoint: self.read(&variables::RW_OTEL_COLLECTOR_ENDPOINT),
            headers: Some(Vec::new()),
            name: self.read_required(&variables::RW_SLI_METRIC_NAME, with),
            workspace: Some(self.read_required(&variables::RW_WORKSPACE, with)),
            names_registry: Some(false),
        })
    }
}

pub(super) fn parse_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must be a URL such as http://otel-collector:4318".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a password: use OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    Ok(url)
}

/// Adds the path for metrics, as OpenTelemetry's specification requires for the endpoint of all signals.
fn with_signal_path(mut base: Url) -> Url {
    let path = format!("{}/v1/metrics", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

/// Accepts the names of OpenTelemetry's instruments, with room for the suffix of a category.
pub(super) fn parse_metric_name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if begins && text.len() <= 230 && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("it must begin with a letter and hold letters, digits and _ . - / only".to_owned())
}

/// Parses `name=value,…` as in W3C's baggage, the format of OpenTelemetry's environment variables.
pub(super) fn parse_headers(text: &str) -> Result<Vec<(HeaderName, SecretString)>, String> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let headers: Option<_> = pairs.map(parse_header).collect();
    headers.ok_or_else(|| {
        "it must be NAME=VALUE, several separated by commas, values percent-encoded".to_owned()
    })
}

fn parse_header(pair: &str) -> Option<(HeaderName, SecretString)> {
    let (name, value) = pair.split_once('=')?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    HeaderValue::from_str(&value).ok()?;
    Some((name, SecretString::from(value.into_owned())))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn base_address_gets_the_path_for_metrics() {
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
            assert!(parse_headers(wrong).is_err(), "{wrong}");
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
