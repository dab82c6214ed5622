//! Secrets that a service returns in another form, or that a setting contains by mistake. In addition, the output of
//! every run is searched for all secrets (`support/mod.rs`).

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use crate::SLI;
use crate::support::secrets::{forms_of, squeezed};
use crate::support::{ACR, ENTRA, Ended, run};
use sandbox::{Fault, ReplacedResponse, Sandbox, Scenario, scenario};
use serde_json::json;

const PASSWORD: &str = "proxy/Password~40+x";

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// A refusal of Entra that contains this text.
fn refusal(text: &str) -> ReplacedResponse {
    ReplacedResponse::Status {
        code: 401,
        headers: Vec::new(),
        body: json!({"error": "invalid_client", "error_description": format!("AADSTS7000215: got {text} here")})
            .to_string(),
    }
}

#[track_caller]
fn form_is_hidden(ended: &Ended, form: &str) {
    ended.expect(5, &["***"]);
    for text in [&ended.stderr, &ended.json("sli.json").to_string()] {
        assert!(
            !squeezed(text).contains(&squeezed(form)),
            "{form} in {text}"
        );
    }
}

#[test]
fn client_secret_repeated_in_any_form_is_hidden() {
    for form in forms_of(scenario::CLIENT_SECRET) {
        let world = world();
        world.inject(Fault::on(ENTRA), refusal(&form));
        form_is_hidden(&run(SLI, &world).end(), &form);
    }
}

#[test]
fn proxy_password_repeated_decoded_or_in_any_form_is_hidden() {
    let given = "proxy%2FPassword~40%2Bx";
    for form in forms_of(PASSWORD).into_iter().chain([given.to_owned()]) {
        let world = world();
        world.inject(Fault::on(ENTRA), refusal(&form));
        let proxy = world.proxy_url().replace("://", &format!("://me:{given}@"));
        form_is_hidden(&run(SLI, &world).set("HTTPS_PROXY", proxy).end(), &form);
    }
}

#[test]
fn federated_token_that_entra_repeats_is_hidden() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{}\n", scenario::FEDERATED_TOKEN)).expect("a file");
    let token = scenario::FEDERATED_TOKEN;
    // As it is, percent-encoded, JSON-escaped, and broken by an invisible character.
    let forms = [
        token.to_owned(),
        token.replace('.', "%2E"),
        token.replace('e', "\\u0065"),
        token.replace('.', ".\u{200b}"),
    ];
    for form in forms {
        let world = world();
        world.inject(Fault::on(ENTRA).path_contains("/token"), refusal(&form));
        let ended = run(SLI, &world)
            .unset(&["AZURE_CLIENT_SECRET"])
            .set("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string())
            .end();
        form_is_hidden(&ended, &form);
    }
}

#[test]
fn refused_url_shows_scheme_host_and_path_only() {
    for (name, value, shown) in [
        (
            "HELM_REPO_URL",
            "oci://user:hush-hush@host.example/x",
            "oci://…@host.example/x",
        ),
        (
            "HELM_REPO_URL",
            "https://host.example/x?token=hush-hush",
            "https://host.example/x?…",
        ),
        (
            "HELM_REPO_URL",
            "https://user:hush-hush@host.example/x",
            "https://…@host.example/x",
        ),
        (
            "HELM_REPO_URL",
            "oci://host.example/x?token=hush-hush",
            "oci://host.example/x?…",
        ),
        (
            "AZURE_AUTHORITY_HOST",
            "https://user:hush-hush@login.example",
            "https://…@login.example",
        ),
        (
            "REGISTRY_NAME",
            "https://user:hush-hush@myacr.azurecr.io",
            "https://…@myacr.azurecr.io",
        ),
        (
            "REGISTRY_NAME",
            "user:hush-hush@myacr.azurecr.io",
            "…@myacr.azurecr.io",
        ),
        (
            "REF",
            "https://user:hush-hush@host.example/x",
            "https://…@host.example/x",
        ),
    ] {
        let world = world();
        let ended = run(SLI, &world).set(name, value).end();
        ended.expect(2, &[name, shown]);
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    }
}

#[test]
fn password_that_was_pasted_into_another_variable_is_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let principal =
        json!({"tenantId": "t", "clientId": "c", "clientSecret": "Wrong~Place.17"}).to_string();
    let file = folder.path().join("principal.json");
    std::fs::write(&file, &principal).expect("a file");
    let file = file.display().to_string();
    let world = world();
    let proxy = "http://me:Wrong%7EPlace.17@proxy.example:3128";
    let lines = "tenantId=t\nclientId=c\nclientSecret='Wrong~Place.17'";
    for (source, value, part) in [
        ("HTTPS_PROXY", proxy, "password of HTTPS_PROXY"),
        (
            "azure_credentials",
            &principal,
            "client secret of azure_credentials",
        ),
        (
            "azure_credentials",
            &file,
            "client secret of azure_credentials",
        ),
        (
            "azure_credentials",
            lines,
            "client secret of azure_credentials",
        ),
    ] {
        for (name, wrong) in [
            ("REGISTRY_NAME", "Wrong~Place.17"),
            ("REGISTRY_NAME", "https://wrong~place.17.azurecr.io"),
            ("IMAGE_ARCHITECTURE", "Wrong~Place.17"),
            ("CODECOLLECTIONS", "one Wrong~Place.17"),
        ] {
            let ended = run(SLI, &world).set(source, value).set(name, wrong).end();
            let hidden = format!("the value is not shown, because it contains the {part}");
            ended.expect(2, &[name, &hidden]);
            let text = ended.stderr.to_lowercase();
            assert!(!text.contains("place"), "{name}: {}", ended.stderr);
        }
    }
}

/// A metric collector on every address of this machine.
fn collector() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let _ = connection.read(&mut [0; 65_536]);
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn collector_headers_over_plain_http_are_reported_unless_they_stay_on_the_machine() {
    let port = collector();
    // 0.0.0.0 is this machine too, but not a loopback address.
    for (host, headers, warned) in [
        ("0.0.0.0", "authorization=Bearer%20hush-hush-word", true),
        ("127.0.0.1", "authorization=Bearer%20hush-hush-word", false),
        ("0.0.0.0", "", false),
    ] {
        let world = world();
        let ended = run(SLI, &world)
            .set("PUSH_METRIC", "true")
            .set(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://{host}:{port}"),
            )
            .set("OTEL_EXPORTER_OTLP_HEADERS", headers)
            .end();
        ended.expect(0, &["the metric is pushed"]);
        assert_eq!(
            ended.stderr.contains("without encryption"),
            warned,
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    }
}

#[test]
fn registry_token_that_the_registry_repeats_in_any_form_is_hidden() {
    let world = world();
    // A token that the registry issued in this run.
    let token = "acr-refresh-token-that-is-secret";
    for form in forms_of(token) {
        world.clear_faults();
        world.inject(
            Fault::on(ACR).path_contains("/oauth2/exchange"),
            ReplacedResponse::Status {
                code: 200,
                headers: Vec::new(),
                body: json!({ "refresh_token": token }).to_string(),
            },
        );
        world.inject(
            Fault::on(ACR).path_contains("/oauth2/token"),
            ReplacedResponse::Status {
                code: 401,
                headers: Vec::new(),
                body: json!({"errors": [{"code": "UNAUTHORIZED", "message": format!("got {form} here")}]}).to_string(),
            },
        );
        form_is_hidden(&run(SLI, &world).end(), &form);
    }
}
