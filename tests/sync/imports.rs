//! What `taskset` imports, verifies and reports if no service fails.

use crate::TASKSET;
use crate::support::{ACR, ARM, ENTRA, SOURCE, run};
use sandbox::{Change, Sandbox, Scenario, scenario};

fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

fn imports(world: &Sandbox) -> usize {
    world
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("/importImage"))
        .count()
}

#[test]
fn missing_images_are_imported_by_digest_verified_and_reported() {
    let world = world("outdated");
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &["importing 5 images"]);
    for name in scenario::CODE_COLLECTIONS {
        let tag = Scenario::newest_tag(name);
        let published = world.tag(SOURCE, &format!("{}/{name}", scenario::GOOGLE_PATH), &tag);
        assert!(published.is_some());
        assert_eq!(
            world.acr_tag(&format!("runwhen/{name}"), &tag),
            published,
            "{name}"
        );
        assert!(ended.stdout.contains(&tag), "{tag} is not in the report");
    }
    for request in world
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("/importImage"))
    {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(
            body.contains("@sha256:") && body.contains("\"Force\""),
            "{body}"
        );
    }
    assert_eq!(ended.report("sync-report.md"), ended.stdout);
    assert!(
        ended.stdout.contains("5 images: 5 imported and verified."),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.json("issues.json"), serde_json::json!([]));
    assert_eq!(
        ended.json("cc_images_to_update.json"),
        serde_json::json!([])
    );
    assert_eq!(ended.json("taskset.json")["needs_sync"], 0);
}

#[test]
fn finished_import_is_noticed_before_retry_after() {
    let world = world("outdated");
    // As the real service: with a poll every ten seconds, the import would take ten.
    let timing = Change::ImportTiming {
        milliseconds: 2_000,
        lag_milliseconds: 0,
        retry_after: 10,
    };
    world.change(timing).expect("a change");
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    let requests = world.requests();
    let polls = requests
        .iter()
        .filter(|request| request.path.contains("/operationResults/"));
    assert_eq!(
        polls.count(),
        5,
        "one poll for each import, after it is done"
    );
    let began = requests
        .iter()
        .find(|request| request.path.ends_with("/importImage"))
        .expect("an import")
        .at;
    let checks = requests
        .iter()
        .filter(|request| request.method == "HEAD" && request.at > began);
    // Every half second for two seconds, and one to verify.
    assert!(checks.count() <= 5 * 6);
    let took = ended.json("taskset.json")["timings_ms"]["import"].as_u64();
    assert!(
        took.is_some_and(|took| (2_000..9_000).contains(&took)),
        "{took:?}"
    );
}

#[test]
fn second_run_plans_nothing_and_writes_nothing() {
    let world = world("outdated");
    run(TASKSET, &world).end().expect(0, &[]);
    assert_eq!(imports(&world), 5);
    world.clear_log();
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert!(
        ended.stdout.contains("5 images: 5 up to date."),
        "{}",
        ended.stdout
    );
    let writes: Vec<_> = world
        .requests()
        .into_iter()
        .filter(|request| !matches!(request.method.as_str(), "GET" | "HEAD"))
        .filter(|request| request.host != ENTRA && !request.path.starts_with("/oauth2/"))
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(writes, Vec::<String>::new());
}

#[test]
fn sync_images_false_only_checks() {
    let world = world("outdated");
    let ended = run(TASKSET, &world).set("SYNC_IMAGES", "false").end();
    ended.expect(0, &[]);
    assert!(
        ended.stdout.contains("5 images: 5 to be synced."),
        "{}",
        ended.stdout
    );
    assert_eq!(imports(&world), 0);
    assert!(
        !world.requests().iter().any(|request| request.host == ARM),
        "a check sends no request to Resource Manager"
    );
    let issues = ended.json("issues.json");
    assert_eq!(issues[0]["severity"], 4);
    for field in [
        "title",
        "expected",
        "actual",
        "next_steps",
        "details",
        "reproduce_hint",
    ] {
        assert!(
            issues[0][field]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{field}"
        );
    }
}

#[test]
fn drifted_tags_are_overwritten() {
    let world = world("drifted");
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert!(
        ended
            .verdicts("taskset.json")
            .values()
            .all(|verdict| verdict == "Drifted")
    );
    for name in scenario::CODE_COLLECTIONS {
        let tag = Scenario::newest_tag(name);
        let published = world.tag(SOURCE, &format!("{}/{name}", scenario::GOOGLE_PATH), &tag);
        assert_eq!(world.acr_tag(&format!("runwhen/{name}"), &tag), published);
    }
}

