//! A registry with the distribution project's behaviour and any kind of login, such as Harbor or a plain `registry:2`.

use crate::registry::{BlobDelivery, Referrers, Registry, RegistryKind, TagOrder};
use crate::writing::UploadRules;

/// Settings of a plain registry.
#[derive(Debug, Clone)]
pub struct OciSettings {
    /// How clients log in.
    pub login: Login,
    /// The users.
    pub accounts: Vec<Account>,
    /// The refresh tokens that [`Login::OAuth2`] accepts, with their users.
    pub refresh_tokens: Vec<(String, String)>,
    /// True if clients may read without a user.
    pub anonymous_pull: bool,
    /// True if the token service also issues tokens to clients without a user. They grant nothing without `anonymous_pull`.
    pub anonymous_tokens: bool,
    /// The lifetime of a token in seconds.
    pub token_lifetime: i64,
}

/// How clients log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// They do not: every client may read and write.
    Anonymous,
    /// `Authorization: Basic` in every request.
    Basic,
    /// A token by GET with `Authorization: Basic` (Docker's token specification). POST gets 404.
    Docker,
    /// A token by POST with `grant_type` `password` or `refresh_token` (Docker's OAuth 2 specification). GET with a user gets
    /// 405.
    OAuth2,
}

/// A user of a plain registry.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
    /// False if the user may only read.
    pub may_push: bool,
}

impl OciSettings {
    /// Returns the user with this password.
    #[must_use]
    pub fn account(&self, user: &str, password: &str) -> Option<&Account> {
        let mut accounts = self.accounts.iter();
        accounts.find(|account| account.user == user && account.password == password)
    }

    /// Adds a user.
    #[must_use]
    pub fn with_account(mut self, user: &str, password: &str, may_push: bool) -> Self {
        self.accounts.push(Account {
            user: user.to_owned(),
            password: password.to_owned(),
            may_push,
        });
        self
    }

    /// Has this login and no users.
    #[must_use]
    pub fn new(login: Login) -> Self {
        Self {
            login,
            accounts: Vec::new(),
            refresh_tokens: Vec::new(),
            anonymous_pull: false,
            anonymous_tokens: true,
            token_lifetime: 300,
        }
    }
}

impl Registry {
    /// Creates a plain registry at this host (`host` or `host:port`): blobs without a redirect, tags in no particular order,
    /// the referrers API, and the upload rules of the distribution project.
    #[must_use]
    pub fn oci(host: &str, settings: OciSettings) -> Self {
        Self {
            tag_order: TagOrder::Unsorted,
            referrers: Referrers::Api,
            uploads: UploadRules::distribution(),
            ..Self::new(
                host,
                RegistryKind::Oci(settings),
                Some(100),
                BlobDelivery::Direct,
            )
        }
    }
}
