//! Every fault of the sandbox as a client sees it: failure cases must be real.

use crate::client::{Response, connect, exchange, get, request};
use sandbox::scenario::{CODE_COLLECTIONS, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{
    ConnectionFault, ConnectionState, DamagedResponse, Fault, FaultKind, RedirectTarget,
    ReplacedResponse, RetryAfter, Sandbox, Scenario,
};
use std::io;
use std::time::{Duration, Instant};

fn start() -> Sandbox {
    Sandbox::start(Scenario::default()).unwrap()
}

fn tags_url() -> String {
    format!(
        "https://{GOOGLE_HOST}/v2/{GOOGLE_PATH}/{}/tags/list",
        CODE_COLLECTIONS[0]
    )
}

fn manifest_url() -> String {
    format!(
        "https://{GOOGLE_HOST}/v2/{GOOGLE_PATH}/{}/manifests/main-latest",
        CODE_COLLECTIONS[0]
    )
}

/// The result of a request with this fault; a second request must succeed.
fn result_of(kind: impl Into<FaultKind>) -> io::Result<Response> {
    let sandbox = start();
    sandbox.inject(
        Fault::on(GOOGLE_HOST).path_contains("tags/list").once(),
        kind,
    );
    let response = get(&sandbox, &tags_url(), &[]);
    let second = get(&sandbox, &tags_url(), &[]).unwrap();
    assert!(!second.json()["tags"].as_array().unwrap().is_empty());
    assert_eq!(sandbox.faults()[0].hits, 1);
    response
}

fn kind_of(result: io::Result<Response>) -> io::ErrorKind {
    result
        .expect_err("the fault should have been an error")
        .kind()
}

#[test]
fn reset_before_or_after_the_headers_is_a_tcp_reset() {
    assert_eq!(
        kind_of(result_of(ReplacedResponse::ResetBeforeHeaders)),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(
        kind_of(result_of(DamagedResponse::ResetAfterHeaders)),
        io::ErrorKind::ConnectionReset
    );
}

#[test]
fn cut_body_ends_too_early() {
    assert_eq!(
        kind_of(result_of(DamagedResponse::CutBody)),
        io::ErrorKind::UnexpectedEof
    );
}

#[test]
fn stall_keeps_the_connection_without_a_response() {
    let kinds = [
        FaultKind::from(ReplacedResponse::Stall),
        DamagedResponse::StallInBody.into(),
        DamagedResponse::WrongContentLength { difference: 7 }.into(),
    ];
    std::thread::scope(|scope| {
        for kind in kinds {
            scope.spawn(move || {
                let error = kind_of(result_of(kind.clone()));
                let waited = matches!(error, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                assert!(waited, "{kind:?}: {error:?}");
            });
        }
    });
}

#[test]
fn length_that_is_too_short_cuts_the_body() {
    let response = result_of(DamagedResponse::WrongContentLength { difference: -5 }).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
}

#[test]
fn slow_response_is_complete() {
    let sandbox = start();
    let manifest = get(&sandbox, &manifest_url(), &[("Accept", "*/*")])
        .unwrap()
        .body;
    sandbox.inject(
        Fault::on(GOOGLE_HOST).once(),
        DamagedResponse::SlowDrip { milliseconds: 1 },
    );
    let start = Instant::now();
    assert_eq!(
        get(&sandbox, &manifest_url(), &[("Accept", "*/*")])
            .unwrap()
            .body,
        manifest
    );
    assert!(
        start.elapsed() >= Duration::from_millis(manifest.len() as u64),
        "{:?}",
        start.elapsed()
    );
    sandbox.inject(
        Fault::on(GOOGLE_HOST).once(),
        DamagedResponse::Delay { milliseconds: 200 },
    );
    let start = Instant::now();
    assert_eq!(
        get(&sandbox, &manifest_url(), &[("Accept", "*/*")])
            .unwrap()
            .body,
        manifest
    );
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn status_fault_sends_its_headers_and_body() {
    let headers = vec![("X-Fault".to_owned(), "yes".to_owned())];
    let response = result_of(ReplacedResponse::Status {
        code: 503,
        headers,
        body: "busy".into(),
    })
    .unwrap();
    assert_eq!(
        (
            response.status,
            response.header("x-fault"),
            response.text().as_str()
        ),
        (503, Some("yes"), "busy")
    );
}

#[test]
fn too_many_requests_sends_retry_after() {
    let retry_after = |retry_after| {
        let response = result_of(ReplacedResponse::TooManyRequests { retry_after }).unwrap();
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (429, "TOOMANYREQUESTS")
        );
        response.header("retry-after").map(str::to_owned)
    };
    assert_eq!(retry_after(RetryAfter::Seconds(3)).as_deref(), Some("3"));
    assert_eq!(retry_after(RetryAfter::Absurd).as_deref(), Some("999999"));
    assert_eq!(retry_after(RetryAfter::None), None);
    assert!(retry_after(RetryAfter::Date(5)).unwrap().ends_with(" GMT"));
}

#[test]
fn unauthorized_has_the_form_of_the_service() {
    let response = result_of(ReplacedResponse::Unauthorized).unwrap();
    assert_eq!(response.status, 401);
    assert!(
        response
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer realm=\"https://us-west1-docker.pkg.dev/")
    );
    let sandbox = start();
    sandbox.inject(
        Fault::on("management.azure.com"),
        ReplacedResponse::Unauthorized,
    );
    let url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
    assert_eq!(
        get(&sandbox, url, &[]).unwrap().error_code(),
        "ExpiredAuthenticationToken"
    );
}

#[test]
fn redirect_fault_has_the_location_of_its_target() {
    let location = |to| {
        result_of(ReplacedResponse::Redirect { to })
            .unwrap()
            .header("location")
            .unwrap()
            .to_owned()
    };
    assert_eq!(location(RedirectTarget::Loop), tags_url());
    assert_eq!(
        location(RedirectTarget::PlainHttp),
        tags_url().replace("https", "http")
    );
    let elsewhere = location(RedirectTarget::OtherHost("evil.example".into()));
    assert_eq!(elsewhere, tags_url().replace(GOOGLE_HOST, "evil.example"));
}

#[test]
fn wrong_bodies_are_sent() {
    assert!(
        result_of(ReplacedResponse::Html)
            .unwrap()
            .text()
            .contains("<html>")
    );
    let empty = result_of(DamagedResponse::EmptyBody).unwrap();
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let truncated = result_of(DamagedResponse::TruncatedJson).unwrap();
    assert!(
        truncated.body.len() > 100
            && serde_json::from_slice::<serde_json::Value>(&truncated.body).is_err()
    );
    assert!(result_of(DamagedResponse::WrongShape).unwrap().json()["unexpected"].is_array());
}

#[test]
fn large_bodies_are_sent() {
    let endless = result_of(ReplacedResponse::EndlessBody).unwrap();
    assert!(endless.body.len() >= 1_500_000);
    let huge = result_of(ReplacedResponse::HugeJson { bytes: 1_000_000 }).unwrap();
    assert!(huge.json()["tags"].as_array().unwrap().len() > 10_000);
    let bomb = result_of(ReplacedResponse::GzipBomb { bytes: 100_000_000 }).unwrap();
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    assert!(bomb.body.len() < 200_000, "{}", bomb.body.len());
}

#[test]
fn wrong_digests_do_not_match_the_manifest() {
    let sandbox = start();
    let read = |kind: Option<FaultKind>| {
        if let Some(kind) = kind {
            sandbox.inject(Fault::on(GOOGLE_HOST).once(), kind);
        }
        let response = get(&sandbox, &manifest_url(), &[("Accept", "*/*")]).unwrap();
        let header = response.header("docker-content-digest").map(str::to_owned);
        (
            header,
            sandbox::content::Digest::of(&response.body).to_string(),
        )
    };
    let (header, digest) = read(None);
    assert_eq!(header.as_deref(), Some(digest.as_str()));
    assert_eq!(
        read(Some(DamagedResponse::MissingDigestHeader.into())),
        (None, digest.clone())
    );
    let (other_header, same) = read(Some(DamagedResponse::WrongDigestHeader.into()));
    assert_eq!(same, digest);
    assert_ne!(other_header, header);
    let (same_header, other) = read(Some(DamagedResponse::WrongDigest.into()));
    assert_eq!(same_header, header);
    assert_ne!(other, digest);
}

#[test]
fn connection_faults_fail_and_are_logged() {
    let cases = [
        (ConnectionFault::Refused, "502", ConnectionState::Refused),
        (
            ConnectionFault::TunnelRefused { code: 407 },
            "407",
            ConnectionState::Refused,
        ),
        (
            ConnectionFault::CertificateOfForeignAuthority,
            "UnknownIssuer",
            ConnectionState::HandshakeFailed,
        ),
        (
            ConnectionFault::CertificateForOtherHost,
            "NotValidForName",
            ConnectionState::HandshakeFailed,
        ),
        (
            ConnectionFault::CertificateExpired,
            "xpired",
            ConnectionState::HandshakeFailed,
        ),
    ];
    for (kind, text, state) in cases {
        let sandbox = start();
        sandbox.inject(Fault::on(GOOGLE_HOST).times(1), kind.clone());
        let error = get(&sandbox, &tags_url(), &[]).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains(text) || shown.contains("not valid for name"),
            "{kind:?}: {shown}"
        );
        assert_eq!(get(&sandbox, &tags_url(), &[]).unwrap().status, 200);
        assert_eq!(sandbox.connections()[0].state, state, "{kind:?}");
        assert_eq!(sandbox.requests().len(), 1);
    }
}

#[test]
fn stalled_connect_ends_with_the_client() {
    let sandbox = start();
    sandbox.inject(
        Fault::on(GOOGLE_HOST).times(1),
        ConnectionFault::ConnectStalled,
    );
    let address = sandbox.proxy_url().replace("http://", "");
    let mut stalled = std::net::TcpStream::connect(address).expect("the proxy");
    let request = format!("CONNECT {GOOGLE_HOST}:443 HTTP/1.1\r\n\r\n");
    std::io::Write::write_all(&mut stalled, request.as_bytes()).expect("a request");
    while sandbox.connections().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(get(&sandbox, &tags_url(), &[]).unwrap().status, 200);
    let state = || sandbox.connections()[0].state;
    assert_eq!(state(), ConnectionState::Opening);
    drop(stalled);
    while state() != ConnectionState::Closed {
        std::thread::yield_now();
    }
}

#[test]
fn unknown_host_is_refused_by_the_proxy() {
    let sandbox = start();
    let error = get(&sandbox, "https://nowhere.example/", &[]).unwrap_err();
    assert!(error.to_string().contains("502"), "{error}");
}

/// The round trips until a connection is open, and until three requests on it are answered.
fn round_trips(sandbox: &Sandbox, round_trip: Duration) -> [f64; 2] {
    let start = Instant::now();
    let mut connection = connect(sandbox, GOOGLE_HOST).unwrap();
    let connected = start.elapsed();
    let target = tags_url().replace(&format!("https://{GOOGLE_HOST}"), "");
    for _ in 0..3 {
        let response = exchange(&mut connection, "GET", &target, &[], b"").unwrap();
        assert_eq!(response.status, 200);
    }
    [connected, start.elapsed()].map(|time| time.as_secs_f64() / round_trip.as_secs_f64())
}

#[test]
fn latency_costs_a_round_trip_for_tcp_for_tls_and_for_every_request() {
    let sandbox = start();
    let round_trip = Duration::from_millis(200);
    sandbox.set_latency(round_trip);
    // Other processes only add to the time.
    let mut least = [f64::INFINITY; 2];
    for _ in 0..20 {
        let [connected, answered] = round_trips(&sandbox, round_trip);
        least = [least[0].min(connected), least[1].min(answered)];
        if least[0] < 2.6 && least[1] < 5.9 {
            break;
        }
    }
    assert!(
        (1.9..2.6).contains(&least[0]),
        "TCP and TLS took {:.2} round trips",
        least[0]
    );
    assert!(
        (4.9..5.9).contains(&least[1]),
        "TCP, TLS and three requests took {:.2} round trips",
        least[1]
    );
}

#[test]
fn fault_before_the_service_prevents_its_effect() {
    let sandbox = start();
    sandbox.inject(
        Fault::on("management.azure.com").method("POST"),
        ReplacedResponse::ResetBeforeHeaders,
    );
    let url = format!(
        "https://management.azure.com/subscriptions/{}/resourceGroups/platform-images/providers\
         /Microsoft.ContainerRegistry/registries/myacr/importImage?api-version=2023-07-01",
        sandbox::scenario::SUBSCRIPTION_ID
    );
    assert!(request(&sandbox, "POST", &url, &[], b"{}").is_err());
    assert!(sandbox.edit(|world| world.azure.operations.is_empty()));
    let seen = &sandbox.requests()[0];
    assert_eq!(
        (seen.status, seen.fault.as_deref()),
        (None, Some("ResetBeforeHeaders"))
    );
}
