//! This machine's side: the way to each host, the clock, the limit at Docker Hub, the deadline. No request is sent here.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use url::Url;

use super::finding::Finding;
use super::host_name;
use super::sources::{self, CHART};
use crate::config::Config;
use crate::name::{DOCKER_HUB, Registry};
use crate::problem::{Cause, Problem};
use crate::registry::{DOCKER_HUB_SERVER, LoginOrigin};
use crate::report::Status;
use crate::wire::{CaBundle, HostFacts, NoProxy, RateLimit, Trust, Way, Wire};

/// A clock that is off by more than this is about to make logins fail.
const CLOCK_WARNING: TimeDelta = TimeDelta::seconds(60);
/// Entra accepts a difference of five minutes.
const CLOCK_WRONG: TimeDelta = TimeDelta::minutes(5);
/// The round trips of a check to its slowest host, one after another, when it opens connections (docs/performance.md).
const ROUND_TRIPS: u32 = 12;
/// The time that imports usually need.
const IMPORTS: Duration = Duration::from_secs(180);
/// The most servers that a finding names.
const MOST_SERVERS: usize = 3;
/// Fewer pulls than this are soon used up.
const FEW_PULLS: u64 = 10;

/// How all connections are opened, and which authorities are trusted.
pub fn connections(config: &Config, wire: &Wire) -> Finding {
    let network = &config.network;
    let proxy = match (&network.proxy, network.no_proxy == NoProxy::default()) {
        (Some(_), true) => "through the proxy of HTTPS_PROXY",
        (Some(_), false) => "through the proxy of HTTPS_PROXY, except to the hosts of NO_PROXY",
        (None, _) => "without a proxy",
    };
    let trust = trust(wire.trust());
    Finding::ok(
        "connections",
        format!("{proxy}; certificates are checked with the authorities of {trust}"),
    )
}

/// `through the proxy HOST:PORT, certificate issued by NAME, 23 ms`.
pub fn way(wire: &Wire, registry: &Registry) -> String {
    let scheme = wire.scheme(registry);
    let Ok(url) = Url::parse(&format!("{scheme}://{registry}/")) else {
        return String::new();
    };
    let way = match wire.way(&url) {
        Way::Proxy(address) => format!("through the proxy {address}"),
        Way::AroundProxy => "without the proxy".to_owned(),
        Way::Direct => "directly".to_owned(),
    };
    let facts = wire.facts();
    let facts = facts.get(host_name(registry)).cloned().unwrap_or_default();
    let certificate = match (scheme, &facts.issuer) {
        ("http", _) => ", without TLS".to_owned(),
        (_, Some(issuer)) => format!(", certificate issued by {issuer}"),
        (_, None) => String::new(),
    };
    let time = facts
        .round_trip()
        .map(|time| format!(", {} ms", time.as_millis().max(1)));
    format!("{way}{certificate}{}", time.unwrap_or_default())
}

fn trust(trust: &Trust) -> String {
    match trust {
        Trust::Named(CaBundle { variable, file }) => format!("{variable}={}", file.display()),
        Trust::System(path) => format!("this machine ({})", path.display()),
        Trust::Mozilla => "Mozilla's list, because this machine has none".to_owned(),
    }
}

/// The issuer of the certificate of a host that could not be reached; empty if that is not the reason.
pub fn refused_issuer(wire: &Wire, problem: &Problem) -> String {
    let facts = wire.facts();
    let named = facts.iter().find(|(host, facts)| {
        // Of a host that has responded, the certificate is trusted.
        facts.fastest.is_none() && problem.what.contains(host.as_str())
    });
    match named.and_then(|(host, facts)| Some((host, facts.issuer.as_ref()?))) {
        Some((host, issuer)) if problem.cause == Cause::Unreachable => {
            format!(
                "the certificate that was presented for {host} is issued by {issuer}, and the authorities of {} are trusted",
                trust(wire.trust())
            )
        }
        Some(_) | None => String::new(),
    }
}

/// This machine's clock, compared with those of the servers, and the servers whose clocks differ from most others.
pub fn clock(config: &Config, facts: &BTreeMap<String, HostFacts>) -> Finding {
    let entra = config.entra_host.as_deref();
    let entra = Url::parse(entra.unwrap_or_else(|| config.cloud.entra_host()));
    let entra = entra.as_ref().ok().and_then(Url::host_str);
    compared(facts, entra.unwrap_or_default())
}

