//! `export` and `import` as subcommands of `acr-sync`: the results for programs.

use sandbox::{Sandbox, Scenario};
use serde_json::Value;

use crate::acr_sync;
use crate::support::{ACR, schema};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn export_and_import_print_json() {
    let world = Sandbox::start(Scenario::copy()).expect("a sandbox");
    let folder = tempfile::tempdir().expect("a folder");
    let [plan, bundle] = ["plan.json", "a.tar"].map(|name| folder.path().join(name));
    let (plan, bundle) = (plan.display().to_string(), bundle.display().to_string());
    acr_sync(&world, &["plan", "-o", &plan])
        .end()
        .expect(0, &[]);
    let arguments = ["export", "--plan", &plan, &bundle, "--output", "json"];
    let ended = acr_sync(&world, &arguments).end();
    ended.expect(0, &[]);
    let export = json(&ended.stdout);
    assert_eq!(export["bundle"], bundle.as_str());
    assert_eq!(export["exit_code"], 0);
    assert_eq!(export["missing"], Value::Array(Vec::new()));
    let file = std::fs::read(&bundle).expect("a bundle");
    assert_eq!(export["file"]["bytes"], file.len());
    let digest = sandbox::content::Digest::of(&file).to_string();
    let sum = export["file"]["sha256"].as_str().expect("a sum");
    assert_eq!(digest, format!("sha256:{sum}"));
    let images = export["images"].as_array().expect("images");
    assert_eq!(images.len(), 5);

    let ended = acr_sync(&world, &["import", &bundle, "--output", "json"]).end();
    ended.expect(0, &[]);
    let result = json(&ended.stdout);
    schema::validate(&result, "result");
    assert_eq!(result["counts"]["imported"], 5);
    assert_eq!(result["program"], "acr-sync");
    for image in images {
        let place = image["destinations"][0].as_str().expect("a destination");
        let (repository, tag) = place.split_once(':').expect("a tag");
        let arrived = world.tag(ACR, repository, tag);
        assert_eq!(arrived.as_deref(), image["digest"].as_str());
    }
}
