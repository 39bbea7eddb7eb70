//! Who asks: a user with groups, as `user.Info`.
//! It must not know how that was found out, nor what the user may do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Everyone whose identity is known.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Everyone else.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Name of everyone else.
pub const ANONYMOUS: &str = "system:anonymous";
/// Those who may do everything, whatever the rules say.
pub const MASTERS: &str = "system:masters";
/// All service accounts.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// What tells one credential of a user from another, in `extra`.
pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// A user and their groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// Unique among all users of all times; empty where the credential does not say.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// What else the credential says.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Namespace of the service accounts that controllers act as.
pub(crate) const CONTROLLER_NAMESPACE: &str = "mainstay-system";

impl Identity {
    /// A user with groups.
    pub fn new(user: impl Into<String>, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Self { user: user.into(), groups, ..Self::default() }
    }

    /// The administrator.
    #[must_use]
    pub fn admin() -> Self {
        Self::new("admin", &[MASTERS, AUTHENTICATED])
    }

    /// Whoever shows no credential.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, &[UNAUTHENTICATED])
    }

    /// The service account of a controller, by its crate's short name.
    #[must_use]
    pub fn controller(name: &str) -> Self {
        Self::service_account(CONTROLLER_NAMESPACE, name)
    }

    /// A service account.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let namespace_group = format!("{SERVICE_ACCOUNTS}:{namespace}");
        let groups = [SERVICE_ACCOUNTS, &namespace_group, AUTHENTICATED];
        Self::new(service_account_user(namespace, name), &groups)
    }

    /// The same user, as one credential shows it.
    #[must_use]
    pub fn with_credential(mut self, id: String) -> Self {
        self.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
        self
    }

    /// The same user, in the group of those that are known.
    #[must_use]
    pub fn authenticated(mut self) -> Self {
        if !self.in_group(AUTHENTICATED) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }

    /// Whether the user is in a group.
    #[must_use]
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }

    /// Whether the user may do everything.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.in_group(MASTERS)
    }

    /// As `authentication.k8s.io/v1` `UserInfo`.
    #[must_use]
    pub fn user_info(&self) -> Value {
        let mut info = Map::from_iter([("username".to_owned(), Value::from(self.user.as_str()))]);
        if !self.uid.is_empty() {
            info.insert("uid".to_owned(), Value::from(self.uid.as_str()));
        }
        if !self.groups.is_empty() {
            info.insert("groups".to_owned(), json!(self.groups));
        }
        if !self.extra.is_empty() {
            info.insert("extra".to_owned(), json!(self.extra));
        }
        Value::Object(info)
    }
}

/// User name of a service account.
#[must_use]
pub fn service_account_user(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}")
}

/// Namespace and name of a service account by its user name.
#[must_use]
pub fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
    let named = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
    named.then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_accounts_are_users() {
        let gitops = Identity::controller("gitops");
        assert_eq!(gitops.user, "system:serviceaccount:mainstay-system:gitops");
        assert_eq!(split_service_account(&gitops.user), Some(("mainstay-system", "gitops")));
        for other in ["admin", "system:serviceaccount:a", "system:serviceaccount:a:b:c", "system:serviceaccount::b"] {
            assert_eq!(split_service_account(other), None, "{other}");
        }
    }

    #[test]
    fn a_user_info_holds_what_is_known() {
        assert_eq!(Identity::new("a", &[]).user_info(), json!({"username": "a"}));
        let known = Identity { uid: "1".to_owned(), ..Identity::new("a", &[]) }.authenticated();
        let shown = json!({"username": "a", "uid": "1", "groups": ["system:authenticated"],
            "extra": {CREDENTIAL_ID: ["X"]}});
        assert_eq!(known.authenticated().with_credential("X".to_owned()).user_info(), shown);
    }
}
