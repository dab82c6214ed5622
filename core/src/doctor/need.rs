//! What check, import and copy need from the roles of an identity, and whether it has that. Pure.
//!
//! The registry's token decides about the registry's data, because the registry itself issues it: a role that was granted
//! moments ago, or that a registry in ABAC mode ignores, is not in it. Azure Resource Manager decides about everything else.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::subscription::SUBSCRIPTION;
use crate::azure::{Action, Permissions, RoleMode, is_about_subscription};
use crate::config::SyncMethod;
use crate::name::Repository;
use crate::problem::{Cause, Problem};
use crate::report::Status;

/// The smallest role for imports, which also permits checks.
pub const IMPORT_ROLE: &str = "Container Registry Data Importer and Data Reader";

/// What a run does at the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Check,
    Import,
    Copy,
}

/// One operation that a purpose needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Read,
    ReadMetadata,
    Write,
    ReadResource,
    Import,
}

impl Need {
    /// The action of the registry's token. None for what only Resource Manager decides.
    fn of_token(self) -> Option<&'static str> {
        match self {
            Self::Read => Some("pull"),
            Self::ReadMetadata => Some("metadata_read"),
            Self::Write => Some("push"),
            Self::ReadResource | Self::Import => None,
        }
    }

    /// The actions of roles; one of them is enough. If the mode is not known, the first is that of the RBAC mode.
    ///
    /// Source: <https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-directory-reference>.
    fn of_roles(self, mode: RoleMode) -> Vec<Action> {
        let (rbac, abac) = match self {
            Self::Read => (
                Action::Control("Microsoft.ContainerRegistry/registries/pull/read"),
                Action::Data("Microsoft.ContainerRegistry/registries/repositories/content/read"),
            ),
            Self::ReadMetadata => (
                // The role to pull includes the metadata.
                Action::Control("Microsoft.ContainerRegistry/registries/pull/read"),
                Action::Data("Microsoft.ContainerRegistry/registries/repositories/metadata/read"),
            ),
            Self::Write => (
                Action::Control("Microsoft.ContainerRegistry/registries/push/write"),
                Action::Data("Microsoft.ContainerRegistry/registries/repositories/content/write"),
            ),
            Self::ReadResource => {
                return vec![Action::Control(
                    "Microsoft.ContainerRegistry/registries/read",
                )];
            }
            Self::Import => {
                return vec![Action::Control(
                    "Microsoft.ContainerRegistry/registries/importImage/action",
                )];
            }
        };
        match mode {
            RoleMode::Rbac => vec![rbac],
            RoleMode::Abac => vec![abac],
            RoleMode::Unknown => vec![rbac, abac],
        }
    }
}

impl Purpose {
    pub const ALL: [Self; 3] = [Self::Check, Self::Import, Self::Copy];

    pub fn what(self) -> &'static str {
        match self {
            Self::Check => "permission to check",
            Self::Import => "permission to import",
            Self::Copy => "permission to copy",
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Check => &[Need::Read, Need::ReadMetadata],
            Self::Import => &[Need::ReadResource, Need::Import],
            Self::Copy => &[Need::Read, Need::Write],
        }
    }

    pub fn role(self, mode: RoleMode) -> &'static str {
        match self {
            Self::Check => mode.role_to_check(),
            Self::Import => IMPORT_ROLE,
            Self::Copy => mode.role_to_copy(),
        }
    }
}

/// The known facts about the permissions of the identity.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    pub mode: RoleMode,
    /// Whether Resource Manager has shown the registry.
    pub resource: Result<(), &'a Problem>,
    pub roles: Result<&'a Permissions, &'a Problem>,
    /// The actions of the registry's tokens, by repository.
    pub tokens: Result<&'a BTreeMap<Repository, BTreeSet<String>>, &'a Problem>,
    /// The object id of the identity, if it is known.
    pub object: Option<&'a str>,
    /// The registry's id in Resource Manager, if it is known.
    pub scope: Option<&'a str>,
}

/// Whether the identity may do something.
enum Judgement {
    Granted,
    /// The names of the missing actions, and what Resource Manager reports if it differs from the token.
    Missing(String),
    Unknown,
}