fn compared(facts: &BTreeMap<String, HostFacts>, entra: &str) -> Finding {
    const WHAT: &str = "clock";
    let known = facts
        .iter()
        .filter_map(|(host, facts)| Some((host.as_str(), facts.clock?)));
    let known: Vec<(&str, TimeDelta)> = known.collect();
    let Some(difference) = middle(&known) else {
        return Finding::unexamined(WHAT, "not examined, because no server has sent its date");
    };
    let of_servers = servers_that_differ(&known, difference, entra);
    let count = known.len();
    let size = difference.abs();
    if size < CLOCK_WARNING {
        let Some(others) = of_servers else {
            let servers = if count == 1 { "server" } else { "servers" };
            let detail = format!("within a minute of the dates of {count} {servers}");
            return Finding::ok(WHAT, detail);
        };
        return Finding::warning(WHAT, others).fix(
            "compare the clock of this machine with a time server; if it is right, correct the clock of the server, or of a \
             proxy that responds in its place",
        );
    }
    let direction = match difference > TimeDelta::zero() {
        true => "behind",
        false => "ahead",
    };
    let detail = format!(
        "the clock of this machine is {} {direction}, compared with {}",
        span(size),
        match count {
            1 => "one server".to_owned(),
            count => format!("most of {count} servers"),
        }
    );
    let finding = match size < CLOCK_WRONG {
        true => Finding::warning(WHAT, detail),
        false => Finding::wrong(WHAT, Status::Unknown, detail),
    };
    finding
        .and(&of_servers.unwrap_or_default())
        .fix("set the clock of this machine, or let it follow a time server")
}

/// The difference in the middle, which single servers with a wrong clock do not move. Of two in the middle, the smaller
/// counts: if half of the servers agree with this machine, they are right.
fn middle(known: &[(&str, TimeDelta)]) -> Option<TimeDelta> {
    let mut sorted: Vec<_> = known.iter().map(|(_, difference)| *difference).collect();
    sorted.sort();
    let upper = sorted.len() / 2;
    let lower = sorted.len().checked_sub(1)? / 2;
    let both = sorted.get(lower..=upper)?.iter().copied();
    both.min_by_key(TimeDelta::abs)
}

/// The servers whose dates differ from the middle, Entra first; `None` if all agree.
fn servers_that_differ(
    known: &[(&str, TimeDelta)],
    middle: TimeDelta,
    entra: &str,
) -> Option<String> {
    let differ = known.iter().map(|(host, clock)| (*host, *clock - middle));
    let mut differ: Vec<_> = differ
        .filter(|(_, difference)| difference.abs() >= CLOCK_WARNING)
        .collect();
    differ.sort_by_key(|(host, _)| *host != entra);
    let texts = differ.iter().take(MOST_SERVERS).map(|(host, difference)| {
        let direction = match *difference > TimeDelta::zero() {
            true => "ahead of",
            false => "behind",
        };
        let role = match *host == entra {
            true => ", whose clock decides which tokens are valid,",
            false => "",
        };
        format!(
            "{host}{role} is {} {direction} the others",
            span(difference.abs())
        )
    });
    let mut texts: Vec<_> = texts.collect();
    if let Some(more @ 1..) = differ.len().checked_sub(MOST_SERVERS) {
        texts.push(format!("{more} more servers differ"));
    }
    (!texts.is_empty()).then(|| format!("the clock of {}", texts.join("; ")))
}

/// Rounded, because a `Date` has whole seconds.
fn span(difference: TimeDelta) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = difference.num_seconds();
    let rounded = |unit: i64| (seconds + unit / 2) / unit;
    match seconds {
        ..120 => format!("{seconds} seconds"),
        _ if rounded(MINUTE) < 120 => format!("{} minutes", rounded(MINUTE)),
        _ if rounded(HOUR) < 48 => format!("{} hours", rounded(HOUR)),
        _ => format!("{} days", rounded(DAY)),
    }
}

