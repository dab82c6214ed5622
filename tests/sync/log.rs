//! The log: a line for each image, each cause once, and the last line; as text and as JSON.

use sandbox::{ImportFailure, ImportResult, Sandbox};
use serde_json::Value;

use super::outcomes::{one_fails, world, world_with};
use crate::TASKSET;
use crate::support::{Ended, ONE, Run, one_list, run, status};

/// A run of all eight images.
fn all_images(world: &Sandbox) -> Run<'_> {
    run(TASKSET, world).unset(&["IMAGES"])
}

fn count(ended: &Ended, part: &str) -> usize {
    ended.stderr.matches(part).count()
}

fn wrong_secret(world: &Sandbox) -> Run<'_> {
    all_images(world).set("AZURE_CLIENT_SECRET", "not~the~Secret.8Q")
}

#[test]
fn wrong_secret_is_logged_once_for_eight_images() {
    let world = world();
    let ended = wrong_secret(&world).end();
    ended.expect(5, &["the same for 7 more images"]);
    for once in [
        "AADSTS7000215",
        "Invalid client secret provided",
        "ut a valid client secret into AZURE_CLIENT_SECRET",
        "checking 8 images",
        "8 images: 8 could not be checked. Report: ",
    ] {
        assert_eq!(count(&ended, once), 1, "{once}:\n{}", ended.stderr);
    }
    let short = ": Unknown: Microsoft Entra refused access\n";
    assert_eq!(count(&ended, short), 8, "{}", ended.stderr);
    // It was 3,444 bytes when each image had the whole cause.
    assert!(ended.stderr.len() < 2_200, "{}", ended.stderr.len());
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(
        last.ends_with("/azure-rw-acr-sync/sync-report.md"),
        "{last}"
    );
}

#[test]
fn failed_import_is_logged_once() {
    let failure = ImportFailure::SourceUnauthorized;
    let world = world_with(ImportResult::Fail(failure));
    let ended = one_fails(&world, &[]);
    for once in [
        "Azure could not pull",
        "(GET https://management.azure.com/",
        "UNAUTHORIZED",
        "import failed after",
        "importing 5 images",
        "5 images: 4 imported and verified, 1 could not be imported. Report: ",
    ] {
        assert_eq!(count(&ended, once), 1, "{once}:\n{}", ended.stderr);
    }
    // It was 2,090 bytes.
    assert!(ended.stderr.len() < 2_500, "{}", ended.stderr.len());
}

#[test]
fn log_has_one_line_per_image_and_each_reason_once() {
    let world = world();
    world.inject(one_list(), status(403, ""));
    let ended = run(TASKSET, &world).end();
    let unknown = format!(" {ONE}: Unknown: the source registry refused access\n");
    for (part, times) in [
        (&*unknown, 1),
        ("403 Forbidden", 1),
        (": Missing, imported and verified in ", 4),
        (": the destination has no tag main-", 4),
        ("could not be checked for ", 1),
    ] {
        assert_eq!(count(&ended, part), times, "{part}:\n{}", ended.stderr);
    }
}

#[test]
fn text_begins_with_a_date_and_has_no_colors_in_a_pipe() {
    let world = world();
    let ended = wrong_secret(&world).end();
    for line in ended.stderr.lines() {
        let (time, rest) = line.split_once(' ').unwrap_or_default();
        let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(digits, "0000-00-00T00:00:00.000Z", "{line}");
        assert!(rest.starts_with(" INFO ") || rest.starts_with(" WARN "));
    }
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
}

/// The lines of a JSON log. Fails if one is not an object with the fields that every line has.
fn objects(ended: &Ended) -> Vec<Value> {
    let object = |line: &str| -> Value {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| {
            panic!("{error}: {line}");
        });
        for field in ["timestamp", "level", "message"] {
            assert!(object[field].is_string(), "{field}: {line}");
        }
        object
    };
    ended.stderr.lines().map(object).collect()
}

#[test]
fn json_log_has_the_documented_fields() {
    let world = world_with(ImportResult::Fail(ImportFailure::SourceUnauthorized));
    let ended = run(TASKSET, &world)
        .arguments(&["--log-format", "json", "--verbose"])
        .end();
    ended.expect(4, &[]);
    let objects = objects(&ended);
    let images: Vec<_> = objects.iter().filter(|o| o["image"].is_string()).collect();
    assert_eq!(images.len(), 5, "{}", ended.stderr);
    for image in images {
        let name = image["image"].as_str().unwrap_or_default();
        let (outcome, level) = match name.starts_with(ONE) {
            true => ("failed", "warn"),
            false => ("imported", "info"),
        };
        assert_eq!(image["outcome"], outcome, "{image}");
        assert_eq!(image["level"], level, "{image}");
        assert_eq!(image["verdict"], "Missing", "{image}");
        assert!(image["reason"].is_string(), "{image}");
        assert!(image["duration_ms"].is_u64(), "{image}");
    }
    let issue = objects.iter().find(|o| o["issue"].is_string());
    assert_eq!(issue.expect("an issue")["severity"], 2);
    let last = objects.last().expect("a last line");
    assert_eq!(last["status"], "import_failed");
    assert_eq!(last["exit_code"], 4);
    assert_eq!(last["needs_sync"], 1);
    let report = last["report"].as_str().expect("a path");
    assert!(std::path::Path::new(report).is_file(), "{report}");
    // `--verbose` logs the requests.
    assert!(objects.iter().any(|o| o["level"] == "debug"));
}

#[test]
fn json_log_is_json_if_the_configuration_is_wrong() {
    let world = world();
    let ended = run(TASKSET, &world)
        .set("LOG_FORMAT", "json")
        .set("SYNC_METHOD", "improt")
        .end();
    ended.expect(2, &[]);
    let objects = objects(&ended);
    let [mistake] = &objects[..] else {
        panic!("{}", ended.stderr);
    };
    let message = mistake["message"].as_str().unwrap_or_default();
    assert!(message.contains("; perhaps \"import\""), "{message}");
    assert_eq!(mistake["level"], "error");
}

#[test]
fn quiet_run_logs_nothing_and_prints_its_report() {
    let world = world();
    let ended = wrong_secret(&world).arguments(&["-q"]).end();
    assert_eq!(ended.expect(5, &[]).stderr, "");
    assert!(ended.stdout.contains("8 could not be checked"));
    for both in [&["-q", "-v"][..], &["-v", "--log-level", "warn"]] {
        let ended = all_images(&world).arguments(both).end();
        ended.expect(2, &["cannot be used with"]);
    }
}
