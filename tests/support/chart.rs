//! Helpers of the tests of the chart's images.

use sandbox::{Sandbox, Scenario};

use super::{Ended, Run, run};

pub fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

/// A run that checks only the chart's images.
pub fn check_chart<'a>(executable: &'a str, world: &'a Sandbox) -> Run<'a> {
    run(executable, world).set("IMAGES", "runwhen-local")
}

pub fn verdict(ended: &Ended, name: &str) -> String {
    let verdicts = ended.verdicts("sli.json");
    verdicts
        .get(name)
        .unwrap_or_else(|| panic!("{name} is not in {verdicts:?}\n{}", ended.stderr))
        .clone()
}