impl Evidence<'_> {
    fn judge(&self, need: Need) -> Judgement {
        match (need, self.resource) {
            (Need::ReadResource, Ok(())) => return Judgement::Granted,
            // An identity without this action sees an empty list.
            (Need::ReadResource, Err(problem))
                if problem.cause == Cause::AccessDenied && !is_about_subscription(problem) =>
            {
                return Judgement::Missing(
                    "Microsoft.ContainerRegistry/registries/read".to_owned(),
                );
            }
            (Need::ReadResource, Err(_)) => return Judgement::Unknown,
            (Need::Read | Need::ReadMetadata | Need::Write | Need::Import, _) => {}
        }
        let actions = need.of_roles(self.mode);
        let names: Vec<_> = actions.iter().map(|action| action.name()).collect();
        let names = names.join(" or ");
        let of_roles = self
            .roles
            .ok()
            .map(|roles| actions.iter().any(|action| roles.allow(*action)));
        if let (Some(action), Ok(tokens)) = (need.of_token(), self.tokens) {
            let lacking = tokens
                .iter()
                .filter(|(_, actions)| !actions.contains(action));
            let lacking: Vec<_> = lacking.map(|(repository, _)| repository.as_str()).collect();
            if tokens.is_empty() {
                return of_roles.map_or(Judgement::Unknown, |has| judged(has, names));
            }
            if lacking.is_empty() {
                return Judgement::Granted;
            }
            let place = match lacking.len() == tokens.len() {
                true => String::new(),
                false => format!(" for {}", lacking.join(", ")),
            };
            let remark = match of_roles {
                Some(true) => {
                    "; a role of the identity permits it, so the role is younger than ten minutes or the registry ignores it"
                }
                Some(false) | None => "",
            };
            return Judgement::Missing(format!(
                "{names} (the registry's token lacks {action}{place}{remark})"
            ));
        }
        of_roles.map_or(Judgement::Unknown, |has| judged(has, names))
    }

    /// The finding about a purpose. `method` decides whether a run needs it.
    pub fn finding(&self, purpose: Purpose, method: SyncMethod) -> Finding {
        let what = purpose.what();
        let (mut missing, mut unknown) = (Vec::new(), false);
        for need in purpose.needs() {
            match self.judge(*need) {
                Judgement::Granted => {}
                Judgement::Missing(names) => missing.push(names),
                Judgement::Unknown => unknown = true,
            }
        }
        missing.dedup();
        let detail = format!("the identity lacks {}", missing.join(", "));
        match (
            missing.is_empty(),
            unknown,
            self.importance(purpose, method),
        ) {
            (true, false, _) => Finding::ok(what, self.granted(purpose)),
            (_, _, Importance::None(reason)) => {
                let state = if missing.is_empty() {
                    "not known"
                } else {
                    &detail
                };
                Finding::ok(what, format!("{state}, but it is not needed {reason}"))
            }
            (true, true, _) => self.unknown(what),
            (false, _, Importance::Required) => {
                Finding::wrong(what, Status::AccessDenied, detail).fix(self.grant(purpose))
            }
            (false, _, Importance::Fallback(reason)) => Finding::warning(what, detail)
                .and(reason)
                .fix(self.grant(purpose)),
        }
    }

    fn granted(&self, purpose: Purpose) -> String {
        let needs = purpose.needs().iter();
        let of_token: BTreeSet<_> = needs.filter_map(|need| need.of_token()).collect();
        let by_token = self.tokens.is_ok_and(|tokens| !tokens.is_empty()) && !of_token.is_empty();
        if by_token {
            let actions: Vec<_> = of_token.into_iter().collect();
            return format!("the registry's token permits {}", actions.join(", "));
        }
        let needs = purpose.needs().iter();
        let names = needs.filter_map(|need| {
            let mut actions = need.of_roles(self.mode).into_iter();
            let roles = self.roles.ok()?;
            actions
                .find(|action| roles.allow(*action))
                .map(Action::name)
        });
        let mut names: Vec<_> = names.collect();
        names.dedup();
        format!("the identity's roles permit {}", names.join(", "))
    }

    fn unknown(&self, what: &str) -> Finding {
        if self.resource.is_err_and(is_about_subscription) {
            return Finding::unexamined(what, format!("not known, because of {SUBSCRIPTION}"));
        }
        let reasons = [self.roles.err(), self.tokens.err()];
        match reasons.into_iter().flatten().next() {
            Some(problem) => {
                let detail = format!("not known: {}", problem.fact());
                Finding::warning(what, detail).advised(problem)
            }
            None => Finding::warning(what, "not known: neither Azure nor the registry reports it"),
        }
    }

    fn importance(&self, purpose: Purpose, method: SyncMethod) -> Importance {
        let has = |other: Purpose| {
            let mut needs = other.needs().iter();
            needs.all(|need| matches!(self.judge(*need), Judgement::Granted))
        };
        match (purpose, method) {
            (Purpose::Check, _)
            | (Purpose::Import, SyncMethod::Import)
            | (Purpose::Copy, SyncMethod::Copy) => Importance::Required,
            (Purpose::Import, SyncMethod::Copy) => Importance::None("with SYNC_METHOD=copy"),
            (Purpose::Copy, SyncMethod::Import) => Importance::None("with SYNC_METHOD=import"),
            (Purpose::Import, SyncMethod::Auto) if has(Purpose::Copy) => {
                Importance::Fallback("images are copied instead")
            }
            (Purpose::Import, SyncMethod::Auto) => Importance::Required,
            (Purpose::Copy, SyncMethod::Auto) => {
                Importance::Fallback("an image whose import is refused cannot be copied instead")
            }
        }
    }

    fn grant(&self, purpose: Purpose) -> String {
        let role = purpose.role(self.mode);
        let command = match (self.object, self.scope) {
            (Some(object), Some(scope)) => format!(
                ": az role assignment create --assignee {object} --role \"{role}\" --scope {scope}"
            ),
            _ => String::new(),
        };
        format!("grant the identity '{role}' on the registry{command}")
    }
}