/// The pulls that Docker Hub still permits. None if no image comes from there.
pub fn docker_hub(
    config: &Config,
    sources: &sources::Examined,
    facts: &BTreeMap<String, HostFacts>,
) -> Option<Finding> {
    let is_hub = |registry: &Registry| registry.as_str() == DOCKER_HUB;
    if sources.skipped.iter().any(is_hub) {
        return Some(Finding::not_examined(HUB, CHART));
    }
    if !sources.registries.iter().any(is_hub) {
        return None;
    }
    let facts = facts.get(DOCKER_HUB_SERVER);
    if facts.is_none_or(|facts| facts.fastest.is_none()) {
        return Some(Finding::not_examined(HUB, &format!("source {DOCKER_HUB}")));
    }
    let limit = facts.and_then(|facts| facts.rate_limit);
    Some(pulls(limit, config.source_logins.docker_hub_origin()))
}

const HUB: &str = "docker hub";

fn pulls(limit: Option<RateLimit>, login: Option<&LoginOrigin>) -> Finding {
    let account = match login {
        Some(LoginOrigin::DockerHubAccount) => "with the account of DOCKER_USERNAME",
        Some(LoginOrigin::Mirror) => "with the account of CODECOLLECTION_REGISTRY_USERNAME",
        Some(LoginOrigin::DockerFile(_)) => "with the account of DOCKER_CONFIG",
        None => "without an account, so by the address of this machine",
    };
    let Some(RateLimit {
        limit,
        remaining,
        window,
    }) = limit
    else {
        return Finding::ok(HUB, format!("no limit on pulls was reported, {account}"));
    };
    let window = window.map(|window| match window.as_secs() / 60 {
        minutes if minutes % 60 == 0 => format!(" in {} hours", minutes / 60),
        minutes => format!(" in {minutes} minutes"),
    });
    let detail = format!(
        "{remaining} of {limit} pulls{} are left, {account}",
        window.unwrap_or_default()
    );
    let finding = match remaining {
        0 => Finding::wrong(HUB, Status::Unknown, detail),
        few if few < FEW_PULLS && few < limit => Finding::warning(HUB, detail),
        _ => return Finding::ok(HUB, detail),
    };
    finding.fix(match login {
        Some(_) => "wait until the limit is renewed, or use an account with a higher limit",
        None => "set USE_DOCKER_AUTH=true with DOCKER_USERNAME and DOCKER_TOKEN, or wait until the limit is renewed",
    })
}

/// The deadline, compared with the time that a run needs at least.
pub fn deadline(config: &Config, facts: &BTreeMap<String, HostFacts>) -> Finding {
    let times = facts
        .iter()
        .filter_map(|(host, facts)| Some((facts.round_trip()?, host.as_str())));
    timeout(config.timeout, times.max())
}

