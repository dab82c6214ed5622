//! Pushes the number to a collector, for runs outside the RunWhen platform's own runtime.
//!
//! OTLP over HTTP in protobuf, one request without compression. Gauge, resource, scope and the attribute
//! `workspace` have the names of the platform's runtime, and each category's number is `<name>__<category>`. The age of the
//! oldest drift is `<name>__oldest_drift_hours`, if it is known.
//! With several registries, `<name>__registry` has a point for each category of each registry whose number is known, with the
//! attributes `registry` and `category`.
//! A number is not pushed if something of it is unknown.

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use url::Host;

use crate::config::{Config, MetricPush};
use crate::discover::Category;
use crate::problem::{Cause, Problem, Side};
use crate::report::{OLDEST_DRIFT, Report};
use crate::wire::{Limit, Request, Response, SetupError, Wire, redacted};

/// The content type of request and response in the OTLP specification.
const PROTOBUF: &str = "application/x-protobuf";

/// The result of a push.
#[derive(Debug)]
pub enum Push {
    /// `PUSH_METRIC` is false.
    Disabled,
    /// There is no number, because something is unknown.
    NoNumber,
    /// The total is not known; the numbers of this many registries were accepted.
    WithoutTotal(usize),
    Accepted,
    Failed(Problem),
}

/// Pushes the number of a report, and those of its categories, if that is configured.
///
/// # Errors
/// If no connection can be set up.
pub async fn push(config: &Config, report: &Report, limit: &Limit) -> Result<Push, SetupError> {
    let Some(push) = &config.metric_push else {
        return Ok(Push::Disabled);
    };
    let Some(request) = request(report, push) else {
        return Ok(Push::NoNumber);
    };
    if sends_headers_in_clear(push) {
        tracing::warn!(
            "OTEL_EXPORTER_OTLP_HEADERS are sent to {} without encryption, so that others on the network can read \
             them: set OTEL_EXPORTER_OTLP_ENDPOINT to an https address",
            redacted(&push.endpoint)
        );
    }
    let wire = Wire::new(&config.network, config.secrets(), limit.clone())?;
    let mut request = Request::new(Side::Collector, Method::POST, push.endpoint.clone())
        .body(PROTOBUF, request.encode_to_vec());
    for (name, value) in &push.headers {
        if let Ok(mut value) = HeaderValue::from_str(value.expose_secret()) {
            value.set_sensitive(true);
            request.headers.insert(name.clone(), value);
        }
    }
    let result = wire
        .send(request)
        .await
        .and_then(|response| accepted(&response));
    Ok(match (result, report.metric()) {
        (Err(problem), _) => Push::Failed(problem),
        (Ok(()), Some(_)) => Push::Accepted,
        (Ok(()), None) => Push::WithoutTotal(known_registries(report).len()),
    })
}

/// True if the collector's headers, which may contain a token, leave this machine over plain http.
fn sends_headers_in_clear(push: &MetricPush) -> bool {
    let stays_here = match push.endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    };
    push.endpoint.scheme() == "http" && !push.headers.is_empty() && !stays_here
}

/// The message; `None` if there is no number.
fn request(report: &Report, push: &MetricPush) -> Option<ExportMetricsServiceRequest> {
    let mut attributes = Vec::new();
    attributes.extend(push.workspace.as_ref().map(|name| text("workspace", name)));
    let mut metrics = total(report, push, &attributes);
    if report.only_registry().is_none() {
        metrics.extend(of_registries(report, push, &attributes));
    }
    (!metrics.is_empty()).then(|| message(metrics))
}

