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

/// The same run with the images of a chart that names only them.
pub fn with_images<'a>(run: Run<'a>, images: &[impl AsRef<str>]) -> Run<'a> {
    let chart = run.folder().join("chart");
    std::fs::create_dir_all(chart.join("templates")).expect("a folder");
    let metadata = "apiVersion: v1\nname: runwhen-local\nversion: 1.0.0\n";
    std::fs::write(chart.join("Chart.yaml"), metadata).expect("a file");
    let pods = images.iter().enumerate().map(|(number, image)| {
        let image = image.as_ref();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number}}}\n\
             spec: {{containers: [{{name: c, image: '{image}'}}]}}\n---\n"
        )
    });
    let pods: String = pods.collect();
    std::fs::write(chart.join("templates/pods.yaml"), pods).expect("a file");
    run.set("HELM_REPO_URL", chart.display().to_string())
        .set("IMAGES", "runwhen-local")
}
