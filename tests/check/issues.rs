//! The issues of a run: titles, next steps, details and the command that repeats it.

use std::process::Command;

use crate::SLI;
use crate::support::{ACR, Ended, ONE, SOURCE, run, status};
use sandbox::{Fault, Sandbox, Scenario};
use serde_json::json;

fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

/// The issues of `issues.json`, and one field of each.
fn texts(ended: &Ended, field: &str) -> Vec<String> {
    let issues = ended.json("issues.json");
    let issues = issues.as_array().expect("a list");
    let text = |issue: &serde_json::Value| issue[field].as_str().unwrap_or_default().to_owned();
    issues.iter().map(text).collect()
}

#[test]
fn issues_name_their_category_and_one_cause_of_the_run_has_one_title() {
    let world = world("outdated");
    let ended = run(SLI, &world).unset(&["IMAGES"]).end();
    assert_eq!(
        texts(&ended, "title"),
        [
            "5 CodeCollection images need a sync to ACR myacr.azurecr.io",
            "3 RunWhen Local images need a sync to ACR myacr.azurecr.io",
        ]
    );
    let issues = ended.json("issues.json");
    assert_eq!(issues[0]["categories"], json!(["codecollection"]));
    assert_eq!(issues[1]["categories"], json!(["runwhen_local"]));
    let of = |images: &str, categories: &[&str]| {
        let run = run(SLI, &world).set("IMAGES", images);
        let ended = run.set("AZURE_CLIENT_SECRET", "not-the-Secret").end();
        ended.expect(5, &["AADSTS7000215"]);
        let issues = ended.json("issues.json");
        assert_eq!(issues[0]["categories"], json!(categories));
        assert_eq!(
            texts(&ended, "next_steps"),
            [
                "Put a valid client secret into AZURE_CLIENT_SECRET, then run the task again (the secret's value is needed, not its id)"
            ]
        );
        let details = issues[0]["details"].as_str().unwrap_or_default();
        assert!(
            details.contains("- credentials: service principal of AZURE_CLIENT_SECRET"),
            "{details}"
        );
        texts(&ended, "title")
    };
    let title = "Microsoft Entra refused the login for ACR myacr.azurecr.io";
    assert_eq!(of("all", &["codecollection", "runwhen_local"]), [title]);
    assert_eq!(of("codecollection", &["codecollection"]), [title]);
    assert_eq!(of("runwhen-local", &["runwhen_local"]), [title]);
}

#[test]
fn next_step_names_the_secret_of_the_platform() {
    let world = world("outdated");
    let keys = json!({"az_clientSecret": "k8s:file@secret/azure-sp:clientSecret"});
    let given = world.environment().into_iter();
    let given: std::collections::HashMap<_, _> = given.collect();
    let ended = run(SLI, &world)
        .unset(&["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"])
        .set("az_tenantId", &*given["AZURE_TENANT_ID"])
        .set("az_clientId", &*given["AZURE_CLIENT_ID"])
        .set("az_clientSecret", "not-the-Secret")
        .set("RW_SECRETS_KEYS", keys.to_string())
        .end();
    ended.expect(
        5,
        &["Put a valid client secret into the Kubernetes secret azure-sp (key clientSecret), then run the task again"],
    );
}

#[test]
fn problem_of_one_image_is_named_in_the_title_with_its_cause() {
    let world = world("outdated");
    world.inject(Fault::on(SOURCE).path_contains(ONE), status(403, ""));
    let ended = run(SLI, &world).unset(&["IMAGES"]).end();
    ended.expect(3, &[]);
    let title = format!(
        "CodeCollection image {ONE} could not be checked for ACR {ACR}: the source registry refused access"
    );
    assert_eq!(texts(&ended, "title")[0], title);
}

#[test]
fn reproduce_hint_is_this_executable_with_the_given_settings_and_no_secret() {
    let world = world("outdated");
    let ended = run(SLI, &world)
        .set("REF", "main")
        .set("CHART_VERSION", ">=0.6, <1")
        .set("CHART_SET", "collector.token=hush-hush")
        .set("LOG_LEVEL", "error")
        .end();
    let hint = format!(
        "REGISTRY_NAME={ACR} SYNC_METHOD=import IMAGES=codecollection CHART_VERSION='>=0.6, <1' CHART_SET=\"$CHART_SET\" COPY_REFERRERS=false {SLI} --log-level debug"
    );
    assert_eq!(texts(&ended, "reproduce_hint"), std::slice::from_ref(&hint));
    // The command finds the executable without PATH and repeats the check.
    let output = Command::new("/bin/sh")
        .args(["-c", &hint])
        .env_clear()
        .envs(world.environment())
        .env("OUTPUT_DIR", ended.folder.path())
        .output()
        .expect("a shell");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5\n");
}

#[test]
fn tag_latest_is_an_issue_whose_step_names_the_setting() {
    let world = world("up-to-date");
    let ended = run(SLI, &world)
        .set("IMAGES", "runwhen-local")
        .set("CHART_SET", "runwhenLocal.image.tag=latest")
        .end();
    let titles = texts(&ended, "title");
    let title = format!(
        "A tag latest hides RunWhen Local image runwhen-local in ACR {ACR} from azure-rw-acr-helm-update"
    );
    let position = titles.iter().position(|found| *found == title);
    let steps = &texts(&ended, "next_steps")[position.expect("the issue")];
    assert!(steps.starts_with("Set USE_DATE_TAG=true ("), "{steps}");
}
