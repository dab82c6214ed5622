//! `sandbox serve`: stays up, prints the environment to paste, and logs every request.

use crate::ServeArguments;
use anyhow::{Context, bail};
use sandbox::{RecordedRequest, Sandbox, Scenario};
use std::io::Write;
use std::time::Duration;

/// How much of a path the log shows; ARM's signed addresses have 5 kB.
const SHOWN_PATH: usize = 160;

/// Runs until Ctrl-C or SIGTERM.
pub fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if arguments.scenario == "help" {
        for (name, what) in Scenario::NAMES {
            writeln!(out, "{name:<20} {what}")?;
        }
        return Ok(());
    }
    let Some(scenario) = Scenario::named(&arguments.scenario) else {
        let names: Vec<&str> = Scenario::NAMES.iter().map(|(name, _)| *name).collect();
        bail!(
            "there is no scenario {:?}; there are {}",
            arguments.scenario,
            names.join(", ")
        );
    };
    let sandbox = Sandbox::start_at(scenario, arguments.port)
        .with_context(|| format!("listening on 127.0.0.1:{}", arguments.port))?;
    sandbox.set_latency(Duration::from_millis(arguments.latency));
    let requests = sandbox.subscribe();
    std::thread::spawn(move || {
        let mut log = std::io::stderr();
        for request in requests {
            // Nobody to read the log is no reason to stop.
            let _ = writeln!(log, "{}", line(&request));
        }
    });
    write!(out, "{}", introduction(&sandbox))?;
    out.flush()?;
    wait_for_the_end()
}

/// The `export` lines, and what to try: everything but the lines is a comment, so the whole can be evaluated by a shell.
fn introduction(sandbox: &Sandbox) -> String {
    let proxy = sandbox.proxy_url();
    let certificate = sandbox.ca_file().display().to_string();
    let mut text = String::from("# The sandbox is up; paste this into another shell:\n");
    for (name, value) in sandbox.environment() {
        text.push_str(&format!("export {name}='{value}'\n"));
    }
    // curl and Python's requests have variables of their own for the certificate.
    for name in ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"] {
        text.push_str(&format!("export {name}='{certificate}'\n"));
    }
    for (name, value) in sandbox.identity_environment() {
        text.push_str(&format!(
            "#export {name}='{value}'   # instead of the application's secret\n"
        ));
    }
    text.push_str(&format!(
        "# then, for example:\n\
         #   cargo run --release -p sli\n\
         #   skopeo list-tags docker://us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images/runwhen-contrib-rw-cli-codecollection\n\
         #   curl --noproxy '*' {proxy}/sandbox/log\n\
         #   curl --noproxy '*' {proxy}/sandbox/faults -d '{{\"host\":\"myacr.azurecr.io\",\"times\":1,\"kind\":\"reset_before_headers\"}}'\n\
         # Ctrl-C ends it.\n"
    ));
    text
}

fn line(request: &RecordedRequest) -> String {
    let status = request
        .status
        .map_or_else(|| "---".to_owned(), |status| status.to_string());
    let mut target = request.path.clone();
    if !request.query.is_empty() {
        target = format!("{target}?{}", request.query);
    }
    if target.len() > SHOWN_PATH {
        let shown: String = target.chars().take(SHOWN_PATH).collect();
        target = format!("{shown}…");
    }
    let authorization = if request.authorization { " auth" } else { "" };
    let fault = request
        .fault
        .as_ref()
        .map(|fault| format!("  [{fault}]"))
        .unwrap_or_default();
    format!(
        "{:>8.3}s #{:<3} {status} {:<5} {}://{}{target}  {}→{} B{authorization}{fault}",
        request.at.as_secs_f64(),
        request.connection,
        request.method,
        request.scheme,
        request.host,
        request.bytes_in,
        request.bytes_out,
    )
}

fn wait_for_the_end() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}
