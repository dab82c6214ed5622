//! The control interface: faults, latency, scenario, content and the log as JSON over plain HTTP at the proxy's own address,
//! for clients in any language. Each endpoint corresponds to a method of [`crate::Sandbox`]; see the README.

use crate::change::Change;
use crate::fault_table::ArmedFault;
use crate::import;
use crate::message::{Request, Response};
use crate::scenario::Scenario;
use crate::shared::Shared;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// The prefix of all paths of the control interface.
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

/// Status and message.
type Failure = (u16, String);

fn act(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Result<Value, Failure> {
    match (method, path) {
        ("GET", "") => Ok(overview(shared)),
        ("GET", "log") => Ok(log(shared)),
        ("DELETE", "log") => {
            shared.journal.clear();
            Ok(json!({"requests": 0}))
        }
        ("GET", "faults") => Ok(json!(shared.faults().all())),
        ("POST", "faults") => add_fault(shared, body),
        ("PUT", "faults") => replace_faults(shared, body),
        ("DELETE", "faults") => {
            shared.faults().clear();
            Ok(json!([]))
        }
        ("GET", "latency") => Ok(latency(shared)),
        ("PUT", "latency") => {
            let latency: Latency = parse(body)?;
            shared.set_round_trip(Duration::from_millis(latency.milliseconds));
            Ok(self::latency(shared))
        }
        ("GET", "scenario") => Ok(json!(shared.scenario())),
        ("PUT", "scenario") => set_scenario(shared, body),
        ("GET", "content") => Ok(content(shared)),
        ("POST", "content") => change(shared, body),
        ("GET", "environment") => Ok(environment(shared)),
        (_, "" | "log" | "faults" | "latency" | "scenario" | "content" | "environment") => {
            Err((405, format!("{PREFIX}{path} does not support {method}")))
        }
        _ => Err((
            404,
            format!("{PREFIX}{path} does not exist; GET {PREFIX} lists all paths"),
        )),
    }
}

fn log(shared: &Shared) -> Value {
    json!({
        "requests": shared.journal.requests(),
        "connections": shared.journal.connections(),
        "violations": shared.world().violations,
    })
}

fn add_fault(shared: &Shared, body: &[u8]) -> Result<Value, Failure> {
    let ArmedFault { fault, kind, .. } = parse(body)?;
    Ok(json!({"id": shared.faults().add(fault, kind)}))
}

fn replace_faults(shared: &Shared, body: &[u8]) -> Result<Value, Failure> {
    let new: Vec<ArmedFault> = parse(body)?;
    let mut faults = shared.faults();
    faults.clear();
    let ids: Vec<u64> = new
        .into_iter()
        .map(|armed| faults.add(armed.fault, armed.kind))
        .collect();
    Ok(json!({"ids": ids}))
}

fn set_scenario(shared: &Shared, body: &[u8]) -> Result<Value, Failure> {
    let scenario = match parse(body)? {
        ScenarioChoice::Named { name } => {
            Scenario::named(&name).ok_or((400, format!("there is no scenario {name:?}")))?
        }
        ScenarioChoice::Settings(settings) => *settings,
    };
    shared.set_scenario(scenario);
    Ok(json!(shared.scenario()))
}

fn change(shared: &Shared, body: &[u8]) -> Result<Value, Failure> {
    let change: Change = parse(body)?;
    let changed = shared.world().apply(change);
    changed.map_err(|error| (404, error.to_string()))?;
    Ok(json!({"changed": true}))
}

fn environment(shared: &Shared) -> Value {
    let variables = shared.environment().into_iter();
    Value::Object(
        variables
            .map(|(name, value)| (name, Value::String(value)))
            .collect(),
    )
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

/// Returns all tags of all registries with their digests.
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
    serde_json::from_slice(body)
        .map_err(|error| (400, format!("the request body is not valid: {error}")))
}