#[test]
fn previous_digest_of_an_overwritten_tag_is_reported() {
    let world = world("drifted");
    let name = crate::support::ONE;
    let (repository, tag) = (format!("runwhen/{name}"), Scenario::newest_tag(name));
    let previous = world.acr_tag(&repository, &tag).expect("the tag");
    // A check reports it too.
    let checked = run(TASKSET, &world).set("SYNC_IMAGES", "false").end();
    checked.expect(0, &[]);
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert_ne!(world.acr_tag(&repository, &tag).as_ref(), Some(&previous));
    for ended in [&checked, &ended] {
        let images = ended.json("taskset.json")["images"].clone();
        let mut images = images.as_array().into_iter().flatten();
        let destination = format!("{ACR}/{repository}:{tag}");
        let row = images.find(|row| row["destination"] == destination);
        let row = row.expect("the image");
        assert_eq!(row["previous_digests"][&tag], previous, "{row}");
        assert!(
            row["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(&previous))
        );
        for text in [
            ended.stdout.clone(),
            ended.report("sync-report.html"),
            ended.json("issues.json").to_string(),
        ] {
            assert!(text.contains(&previous), "{text}");
        }
    }
    let issues = ended.json("issues.json");
    let command = format!(
        "az acr import --name myacr --source {ACR}/{repository}@{previous} --image {repository}:{tag} --force"
    );
    assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
    assert_eq!(issues[0]["severity"], 4);
    assert!(issues.to_string().contains(&command), "{issues}");
}

#[test]
fn sync_ref_latest_moves_the_alias_to_the_same_digest() {
    let world = world("outdated");
    run(TASKSET, &world)
        .set("SYNC_REF_LATEST", "true")
        .end()
        .expect(0, &[]);
    assert_eq!(imports(&world), 5, "one import serves both tags");
    for name in scenario::CODE_COLLECTIONS {
        let repository = format!("runwhen/{name}");
        let stable = world.acr_tag(&repository, &Scenario::newest_tag(name));
        assert!(stable.is_some());
        assert_eq!(world.acr_tag(&repository, "main-latest"), stable);
    }
    let ended = run(TASKSET, &world).set("SYNC_REF_LATEST", "true").end();
    assert!(
        ended.expect(0, &[]).stdout.contains("5 up to date"),
        "{}",
        ended.stdout
    );
    assert_eq!(imports(&world), 5);
}

#[test]
fn login_server_with_a_domain_name_label_is_found() {
    let world = world("login-server-label");
    let server = world.login_server().to_owned();
    for name in [server.as_str(), "myacr"] {
        let ended = run(TASKSET, &world).set("REGISTRY_NAME", name).end();
        assert!(
            ended.expect(0, &[]).stdout.contains(&server),
            "{}",
            ended.stdout
        );
    }
}

#[test]
fn repository_path_of_the_setting_is_used() {
    let world = world("empty");
    run(TASKSET, &world)
        .set("REGISTRY_REPOSITORY_PATH", "/team/mirror/")
        .end()
        .expect(0, &[]);
    let name = crate::support::ONE;
    assert!(
        world
            .acr_tag(&format!("team/mirror/{name}"), &Scenario::newest_tag(name))
            .is_some()
    );
}

#[test]
fn every_form_of_credentials_is_accepted() {
    let world = world("up-to-date");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let (tenant, client, secret, subscription) = (
        scenario::TENANT_ID,
        scenario::CLIENT_ID,
        scenario::CLIENT_SECRET,
        scenario::SUBSCRIPTION_ID,
    );
    let json = format!(
        r#"{{"tenantId":"{tenant}","clientId":"{client}","clientSecret":"{secret}","subscriptionId":"{subscription}"}}"#
    );
    write("credentials.json", &json);
    write("token", scenario::FEDERATED_TOKEN);
    write(
        "service_principal_entries.json",
        &format!(r#"[{{"client_id":"{client}","tenant":"{tenant}","client_secret":"{secret}"}}]"#),
    );
    write(
        "azureProfile.json",
        &format!(
            "\u{feff}{{\"subscriptions\":[{{\"id\":\"{subscription}\",\"tenantId\":\"{tenant}\",\"isDefault\":true,\
             \"environmentName\":\"AzureCloud\",\"user\":{{\"name\":\"{client}\",\"type\":\"servicePrincipal\"}}}}]}}"
        ),
    );
    let folder_path = folder.path().display().to_string();
    let identity = world.identity_environment();
    let forms: Vec<(&str, Vec<(&str, String)>)> = vec![
        (
            "az_client",
            vec![
                ("az_tenantId", tenant.into()),
                ("az_clientId", client.into()),
                ("az_clientSecret", secret.into()),
                ("az_subscriptionId", subscription.into()),
            ],
        ),
        ("azure_credentials", vec![("azure_credentials", json)]),
        (
            "file named by azure_credentials",
            vec![("azure_credentials", path("credentials.json"))],
        ),
        (
            "workload identity",
            vec![
                ("AZURE_FEDERATED_TOKEN_FILE", path("token")),
                ("AZURE_TENANT_ID", tenant.into()),
                ("AZURE_CLIENT_ID", client.into()),
            ],
        ),
        (
            "Azure CLI",
            vec![
                ("AZURE_CONFIG_DIR", folder_path),
                (
                    "azure_credentials",
                    format!("Azure CLI authenticated for tenant {tenant}"),
                ),
            ],
        ),
        (
            "managed identity",
            identity
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone()))
                .collect(),
        ),
    ];
    for (origin, variables) in forms {
        let mut run = run(TASKSET, &world).unset(&[
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_SUBSCRIPTION_ID",
        ]);
        // With the short name, Resource Manager is queried too.
        run = run.set("REGISTRY_NAME", "myacr");
        for (name, value) in variables {
            run = run.set(name, value);
        }
        run.end().expect(0, &[origin]);
    }
}