/// `slowest` is the time of a request to the slowest host, and its name.
fn timeout(given: Duration, slowest: Option<(Duration, &str)>) -> Finding {
    const WHAT: &str = "deadline";
    let seconds = given.as_secs();
    let Some((time, host)) = slowest else {
        let detail = format!(
            "TIMEOUT_SECONDS is {seconds} s; how long a check takes is not known, because no host responded"
        );
        return Finding::unexamined(WHAT, detail);
    };
    let check = time * ROUND_TRIPS;
    let detail = format!(
        "TIMEOUT_SECONDS is {seconds} s; a check needs about {:.1} s ({ROUND_TRIPS} round trips to {host}, {} ms \
         each), and imports often take minutes",
        check.as_secs_f64(),
        time.as_millis().max(1)
    );
    if given >= check + IMPORTS {
        return Finding::ok(WHAT, detail);
    }
    let least = (check + IMPORTS).as_secs() + 1;
    Finding::warning(WHAT, detail).fix(format!(
        "set TIMEOUT_SECONDS to {least} or more, because at the deadline images stay unchecked or not imported"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    fn facts(clocks: &[i64]) -> BTreeMap<String, HostFacts> {
        let facts = |seconds: &i64| HostFacts {
            clock: Some(TimeDelta::seconds(*seconds)),
            ..HostFacts::default()
        };
        let hosts = clocks.iter().enumerate();
        hosts
            .map(|(number, seconds)| (format!("h{number}"), facts(seconds)))
            .collect()
    }

    #[test]
    fn clock_is_compared_with_most_servers() {
        const WRONG: State = State::Wrong(Status::Unknown);
        for (clocks, state, part) in [
            (&[0, 1][..], State::Ok, "2 servers"),
            (&[59], State::Ok, "1 server"),
            (&[90], State::Warning, "90 seconds behind"),
            (&[-299], State::Warning, "5 minutes ahead"),
            (&[7199], WRONG, "2 hours behind"),
            (
                &[300, 301],
                WRONG,
                "5 minutes behind, compared with most of 2",
            ),
            (&[-7300], WRONG, "2 hours ahead"),
            (&[3 * 86_400], WRONG, "3 days behind"),
            (&[], State::NotExamined, "no server"),
            // Single servers are wrong themselves.
            (
                &[59, -4000],
                State::Warning,
                "the clock of h1 is 68 minutes behind the others",
            ),
            (&[0, 1, 60], State::Ok, "3 servers"),
            (
                &[0, 61, 0],
                State::Warning,
                "the clock of h1 is 61 seconds ahead of the others",
            ),
            (
                &[7200, 0, 7201],
                WRONG,
                "most of 3 servers; the clock of h1 is 2 hours behind the others",
            ),
            (
                &[0, 0, 0, 0, 0, 90, 90, 90, 90],
                State::Warning,
                "h7 is 90 seconds ahead of the others; 1 more servers differ",
            ),
        ] {
            let finding = compared(&facts(clocks), "entra.example");
            assert_eq!(finding.state, state, "{clocks:?} {finding:?}");
            assert!(finding.detail.contains(part), "{}", finding.detail);
            let is_to_do = matches!(state, State::Warning | State::Wrong(_));
            assert_eq!(finding.fix.is_empty(), !is_to_do);
        }
    }

    #[test]
    fn clock_of_entra_is_named_first() {
        let finding = compared(&facts(&[-70, 0, 0, 0, 14_400]), "h4");
        assert_eq!(finding.state, State::Warning);
        assert_eq!(
            finding.detail,
            "the clock of h4, whose clock decides which tokens are valid, is 4 hours ahead of the others; \
             h0 is 70 seconds behind the others"
        );
    }

    #[test]
    fn few_pulls_are_a_warning_and_none_are_wrong() {
        let limit = |remaining| RateLimit {
            limit: 100,
            remaining,
            window: Some(Duration::from_secs(21_600)),
        };
        for (remaining, state) in [
            (100, State::Ok),
            (10, State::Ok),
            (9, State::Warning),
            (0, State::Wrong(Status::Unknown)),
        ] {
            let finding = pulls(Some(limit(remaining)), None);
            assert_eq!(finding.state, state, "{remaining}");
            let part = format!("{remaining} of 100 pulls in 6 hours are left");
            assert!(finding.detail.contains(&part), "{}", finding.detail);
        }
        let account = Some(&LoginOrigin::DockerHubAccount);
        assert_eq!(pulls(None, account).state, State::Ok);
        assert!(pulls(Some(limit(0)), None).fix[0].contains("USE_DOCKER_AUTH"));
        assert!(!pulls(Some(limit(0)), account).fix[0].contains("USE_DOCKER_AUTH"));
        let of_file = LoginOrigin::DockerFile("/d/config.json".into());
        assert!(pulls(None, Some(&of_file)).detail.contains("DOCKER_CONFIG"));
    }

    #[test]
    fn deadline_must_leave_time_for_imports() {
        let slow = Some((Duration::from_secs(2), "slow.example"));
        let fast = Some((Duration::from_millis(20), "fast.example"));
        for (seconds, slowest, state) in [
            (540, fast, State::Ok),
            (60, fast, State::Warning),
            (200, slow, State::Warning),
            (204, slow, State::Ok),
            (540, None, State::NotExamined),
        ] {
            let finding = timeout(Duration::from_secs(seconds), slowest);
            assert_eq!(finding.state, state, "{seconds} {slowest:?}");
        }
        let short = timeout(Duration::from_secs(60), slow);
        assert!(
            short
                .detail
                .contains("24.0 s (12 round trips to slow.example")
        );
        assert!(
            short.fix[0].contains("TIMEOUT_SECONDS to 205"),
            "{:?}",
            short.fix
        );
    }
}