fn judged(has: bool, names: String) -> Judgement {
    match has {
        true => Judgement::Granted,
        false => Judgement::Missing(names),
    }
}

/// How much a run needs a permission.
enum Importance {
    Required,
    /// A run works without it. The text names the consequence.
    Fallback(&'static str),
    /// The text names the setting.
    None(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use crate::problem::Side;

    fn tokens(actions: &[&str]) -> BTreeMap<Repository, BTreeSet<String>> {
        let actions = actions.iter().map(ToString::to_string).collect();
        BTreeMap::from([("runwhen/app".parse().unwrap(), actions)])
    }

    fn evidence<'a>(
        roles: &'a Permissions,
        tokens: &'a BTreeMap<Repository, BTreeSet<String>>,
    ) -> Evidence<'a> {
        Evidence {
            mode: RoleMode::Unknown,
            resource: Ok(()),
            roles: Ok(roles),
            tokens: Ok(tokens),
            object: Some("object"),
            scope: Some("/subscriptions/s"),
        }
    }

    #[test]
    fn token_decides_about_data_and_method_about_importance() {
        let none = Permissions::default();
        let reads = tokens(&["pull", "metadata_read"]);
        let evidence = evidence(&none, &reads);
        let state = |purpose, method| evidence.finding(purpose, method).state;
        const WRONG: State = State::Wrong(Status::AccessDenied);
        for (purpose, method, expected) in [
            (Purpose::Check, SyncMethod::Auto, State::Ok),
            (Purpose::Import, SyncMethod::Auto, WRONG),
            (Purpose::Import, SyncMethod::Import, WRONG),
            (Purpose::Import, SyncMethod::Copy, State::Ok),
            (Purpose::Copy, SyncMethod::Auto, State::Warning),
            (Purpose::Copy, SyncMethod::Import, State::Ok),
            (Purpose::Copy, SyncMethod::Copy, WRONG),
        ] {
            assert_eq!(state(purpose, method), expected, "{purpose:?} {method:?}");
        }
        let import = evidence.finding(Purpose::Import, SyncMethod::Import);
        assert!(
            import.detail.contains("registries/importImage/action"),
            "{import:?}"
        );
        assert_eq!(
            import.fix,
            [
                "Grant the identity 'Container Registry Data Importer and Data Reader' on the registry: az role assignment create \
              --assignee object --role \"Container Registry Data Importer and Data Reader\" --scope /subscriptions/s"
            ]
        );
    }

    #[test]
    fn import_is_not_required_if_images_can_be_copied() {
        let none = Permissions::default();
        let writes = tokens(&["pull", "push", "metadata_read"]);
        let import = evidence(&none, &writes).finding(Purpose::Import, SyncMethod::Auto);
        assert_eq!(import.state, State::Warning);
        assert!(import.detail.contains("copied instead"), "{import:?}");
    }

    #[test]
    fn what_is_not_known_is_never_granted() {
        let problem = Problem::new(Side::ResourceManager, Cause::Unreachable, "no response");
        let evidence = Evidence {
            mode: RoleMode::Rbac,
            resource: Err(&problem),
            roles: Err(&problem),
            tokens: Err(&problem),
            object: None,
            scope: None,
        };
        for purpose in Purpose::ALL {
            let finding = evidence.finding(purpose, SyncMethod::Auto);
            assert_eq!(finding.state, State::Warning, "{purpose:?}");
            assert!(finding.detail.contains("not known"), "{finding:?}");
        }
    }

    #[test]
    fn subscription_that_is_not_shown_leaves_the_import_unknown() {
        let what = "404: SubscriptionNotFound: The subscription 'x' could not be found.";
        let problem = Problem::new(Side::ResourceManager, Cause::AccessDenied, what);
        let writes = tokens(&["pull", "push", "metadata_read"]);
        let none = Permissions::default();
        let evidence = Evidence {
            resource: Err(&problem),
            roles: Err(&problem),
            ..evidence(&none, &writes)
        };
        for (purpose, state) in [
            (Purpose::Check, State::Ok),
            (Purpose::Import, State::NotExamined),
            (Purpose::Copy, State::Ok),
        ] {
            let finding = evidence.finding(purpose, SyncMethod::Auto);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(!finding.detail.contains("lacks"), "{finding:?}");
            assert!(finding.fix.is_empty(), "{finding:?}");
        }
    }

    #[test]
    fn role_that_the_token_does_not_reflect_is_explained() {
        let reader = serde_json::json!([{"actions": ["*/read"]}]);
        let roles = Permissions::from_json(reader);
        let empty = tokens(&[]);
        let check = evidence(&roles, &empty).finding(Purpose::Check, SyncMethod::Auto);
        assert!(
            check.detail.contains("the registry's token lacks pull"),
            "{check:?}"
        );
        assert!(
            check.detail.contains("younger than ten minutes"),
            "{check:?}"
        );
    }
}
