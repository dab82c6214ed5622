//! What the tests of the chart's images share. For tests of `sli`.

// Every test file uses its own part of this.
#![allow(dead_code)]

use sandbox::{ReplacedResponse, Sandbox, Scenario};

use crate::support::{Ended, Run, run};

pub const SLI: &str = env!("CARGO_BIN_EXE_sli");

pub fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

/// A run that looks at the chart's images only.
pub fn look(world: &Sandbox) -> Run<'_> {
    run(SLI, world).set("IMAGES", "runwhen-local")
}

pub fn verdict(ended: &Ended, name: &str) -> String {
    let verdicts = ended.verdicts("sli.json");
    verdicts
        .get(name)
        .unwrap_or_else(|| panic!("{name} is not in {verdicts:?}\n{}", ended.stderr))
        .clone()
}

pub fn status(code: u16, body: &str) -> ReplacedResponse {
    ReplacedResponse::Status {
        code,
        headers: Vec::new(),
        body: body.to_owned(),
    }
}