/// The number, those of the categories and the age of the oldest drift. Empty if the number is not known.
fn total(report: &Report, push: &MetricPush, attributes: &[KeyValue]) -> Vec<Metric> {
    let Some(number) = report.metric() else {
        return Vec::new();
    };
    let mut numbers = vec![(push.name.clone(), IMAGES, count(number))];
    for category in Category::ALL {
        let counts = report.counts_of(category);
        // A category that was not checked has no number.
        if counts.total > 0 {
            numbers.push((
                format!("{}__{}", push.name, category.name()),
                IMAGES,
                count(counts.remaining()),
            ));
        }
    }
    if let Some(hours) = report.oldest_drift_hours() {
        let name = format!("{}__{OLDEST_DRIFT}", push.name);
        numbers.push((name, HOURS, number_data_point::Value::AsDouble(hours)));
    }
    let mut attributes = attributes.to_vec();
    if let (true, Some(registry)) = (push.names_registry, report.only_registry()) {
        attributes.push(text("registry", &registry.server));
    }
    let numbers = numbers.into_iter();
    numbers
        .map(|(name, unit, number)| gauge(name, unit, vec![point(report, number, &attributes)]))
        .collect()
}

/// The numbers of the registries; `None` if none of them is known.
fn of_registries(report: &Report, push: &MetricPush, attributes: &[KeyValue]) -> Option<Metric> {
    let points = known_registries(report).into_iter().flat_map(|part| {
        let mut attributes = attributes.to_vec();
        attributes.push(text("registry", &part.place()));
        let point = |category: Category| {
            let counts = part.counts_of(category);
            let mut attributes = attributes.clone();
            attributes.push(text("category", category.name()));
            let point = point(&part, count(counts.remaining()), &attributes);
            (counts.total > 0).then_some(point)
        };
        Category::ALL.map(point).into_iter().flatten()
    });
    let points: Vec<_> = points.collect();
    let name = format!("{}__registry", push.name);
    (!points.is_empty()).then(|| gauge(name, IMAGES, points))
}

/// The registries whose numbers are known.
fn known_registries(report: &Report) -> Vec<Report> {
    let mut parts = report.by_registry();
    parts.retain(|part| part.metric().is_some());
    parts
}

fn count(number: usize) -> number_data_point::Value {
    number_data_point::Value::AsInt(number as i64)
}

fn message(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: "rw_sli_meter".to_owned(),
            ..InstrumentationScope::default()
        }),
        metrics,
        ..ScopeMetrics::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![text("service.name", "rw_sli_service")],
                ..Resource::default()
            }),
            scope_metrics: vec![scope_metrics],
            ..ResourceMetrics::default()
        }],
    }
}

/// The description of a gauge, and its unit.
type Unit = (&'static str, &'static str);

const IMAGES: Unit = (
    "RunWhen images that need a sync into the registry",
    "{image}",
);
const HOURS: Unit = ("Hours since the oldest known drift of these images", "h");

fn gauge(name: String, (description, unit): Unit, data_points: Vec<NumberDataPoint>) -> Metric {
    Metric {
        name,
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points })),
        ..Metric::default()
    }
}

