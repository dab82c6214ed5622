//! What an identity may do at a resource, as Azure Resource Manager reports it. Pure.
//!
//! Source: <https://learn.microsoft.com/azure/role-based-access-control/role-definitions>. Each entry is one role: its
//! actions, which may contain wildcards, without its `notActions`. An identity may do what one of its roles permits.

use serde::Deserialize;

/// An operation at a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// On the resource itself.
    Control(&'static str),
    /// On the data in it.
    Data(&'static str),
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Control(name) | Self::Data(name) => name,
        }
    }
}

/// The permissions of all roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(pub(super) Vec<Permission>);

/// The permissions of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl Permissions {
    #[cfg(test)]
    pub(crate) fn from_json(roles: serde_json::Value) -> Self {
        Self(serde_json::from_value(roles).expect("roles"))
    }

    /// True if one role permits it. A role's exceptions do not take away what another role permits.
    pub fn allow(&self, action: Action) -> bool {
        self.0.iter().any(|role| role.allows(action))
    }
}

impl Permission {
    fn allows(&self, action: Action) -> bool {
        let (given, except) = match action {
            Action::Control(_) => (&self.actions, &self.not_actions),
            Action::Data(_) => (&self.data_actions, &self.not_data_actions),
        };
        let covers = |pattern: &String| matches(pattern, action.name());
        given.iter().any(covers) && !except.iter().any(covers)
    }
}

/// True if a pattern, in which each `*` is any text, covers an operation. Case does not count.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const READ: &str = "Microsoft.ContainerRegistry/registries/read";
    const IMPORT: &str = "Microsoft.ContainerRegistry/registries/importImage/action";

    #[test]
    fn wildcards_are_any_text_in_any_case() {
        for (pattern, is_match) in [
            (READ, true),
            ("microsoft.containerregistry/REGISTRIES/Read", true),
            ("*", true),
            ("*/read", true),
            ("Microsoft.ContainerRegistry/*", true),
            ("Microsoft.ContainerRegistry/registries/*", true),
            ("Microsoft.ContainerRegistry/*/read", true),
            ("*/registries/*", true),
            ("*registries*read", true),
            ("*read*", true),
            ("", false),
            ("*/write", false),
            ("Microsoft.ContainerRegistry", false),
            ("Microsoft.ContainerRegistry/registries", false),
            ("Microsoft.ContainerRegistry/registries/read/*", false),
            ("Microsoft.Storage/*", false),
            ("*registries*registries*", false),
            // The parts before and after a wildcard do not overlap.
            ("Microsoft.ContainerRegistry/registries/read*read", false),
        ] {
            assert_eq!(matches(pattern, READ), is_match, "{pattern}");
        }
    }

    #[test]
    fn exceptions_subtract_from_their_own_role_only() {
        let contributor = json!({"actions": ["*"], "notActions": ["Microsoft.ContainerRegistry/registries/import*"]});
        let importer = json!({"actions": [IMPORT], "notActions": []});
        let one = Permissions::from_json(json!([contributor]));
        assert!(one.allow(Action::Control(READ)) && !one.allow(Action::Control(IMPORT)));
        let both = Permissions::from_json(json!([contributor, importer]));
        assert!(both.allow(Action::Control(READ)) && both.allow(Action::Control(IMPORT)));
        assert!(!Permissions::from_json(json!([])).allow(Action::Control(READ)));
    }

    #[test]
    fn actions_on_data_are_of_their_own() {
        const CONTENT: &str = "Microsoft.ContainerRegistry/registries/repositories/content/read";
        let owner = Permissions::from_json(json!([{"actions": ["*"]}]));
        assert!(!owner.allow(Action::Data(CONTENT)));
        let reader = Permissions::from_json(
            json!([{"dataActions": ["Microsoft.ContainerRegistry/registries/repositories/*/read"]}]),
        );
        assert!(reader.allow(Action::Data(CONTENT)) && !reader.allow(Action::Control(CONTENT)));
        let except = json!([{"dataActions": ["*"], "notDataActions": [CONTENT]}]);
        assert!(!Permissions::from_json(except).allow(Action::Data(CONTENT)));
    }
}
