//! `sandbox serve`: prints the environment for clients, runs until a signal, and logs every request.

use anyhow::{Context, bail};
use clap::Args;
use sandbox::extra_chart::EXTRA_CHARTS_ON_ONE_LINE;
use sandbox::extra_images::{
    EXTRA_IMAGES, PRIVATE_HOST, PRIVATE_PASSWORD, PRIVATE_USER, docker_file,
};
use sandbox::{RecordedRequest, Sandbox, Scenario};
use std::io::Write;
use std::time::Duration;

/// The length after which the log truncates a path. ARM's signed URLs have 5 kB.
const SHOWN_PATH: usize = 160;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The state with which the services start; `help` lists the names.
    #[arg(long, default_value = "outdated", value_name = "NAME")]
    scenario: String,
    /// The port on 127.0.0.1; 0 for a free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The duration of a round trip in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
}

/// Runs until Ctrl-C or SIGTERM.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if arguments.scenario == "help" {
        for (name, description) in Scenario::NAMES {
            writeln!(out, "{name:<20} {description}")?;
        }
        return Ok(());
    }
    let Some(scenario) = Scenario::named(&arguments.scenario) else {
        let names: Vec<&str> = Scenario::NAMES.iter().map(|(name, _)| *name).collect();
        bail!(
            "there is no scenario {:?}; the names are {}",
            arguments.scenario,
            names.join(", ")
        );
    };
    let sandbox = Sandbox::start_at(scenario.clone(), arguments.port)
        .with_context(|| format!("could not listen on 127.0.0.1:{}", arguments.port))?;
    sandbox.set_latency(Duration::from_millis(arguments.latency));
    let requests = sandbox.subscribe();
    std::thread::spawn(move || {
        let mut log = std::io::stderr();
        for request in requests {
            // The sandbox continues without a log if stderr is closed.
            let _ = writeln!(log, "{}", line(&request));
        }
    });
    let extra = extra(&sandbox, &scenario).context("could not write Docker's file")?;
    write!(out, "{}", introduction(&sandbox, &extra))?;
    out.flush()?;
    wait_for_signal()
}

/// Returns the settings for what a scenario has for `EXTRA_IMAGES` and `EXTRA_CHARTS`, as comments.
fn extra(sandbox: &Sandbox, scenario: &Scenario) -> std::io::Result<String> {
    let mut text = String::new();
    if scenario.extra_images {
        let docker = sandbox.folder().join("docker");
        std::fs::create_dir_all(&docker)?;
        std::fs::write(docker.join("config.json"), docker_file())?;
        text.push_str(&format!(
            "# Extra images: an exact tag, a range of versions, a tag that moves, the newest version, a pattern, a private image\n\
             #export EXTRA_IMAGES='{EXTRA_IMAGES}'\n\
             #export DOCKER_CONFIG='{}'   # its login at {PRIVATE_HOST}: user {PRIVATE_USER}, password {PRIVATE_PASSWORD}\n",
            docker.display()
        ));
    }
    if scenario.extra_chart {
        text.push_str(&format!(
            "# A chart of a third party, with a pattern for each image that no container has\n\
             #export EXTRA_CHARTS='{EXTRA_CHARTS_ON_ONE_LINE}'\n"
        ));
    }
    Ok(text)
}

/// Returns the `export` lines and examples. The examples are comments, so that a shell can evaluate the text.
fn introduction(sandbox: &Sandbox, extra: &str) -> String {
    let proxy = sandbox.proxy_url();
    let certificate = sandbox.ca_file().display().to_string();
    let mut text = String::from("# The sandbox is running. Paste this into another shell:\n");
    for (name, value) in sandbox.environment() {
        text.push_str(&format!("export {name}='{value}'\n"));
    }
    // curl and Python's requests use their own variables for the CA bundle.
    for name in ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"] {
        text.push_str(&format!("export {name}='{certificate}'\n"));
    }
    for (name, value) in sandbox.identity_environment() {
        text.push_str(&format!(
            "#export {name}='{value}'   # a managed identity instead of the application's secret\n"
        ));
    }
    text.push_str(extra);
    text.push_str(&format!(
        "# Examples:\n\
         #   cargo run --release --bin sli\n\
         #   skopeo list-tags docker://us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images/runwhen-contrib-rw-cli-codecollection\n\
         #   curl --noproxy '*' {proxy}/sandbox/log\n\
         #   curl --noproxy '*' {proxy}/sandbox/faults -d '{{\"host\":\"myacr.azurecr.io\",\"times\":1,\"kind\":\"reset_before_headers\"}}'\n\
         # Ctrl-C stops the sandbox.\n"
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

fn wait_for_signal() -> anyhow::Result<()> {
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
