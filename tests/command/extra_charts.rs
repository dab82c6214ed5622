//! `explain` and `doctor` with a chart of `EXTRA_CHARTS`.

use sandbox::extra_chart::{EXTRA_CHARTS, HOST};
use sandbox::{Fault, Sandbox};

use crate::support::{Run, status};
use crate::{acr_sync, world_of};

fn with_chart<'a>(world: &'a Sandbox, arguments: &[&str]) -> Run<'a> {
    let run = acr_sync(world, arguments);
    run.set("IMAGES", "extra").set("EXTRA_CHARTS", EXTRA_CHARTS)
}

#[test]
fn explain_names_the_place_in_the_chart_and_the_value() {
    let world = world_of("extra-chart");
    let ended = with_chart(&world, &["explain", "agent"]).end();
    ended.expect(0, &[]);
    for part in [
        "Deployment operator, container manager, args[1]",
        "of the chart operator uses it; the template is operator/templates/operator.yaml.",
        "Its tag is the appVersion of the chart operator",
    ] {
        assert!(
            ended.stdout.contains(part),
            "{part:?} is not in:\n{}",
            ended.stdout
        );
    }
    let set = format!(
        "{}\n  set: image.repository=ghcr.io/example-apps/backup",
        EXTRA_CHARTS.trim()
    );
    let ended = with_chart(&world, &["explain", "backup:1.4.0"])
        .set("EXTRA_CHARTS", set)
        .end();
    let part = "which set of chart 1 in EXTRA_CHARTS sets";
    assert!(
        ended.stdout.contains(part),
        "{part:?} is not in:\n{}",
        ended.stdout
    );
}

#[test]
fn doctor_examines_each_chart() {
    let world = world_of("extra-chart");
    let good = with_chart(&world, &["doctor"]).end();
    good.expect(0, &[]);
    let part = "extra chart 1: operator 1.4.0 of https://charts.example/stable names 4 images";
    assert!(
        good.stdout.contains(part),
        "{part:?} is not in:\n{}",
        good.stdout
    );
    world.inject(Fault::on(HOST), status(404, ""));
    let broken = with_chart(&world, &["doctor"]).end();
    broken.expect(3, &[]);
    for part in [
        "extra chart 1: ",
        "chart 1 in EXTRA_CHARTS",
        "sources of extra chart 1",
    ] {
        assert!(
            broken.stdout.contains(part),
            "{part:?} is not in:\n{}",
            broken.stdout
        );
    }
}
