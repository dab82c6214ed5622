//! The logins of chart repositories over https. A chart uses only those of the hosts that its own settings name: its index decides
//! where the archive is, and must not decide which login is sent there.

use std::collections::BTreeSet;

use url::Url;

use super::problems::connection;
use crate::config::{ChartOrigin, ChartRequest, ChartSetting};
use crate::name::{DOCKER_HUB, Registry};
use crate::registry::{Account, LoginOrigin, SourceLogin, SourceLogins};

/// `docker login` does not work for a host without a registry.
const ENTRY: &str = "put user and password for it into Docker's config.json (DOCKER_CONFIG)";

/// The logins that one chart may use.
pub(super) struct Logins<'a> {
    origin: &'a ChartOrigin,
    hosts: BTreeSet<Registry>,
    all: &'a SourceLogins,
}

impl<'a> Logins<'a> {
    pub(super) fn of(request: &'a ChartRequest, all: &'a SourceLogins) -> Self {
        let hosts = request.hosts_of_logins();
        Self {
            origin: &request.origin,
            // In names of images it stands for another host.
            hosts: hosts.filter(|host| host.as_str() != DOCKER_HUB).collect(),
            all,
        }
    }

    /// User and password for requests to this URL.
    pub(super) fn account(&self, url: &Url) -> Option<&'a Account> {
        self.all.account_of(&self.named_host(url)?)
    }

    fn at(&self, url: &Url) -> Option<&'a SourceLogin> {
        self.all.of(&self.named_host(url)?)
    }

    fn named_host(&self, url: &Url) -> Option<Registry> {
        Registry::of_url(url).filter(|host| self.hosts.contains(host))
    }

    /// What to check if `refusing` refuses access. It is another host than that of `url` after a redirect.
    pub(super) fn advice(&self, url: &Url, refusing: &Url) -> String {
        let check = connection(self.origin);
        let Some(host) = Registry::of_url(refusing) else {
            return check;
        };
        if refusing.origin() != url.origin() {
            return format!("{check}; {host} is the target of a redirect, which gets no login");
        }
        match (self.at(url), self.origin) {
            (Some(login), _) if self.account(url).is_some() => match &login.origin {
                LoginOrigin::DockerFile(file) => format!(
                    "check user and password of {host} in {} (DOCKER_CONFIG), and that they may read the repository",
                    file.display()
                ),
                origin => origin.advice(&host),
            },
            (Some(_), _) => format!(
                "the login for {host} is an identity token, which a chart repository does not accept: {ENTRY}"
            ),
            (None, _) if self.hosts.contains(&host) => {
                format!("{check}; if the repository is private, {ENTRY}")
            }
            (None, ChartOrigin::RunWhenLocal) => format!("{check}; no login is sent to {host}"),
            (None, ChartOrigin::Extra { .. }) => {
                let setting = self.origin.settings(&[ChartSetting::Logins]);
                format!("{check}; if {host} is private, add it to {setting}, and {ENTRY}")
            }
        }
    }
}
