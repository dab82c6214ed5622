//! Every fault of the sandbox, as a client sees it: the bad days are only worth something when they are real.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod sandbox_client;

use sandbox::scenario::{CODE_COLLECTIONS, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{ConnectionFault, ConnectionState, DamagedResponse, Fault, FaultKind, RedirectTarget, ReplacedResponse, RetryAfter, Sandbox, Scenario};
use sandbox_client::{Answer, connect, exchange, get, request};
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

/// What a client gets when this fault is set once: the failing answer, after which a second one must be good.
fn meet(kind: impl Into<FaultKind>) -> io::Result<Answer> {
    let sandbox = start();
    sandbox.inject(
        Fault::on(GOOGLE_HOST).path_contains("tags/list").once(),
        kind,
    );
    let answer = get(&sandbox, &tags_url(), &[]);
    let second = get(&sandbox, &tags_url(), &[]).unwrap();
    assert!(!second.json()["tags"].as_array().unwrap().is_empty());
    assert_eq!(sandbox.faults()[0].hits, 1);
    answer
}

fn kind_of(result: io::Result<Answer>) -> io::ErrorKind {
    result
        .expect_err("the fault should have been an error")
        .kind()
}

#[test]
fn a_reset_is_a_real_one_before_and_after_the_headers() {
    assert_eq!(
        kind_of(meet(ReplacedResponse::ResetBeforeHeaders)),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(
        kind_of(meet(DamagedResponse::ResetAfterHeaders)),
        io::ErrorKind::ConnectionReset
    );
}

#[test]
fn a_cut_body_ends_in_order_and_too_soon() {
    assert_eq!(
        kind_of(meet(DamagedResponse::CutBody)),
        io::ErrorKind::UnexpectedEof
    );
}

#[test]
fn a_stall_never_answers_and_keeps_the_connection() {
    let kinds = [
        FaultKind::from(ReplacedResponse::Stall),
        DamagedResponse::StallInBody.into(),
        DamagedResponse::WrongContentLength { difference: 7 }.into(),
    ];
    std::thread::scope(|scope| {
        for kind in kinds {
            scope.spawn(move || {
                let error = kind_of(meet(kind.clone()));
                let waited = matches!(error, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                assert!(waited, "{kind:?}: {error:?}");
            });
        }
    });
}

#[test]
fn a_length_that_is_too_short_leaves_the_rest_in_the_way() {
    let answer = meet(DamagedResponse::WrongContentLength { difference: -5 }).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
}

#[test]
fn a_slow_answer_is_the_right_one() {
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
fn any_status_with_headers_and_body() {
    let headers = vec![("X-Trouble".to_owned(), "yes".to_owned())];
    let answer = meet(ReplacedResponse::Status {
        code: 503,
        headers,
        body: "busy".into(),
    })
    .unwrap();
    assert_eq!(
        (
            answer.status,
            answer.header("x-trouble"),
            answer.text().as_str()
        ),
        (503, Some("yes"), "busy")
    );
}

#[test]
fn too_many_requests_says_when_to_come_again() {
    let retry_after = |retry_after| {
        let answer = meet(ReplacedResponse::TooManyRequests { retry_after }).unwrap();
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (429, "TOOMANYREQUESTS")
        );
        answer.header("retry-after").map(str::to_owned)
    };
    assert_eq!(retry_after(RetryAfter::Seconds(3)).as_deref(), Some("3"));
    assert_eq!(retry_after(RetryAfter::Absurd).as_deref(), Some("999999"));
    assert_eq!(retry_after(RetryAfter::None), None);
    assert!(retry_after(RetryAfter::Date(5)).unwrap().ends_with(" GMT"));
}

#[test]
fn unauthorized_is_said_in_the_services_own_words() {
    let answer = meet(ReplacedResponse::Unauthorized).unwrap();
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer realm=\"https://us-west1-docker.pkg.dev/")
    );
    let sandbox = start();
    sandbox.inject(Fault::on("management.azure.com"), ReplacedResponse::Unauthorized);
    let url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
    assert_eq!(
        get(&sandbox, url, &[]).unwrap().error_code(),
        "ExpiredAuthenticationToken"
    );
}

#[test]
fn redirects_lead_where_they_should_not() {
    let location = |to| {
        meet(ReplacedResponse::Redirect { to })
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
fn bodies_that_are_not_what_they_should_be() {
    assert!(meet(ReplacedResponse::Html).unwrap().text().contains("<html>"));
    let empty = meet(DamagedResponse::EmptyBody).unwrap();
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let truncated = meet(DamagedResponse::TruncatedJson).unwrap();
    assert!(
        truncated.body.len() > 100
            && serde_json::from_slice::<serde_json::Value>(&truncated.body).is_err()
    );
    assert!(meet(DamagedResponse::WrongShape).unwrap().json()["unexpected"].is_array());
}

#[test]
fn bodies_that_are_too_large() {
    let endless = meet(ReplacedResponse::EndlessBody).unwrap();
    assert!(endless.body.len() >= 1_500_000);
    let huge = meet(ReplacedResponse::HugeJson { bytes: 1_000_000 }).unwrap();
    assert!(huge.json()["tags"].as_array().unwrap().len() > 10_000);
    let bomb = meet(ReplacedResponse::GzipBomb { bytes: 100_000_000 }).unwrap();
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    assert!(bomb.body.len() < 200_000, "{}", bomb.body.len());
}

#[test]
fn manifests_and_digests_that_do_not_match() {
    let sandbox = start();
    let read = |kind: Option<DamagedResponse>| {
        if let Some(kind) = kind {
            sandbox.inject(Fault::on(GOOGLE_HOST).once(), kind);
        }
        let answer = get(&sandbox, &manifest_url(), &[("Accept", "*/*")]).unwrap();
        let header = answer.header("docker-content-digest").map(str::to_owned);
        (
            header,
            sandbox::content::Digest::of(&answer.body).to_string(),
        )
    };
    let (header, digest) = read(None);
    assert_eq!(header.as_deref(), Some(digest.as_str()));
    assert_eq!(
        read(Some(DamagedResponse::MissingDigestHeader)),
        (None, digest.clone())
    );
    let (other_header, same) = read(Some(DamagedResponse::WrongDigestHeader));
    assert_eq!(same, digest);
    assert_ne!(other_header, header);
    let (same_header, other) = read(Some(DamagedResponse::WrongDigest));
    assert_eq!(same_header, header);
    assert_ne!(other, digest);
}

#[test]
fn connections_that_fail() {
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
fn names_that_nobody_knows_are_refused_by_the_proxy() {
    let sandbox = start();
    let error = get(&sandbox, "https://nowhere.example/", &[]).unwrap_err();
    assert!(error.to_string().contains("502"), "{error}");
}

#[test]
fn latency_costs_a_round_trip_for_tcp_for_tls_and_for_every_request() {
    let sandbox = start();
    let round_trip = Duration::from_millis(200);
    sandbox.set_latency(round_trip);
    let start = Instant::now();
    let mut connection = connect(&sandbox, GOOGLE_HOST).unwrap();
    let connected = start.elapsed();
    let target = tags_url().replace(&format!("https://{GOOGLE_HOST}"), "");
    for _ in 0..3 {
        assert_eq!(
            exchange(&mut connection, "GET", &target, &[], b"")
                .unwrap()
                .status,
            200
        );
    }
    let answered = start.elapsed();
    let trips = |time: Duration| time.as_secs_f64() / round_trip.as_secs_f64();
    assert!(
        (1.9..2.6).contains(&trips(connected)),
        "TCP and TLS took {:.2} round trips",
        trips(connected)
    );
    let all = trips(answered);
    assert!(
        (4.9..5.9).contains(&all),
        "TCP, TLS and three requests took {all:.2} round trips"
    );
}

#[test]
fn a_fault_before_the_service_keeps_it_from_acting() {
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
