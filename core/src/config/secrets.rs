//! All secrets of a configuration.
//!
//! The structs are destructured without `..`, so that each new field requires a decision whether it is a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Config, MetricPush, Target, TargetLogin};
use crate::azure::{Credentials, Login};
use crate::registry::{Account, RegistryCredentials};
use crate::wire::Network;

/// A shorter value of a header is not treated as a secret: a tenant's name, for example, occurs in other words.
const SHORTEST_HEADER: usize = 8;

impl Config {
    /// All secrets of this configuration, which no message may contain.
    pub fn secrets(&self) -> Vec<SecretString> {
        let Self {
            program: _,
            verify_children: _,
            targets,
            registry_type: _,
            repository_path: _,
            subscription: _,
            sync_images: _,
            sync_method: _,
            copy_referrers: _,
            images: _,
            extra_images: _,
            exclude: _,
            git_ref: _,
            codecollections: _,
            codecollection_source: _,
            catalog: _,
            sync_ref_latest: _,
            chart: _,
            extra_charts: _,
            architecture: _,
            use_date_tag: _,
            source_logins,
            output_dir: _,
            temp_dir: _,
            fail_on_outdated: _,
            is_import: _,
            timeout: _,
            log_level: _,
            log_format: _,
            color: _,
            mistyped: _,
            warnings: _,
            cloud: _,
            entra_host: _,
            network,
            metric_push,
            command: _,
            metrics_file: _,
        } = self;
        let mut secrets: Vec<SecretString> = targets.iter().flat_map(of_target).collect();
        secrets.extend(source_logins.all().flat_map(of_registry));
        secrets.extend(of_network(network));
        secrets.extend(metric_push.iter().flat_map(of_metric_push));
        secrets
    }
}

/// Targets with the same login have the same secrets, of which `wire` keeps one.
fn of_target(target: &Target) -> Vec<SecretString> {
    let Target { registry: _, login } = target;
    match login {
        TargetLogin::Azure(login) => of_login(login),
        TargetLogin::Registry {
            credentials,
            origin: _,
        } => credentials.iter().flat_map(of_registry).collect(),
    }
}

fn of_login(login: &Login) -> Vec<SecretString> {
    let Login {
        credentials,
        origin: _,
        places: _,
        subscription: _,
        cloud: _,
        passed_over: _,
    } = login;
    match credentials {
        Credentials::ClientSecret {
            tenant: _,
            client: _,
            secret,
        } => vec![secret.clone()],
        Credentials::ClientCertificate {
            tenant: _,
            client: _,
            pem,
        } => vec![pem.clone()],
        Credentials::ClientAssertion {
            tenant: _,
            client: _,
            assertion,
        } => vec![assertion.clone()],
        // The token is read from its file when it is needed, and is redacted from then on.
        Credentials::WorkloadIdentity {
            tenant: _,
            client: _,
            token_file: _,
        }
        | Credentials::ManagedIdentity { identity: _ } => Vec::new(),
    }
}

/// The token, and the account in the form of the request header. A user's name may occur in names of images.
fn of_account(account: &Account) -> Vec<SecretString> {
    let Account { username, token } = account;
    let pair = format!("{}:{}", username.expose_secret(), token.expose_secret());
    vec![token.clone(), BASE64.encode(pair).into()]
}

fn of_registry(credentials: &RegistryCredentials) -> Vec<SecretString> {
    match credentials {
        RegistryCredentials::Password(account) => of_account(account),
        RegistryCredentials::IdentityToken(token) => vec![token.clone()],
    }
}

fn of_network(network: &Network) -> Vec<SecretString> {
    let Network {
        proxy,
        no_proxy: _,
        ca_bundle: _,
        insecure: _,
        copy_concurrency: _,
    } = network;
    let url = proxy.iter().map(|url| url.expose_secret());
    url.flat_map(proxy_passwords).collect()
}

/// The password in a proxy's URL as it is there, and decoded.
pub(super) fn proxy_passwords(url: &str) -> Vec<SecretString> {
    let url = Url::parse(url).ok();
    let Some(password) = url.as_ref().and_then(Url::password) else {
        return Vec::new();
    };
    let decoded = percent_decode_str(password).decode_utf8_lossy();
    vec![password.into(), decoded.as_ref().into()]
}

/// The whole values of the headers, and the token of `Bearer …`.
fn of_metric_push(push: &MetricPush) -> Vec<SecretString> {
    let MetricPush {
        endpoint: _,
        headers,
        name: _,
        workspace: _,
        names_registry: _,
    } = push;
    let texts = headers.iter().flat_map(|(_, value)| {
        let whole = value.expose_secret();
        [whole, whole.rsplit(' ').next().unwrap_or_default()]
    });
    texts
        .filter(|text| text.len() >= SHORTEST_HEADER)
        .map(SecretString::from)
        .collect()
}
