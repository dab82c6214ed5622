//! The subscription of the registry: where its id comes from, and whether the identity can see it. Pure.

use super::finding::Finding;
use super::need::IMPORT_ROLE;
use crate::azure::{Login, RegistryResource, is_about_subscription};
use crate::config::{Config, SyncMethod};
use crate::problem::{Cause, Problem};
use crate::report::Status;
use crate::text::for_message;

pub const SUBSCRIPTION: &str = "subscription";

/// The most subscriptions that a finding names.
const MOST_NAMED: usize = 5;

pub struct Subscription<'a> {
    pub config: &'a Config,
    pub login: &'a Login,
    pub resource: Result<&'a RegistryResource, &'a Problem>,
    /// The ids that the identity can see, if it cannot see the wanted one.
    pub visible: &'a [String],
}

impl Subscription<'_> {
    /// `read` is the result of the first request that reads the registry.
    pub fn finding(&self, read: &Result<(), Problem>) -> Finding {
        let given = self.config.subscription.as_ref();
        let given = given.map(|id| (id.as_str(), "set with AZURE_RESOURCE_SUBSCRIPTION_ID"));
        let stored = self.login.subscription.as_ref();
        let stored = stored.map(|id| (id.as_str(), "stored with the credentials"));
        // `/subscriptions/ID/…`
        let found = self.resource.ok();
        let found = found.and_then(|resource| resource.id.split('/').nth(2));
        let detected = found.map(|id| (id, "detected, because it holds the registry"));
        let Some((id, origin)) = given.or(stored).or(detected) else {
            return Finding::not_examined(SUBSCRIPTION, "registry");
        };
        let named = format!("{id}, {origin}");
        match self.resource {
            Ok(_) => Finding::ok(SUBSCRIPTION, named),
            Err(problem) if is_about_subscription(problem) => {
                self.not_shown(&named, problem, read).fix(self.correction())
            }
            Err(problem) => match problem.cause {
                // The subscription itself was shown.
                Cause::Configuration | Cause::AccessDenied | Cause::NotFound => {
                    Finding::ok(SUBSCRIPTION, named)
                }
                Cause::Unreachable
                | Cause::Throttled
                | Cause::Unavailable
                | Cause::TimedOut
                | Cause::Invalid
                | Cause::Rejected
                | Cause::Moved
                | Cause::Deadline
                | Cause::Interrupted => {
                    let detail = format!("{named}; not examined, because of registry");
                    Finding::unexamined(SUBSCRIPTION, detail)
                }
            },
        }
    }

    fn not_shown(&self, named: &str, problem: &Problem, read: &Result<(), Problem>) -> Finding {
        let detail = format!("{named}: the identity cannot see it: {}", problem.fact());
        if let (SyncMethod::Copy, Ok(())) = (self.config.sync_method, read) {
            return Finding::warning(SUBSCRIPTION, detail).and("copies work without this");
        }
        match self.visible {
            // An identity without any role sees no subscription.
            [] => Finding::wrong(SUBSCRIPTION, Status::AccessDenied, detail)
                .and("it cannot see another subscription either")
                .fix(format!(
                    "grant the identity '{IMPORT_ROLE}' on the registry"
                )),
            visible => {
                let ids = visible.iter().take(MOST_NAMED).map(|id| for_message(id));
                let ids: Vec<_> = ids.collect();
                let more = match visible.len().saturating_sub(MOST_NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                Finding::wrong(SUBSCRIPTION, Status::Configuration, detail)
                    .and(&format!("it can see {}{more}", ids.join(", ")))
            }
        }
    }

    fn correction(&self) -> &'static str {
        match self.config.subscription {
            Some(_) => {
                "correct AZURE_RESOURCE_SUBSCRIPTION_ID: it must be the subscription that holds the registry"
            }
            None => {
                "correct AZURE_SUBSCRIPTION_ID, or the subscription in the file of the credentials, or set \
                 AZURE_RESOURCE_SUBSCRIPTION_ID to the subscription that holds the registry"
            }
        }
    }
}