#[test]
fn html_report_needs_no_other_file() {
    let world = world("outdated");
    let html = run(TASKSET, &world).end().report("sync-report.html");
    for needed in [
        "prefers-color-scheme: dark",
        "@media print",
        "name=\"viewport\"",
        "imported, verified",
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    for outside in ["src=", "url(", "@import", "fetch("] {
        assert!(!html.contains(outside), "{outside}");
    }
    // Links are followed by the reader only: within the page, and to the registry's page in the portal.
    let links = html.split("href=\"").skip(1);
    let links: Vec<_> = links.filter_map(|rest| rest.split('"').next()).collect();
    let page = "https://portal.azure.com/#resource/subscriptions/";
    assert!(
        matches!(links[..], ["#images", portal] if portal.starts_with(page)),
        "{links:?}"
    );
    assert!(html.contains("default-src &#x27;none&#x27;"), "{html}");
}

#[test]
fn link_to_the_portal_costs_no_request_and_is_that_of_the_cloud() {
    // A check with the login server does not read the registry's ID.
    let world = world("outdated");
    let checked = run(TASKSET, &world).set("SYNC_IMAGES", "false").end();
    assert!(!checked.report("sync-report.html").contains("portal.azure"));
    assert!(!world.requests().iter().any(|request| request.host == ARM));
    let checked = run(TASKSET, &world)
        .set("REGISTRY_NAME", "myacr")
        .set("SYNC_IMAGES", "false")
        .end();
    let html = checked.report("sync-report.html");
    let id = "resourceGroups/";
    assert!(
        html.contains("https://portal.azure.com/#resource/subscriptions/") && html.contains(id),
        "{html}"
    );
}

#[test]
fn html_report_shows_digests_before_and_after_and_the_time_of_each_import() {
    let world = world("drifted");
    let name = crate::support::ONE;
    let (repository, tag) = (format!("runwhen/{name}"), Scenario::newest_tag(name));
    let before = world.acr_tag(&repository, &tag).expect("the tag");
    let html = run(TASKSET, &world).end().report("sync-report.html");
    let after = world.acr_tag(&repository, &tag).expect("the tag");
    let images = html.split("<li class=\"image ").skip(1);
    let image = images.filter(|image| image.contains(&format!(" data-name=\"{name}\"")));
    let image: Vec<_> = image.collect();
    let [image] = image[..] else {
        panic!("{name} is not one of the images: {html}")
    };
    let changed = |when: &str, digest: &str| {
        format!("<dt>{tag} {when} the run</dt><dd><code class=\"whole\">{digest}</code></dd>")
    };
    for part in [
        changed("before", &before),
        changed("after", &after),
        format!("<p class=\"place\">{ACR}/{repository}:{tag}</p>"),
        "imported by Azure, from ".to_owned(),
    ] {
        assert!(image.contains(&part), "{part}: {image}");
    }
    assert_eq!(html.matches("<rect class=\"imported\"").count(), 1 + 5);
}

#[test]
fn pipeline_gets_its_report_next_to_the_others() {
    let world = world("outdated");
    let waiting = run(TASKSET, &world).set("SYNC_IMAGES", "false").end();
    let text = waiting.report("report.junit.xml");
    assert!(
        text.contains("tests=\"5\" failures=\"5\" errors=\"0\" skipped=\"0\""),
        "{text}"
    );
    let synced = run(TASKSET, &world).end().report("report.junit.xml");
    assert!(synced.contains("tests=\"5\" failures=\"0\""), "{synced}");
}

#[test]
fn pipe_gets_no_progress_display() {
    let world = world("outdated");
    let ended = run(TASKSET, &world).end();
    assert!(
        !ended.stderr.contains('\r') && !ended.stderr.contains('\u{1b}'),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn text_of_the_report_has_each_image_once_in_lines_of_a_hundred_columns() {
    for scenario in ["outdated", "up-to-date"] {
        let world = world(scenario);
        let ended = run(TASKSET, &world).unset(&["IMAGES"]).end();
        ended.expect(0, &[]);
        let longest = ended.stdout.lines().map(|line| line.chars().count()).max();
        assert!(
            longest.is_some_and(|longest| longest <= 105),
            "{}",
            ended.stdout
        );
        let text = ended.stdout.split("## Settings").next().unwrap_or_default();
        let count = |part: &str| text.matches(part).count();
        for name in scenario::CODE_COLLECTIONS {
            assert_eq!(count(name), 1, "{}", ended.stdout);
        }
        for name in ["opentelemetry-collector ", "| runner ", "| runwhen-local "] {
            assert_eq!(count(name), 1, "{}", ended.stdout);
        }
        assert_eq!(
            count("us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images"),
            1
        );
    }
}
