//! The control interface: faults, latency, scenario, content and the log, as JSON over plain HTTP on the proxy's own
//! address, for clients in any language. It does what the methods of [`crate::Sandbox`] do; the README documents it.

use crate::change::Change;
use crate::fault::ArmedFault;
use crate::import;
use crate::message::{Request, Response};
use crate::scenario::Scenario;
use crate::shared::Shared;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Where its paths begin.
pub const PREFIX: &str = "/sandbox/";

/// The body of `PUT /sandbox/latency`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    milliseconds: u64,
}

/// The body of `PUT /sandbox/scenario`: a name, or settings.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ScenarioChoice {
    Named { name: String },
    Settings(Box<Scenario>),
}

/// Answers a request to the control interface.
pub fn answer(shared: &Shared, request: &Request) -> Response {
    let path = request.path.trim_start_matches(PREFIX);
    match act(shared, request.method.as_str(), path, &request.body) {
        Ok(value) => Response::new(200, "application/json", format!("{value:#}\n")),
        Err((status, message)) => Response::new(
            status,
            "application/json",
            format!("{:#}\n", json!({"error": message})),
        ),
    }
}

type Failure = (u16, String);

fn act(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Result<Value, Failure> {
    match (method, path) {
        ("GET", "") => Ok(overview(shared)),
        ("GET", "log") => Ok(json!({
            "requests": shared.journal.requests(),
            "connections": shared.journal.connections(),
            "violations": shared.world().violations,
        })),
        ("DELETE", "log") => {
            shared.journal.clear();
            Ok(json!({"requests": 0}))
        }
        ("GET", "faults") => Ok(json!(shared.faults().all())),
        ("POST", "faults") => {
            let ArmedFault { fault, kind, .. } = parse(body)?;
            Ok(json!({"id": shared.faults().add(fault, kind)}))
        }
        ("PUT", "faults") => {
            let wanted: Vec<ArmedFault> = parse(body)?;
            let mut faults = shared.faults();
            faults.clear();
            let ids: Vec<u64> = wanted
                .into_iter()
                .map(|armed| faults.add(armed.fault, armed.kind))
                .collect();
            Ok(json!({"ids": ids}))
        }
        ("DELETE", "faults") => {
            shared.faults().clear();
            Ok(json!([]))
        }
        ("GET", "latency") => Ok(latency(shared)),
        ("PUT", "latency") => {
            let wanted: Latency = parse(body)?;
            shared.set_round_trip(Duration::from_millis(wanted.milliseconds));
            Ok(latency(shared))
        }
        ("GET", "scenario") => Ok(json!(shared.scenario())),
        ("PUT", "scenario") => {
            let scenario = match parse(body)? {
                ScenarioChoice::Named { name } => {
                    Scenario::named(&name).ok_or((400, format!("there is no scenario {name:?}")))?
                }
                ScenarioChoice::Settings(settings) => *settings,
            };
            shared.set_scenario(scenario);
            Ok(json!(shared.scenario()))
        }
        ("GET", "content") => Ok(content(shared)),
        ("POST", "content") => {
            let change: Change = parse(body)?;
            shared
                .world()
                .apply(change)
                .map_err(|error| (404, error.to_string()))?;
            Ok(json!({"changed": true}))
        }
        ("GET", "environment") => Ok(Value::Object(
            shared
                .environment()
                .into_iter()
                .map(|(name, value)| (name, Value::String(value)))
                .collect(),
        )),
        (_, "" | "log" | "faults" | "latency" | "scenario" | "content" | "environment") => {
            Err((405, format!("{method} is not for {PREFIX}{path}")))
        }
        _ => Err((
            404,
            format!("there is no {PREFIX}{path}; GET {PREFIX} lists what there is"),
        )),
    }
}

fn overview(shared: &Shared) -> Value {
    json!({
        "hosts": shared.world().registries.keys().collect::<Vec<_>>(),
        "paths": {
            "log": "GET, DELETE", "faults": "GET, POST, PUT, DELETE", "latency": "GET, PUT",
            "scenario": "GET, PUT", "content": "GET, POST", "environment": "GET",
        },
        "scenarios": Scenario::NAMES.iter().map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

fn latency(shared: &Shared) -> Value {
    json!({"milliseconds": u64::try_from(shared.round_trip().as_millis()).unwrap_or(u64::MAX)})
}

/// Every tag of every registry, with its digest.
fn content(shared: &Shared) -> Value {
    let mut world = shared.world();
    import::advance(&mut world);
    let mut all = json!({});
    for (host, registry) in &world.registries {
        for (name, repository) in &registry.repositories {
            for (tag, entry) in &repository.tags {
                all[host.as_str()][name.as_str()][tag.as_str()] =
                    json!({"digest": entry.digest, "locked": entry.locked});
            }
        }
    }
    all
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        (
            400,
            format!("the body is not what is expected here: {error}"),
        )
    })
}