fn point(
    report: &Report,
    number: number_data_point::Value,
    attributes: &[KeyValue],
) -> NumberDataPoint {
    let seen_at = report.started + report.duration;
    NumberDataPoint {
        attributes: attributes.to_vec(),
        time_unix_nano: seen_at
            .timestamp_nanos_opt()
            .map_or(0, |nanos| nanos as u64),
        value: Some(number),
        ..NumberDataPoint::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// Checks that a collector accepted all numbers. The OTLP specification: status 200 with the response message, in which
/// a partial success names the refused numbers; an empty body is this message without fields.
fn accepted(response: &Response) -> Result<(), Problem> {
    if !response.status.is_success() {
        return Err(response
            .unexpected()
            .advise("check the collector's address, and the headers that it requires"));
    }
    let export = ExportMetricsServiceResponse::decode(&response.body[..]).map_err(|_| {
        response
            .invalid("the body is not the OTLP/HTTP response of a collector")
            .advise("check that this is the address of an OTLP/HTTP receiver (port 4318, not gRPC's 4317)")
    })?;
    match export.partial_success {
        Some(partial) if partial.rejected_data_points > 0 => {
            let mut problem = response.invalid(format!(
                "the collector refused {} numbers: {}",
                partial.rejected_data_points, partial.error_message
            ));
            problem.cause = Cause::Rejected;
            Err(problem)
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;
    use crate::config::TargetId;
    use crate::report::tests::fleet;

    fn to(endpoint: &str, names_registry: bool) -> MetricPush {
        MetricPush {
            endpoint: endpoint.parse().unwrap(),
            headers: Vec::new(),
            name: "x".to_owned(),
            workspace: Some("w".to_owned()),
            names_registry,
        }
    }

    /// The numbers of a message, with their attributes.
    fn points(message: ExportMetricsServiceRequest) -> Vec<String> {
        let metrics = message.resource_metrics.into_iter();
        let metrics = metrics.flat_map(|one| one.scope_metrics);
        let metrics = metrics.flat_map(|one| one.metrics);
        let of = |metric: Metric| {
            let Some(metric::Data::Gauge(gauge)) = metric.data else {
                panic!("not a gauge");
            };
            let name = metric.name;
            gauge.data_points.into_iter().map(move |point| {
                let attributes = point.attributes.iter().map(|one| {
                    let value = one.value.as_ref().and_then(|value| value.value.as_ref());
                    match value {
                        Some(any_value::Value::StringValue(text)) => format!("{}={text}", one.key),
                        other => panic!("{other:?}"),
                    }
                });
                let attributes: Vec<_> = attributes.collect();
                match point.value {
                    Some(number_data_point::Value::AsInt(number)) => {
                        format!("{name} {} {number}", attributes.join(","))
                    }
                    other => format!("{name} {other:?}"),
                }
            })
        };
        metrics.flat_map(of).collect()
    }

    #[test]
    fn registry_whose_number_is_known_is_pushed_without_a_total() {
        let mut report = fleet("a reason");
        let push = to("https://collector.example", true);
        let known = "x__registry workspace=w,registry=myacr.azurecr.io,category=runwhen_local 0";
        assert_eq!(points(request(&report, &push).unwrap()), [known]);
        // Now both are known.
        let is_known =
            |row: &crate::report::Row| row.problem().is_none() && row.target == TargetId(1);
        let rows = std::mem::take(&mut report.rows);
        let (second, first): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_known);
        report.rows = first.into_iter().take(1).chain(second).collect();
        let all = points(request(&report, &push).unwrap());
        let waiting = "x__registry workspace=w,registry=second.azurecr.io,category=runwhen_local 1";
        for point in [
            "x workspace=w 1",
            "x__runwhen_local workspace=w 1",
            known,
            waiting,
        ] {
            assert!(
                all.iter().any(|one| one == point),
                "{point} is not in {all:?}"
            );
        }
    }

    #[test]
    fn nothing_is_pushed_if_no_registry_is_known() {
        let mut report = fleet("a reason");
        report.rows.retain(|row| row.target == TargetId(1));
        report.registries.remove(0);
        assert!(request(&report, &to("https://collector.example", true)).is_none());
    }

    #[test]
    fn headers_that_leave_the_machine_over_plain_http_are_reported() {
        for (endpoint, warned) in [
            ("http://collector.example:4318/v1/metrics", true),
            ("http://10.0.0.1:4318", true),
            ("http://0.0.0.0:4318", true),
            ("http://[2001:db8::1]:4318", true),
            ("http://localhost.example:4318", true),
            ("https://collector.example:4318", false),
            ("http://LOCALHOST:4318", false),
            ("http://collector.localhost:4318", false),
            ("http://127.8.9.1:4318", false),
            ("http://[::1]:4318", false),
            ("http://[::ffff:127.0.0.1]:4318", false),
        ] {
            let mut push = MetricPush {
                endpoint: endpoint.parse().unwrap(),
                headers: vec![(HeaderName::from_static("authorization"), "hush".into())],
                name: "x".to_owned(),
                workspace: None,
                names_registry: true,
            };
            assert_eq!(sends_headers_in_clear(&push), warned, "{endpoint}");
            push.headers.clear();
            assert!(!sends_headers_in_clear(&push), "{endpoint}");
        }
    }
}
