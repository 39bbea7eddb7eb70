//! Acting as somebody else, by `Impersonate-*` headers: upstream's `endpoints/filters/impersonation`.
//! The constrained modes of Kubernetes 1.36 come first, the plain verb `impersonate` last.
//! It must not know how anybody was authenticated.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;

use crate::Error;
use crate::authz::Attributes;
use crate::identity::{self, ANONYMOUS, AUTHENTICATED, Identity, MASTERS, UNAUTHENTICATED};
use crate::server::ApiServer;

const PREFIX: &str = "impersonate-";
const EXTRA: &str = "impersonate-extra-";
const AUTHENTICATION_GROUP: &str = "authentication.k8s.io";
const NODE_PREFIX: &str = "system:node:";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
/// From this many groups or extras on, a permission for all of them is looked for first.
const MANY: usize = 4;

/// The identity a request acts as: its own, unless it asks for another and may have it.
pub(crate) fn acting(
    server: &ApiServer,
    requestor: Arc<Identity>,
    headers: &HeaderMap,
    attributes: &Attributes<'_>,
) -> Result<Arc<Identity>, Error> {
    let Some(wanted) = wanted(headers)? else { return Ok(requestor) };
    let mut first = None;
    for mode in MODES.iter().filter(|mode| (mode.applies)(&wanted, &requestor)) {
        let check = Check { server, requestor: &requestor, cluster: attributes.cluster, mode };
        match check.acting(&wanted, attributes) {
            Ok(identity) => return Ok(Arc::new(identity)),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("all impersonation modes failed")))
}

/// Whom the headers ask for; `None` where there are none.
fn wanted(headers: &HeaderMap) -> Result<Option<Identity>, Error> {
    if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(None);
    }
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for header in headers.keys() {
        let Some(key) = header.as_str().strip_prefix(EXTRA) else { continue };
        let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
        extra.entry(key).or_default().extend(all(header.as_str()));
    }
    let (user, uid) = (first("impersonate-user"), first("impersonate-uid"));
    let wanted = Identity { user, uid, groups: all("impersonate-group"), extra };
    if !wanted.user.is_empty() {
        return Ok(Some(wanted));
    }
    if only_user(&wanted) {
        return Ok(None);
    }
    Err(Error::bad_request(format!("requested {} without impersonating a user name", in_go(&wanted))))
}

/// As Go prints a `user.DefaultInfo` with `%#v`.
fn in_go(wanted: &Identity) -> String {
    let list = |list: &[String]| {
        let items: Vec<String> = list.iter().map(|item| format!("{item:?}")).collect();
        if items.is_empty() { "[]string(nil)".to_owned() } else { format!("[]string{{{}}}", items.join(", ")) }
    };
    let pairs: Vec<String> = wanted.extra.iter().map(|(key, values)| format!("{key:?}:{}", list(values))).collect();
    let extra = if pairs.is_empty() { "(nil)".to_owned() } else { format!("{{{}}}", pairs.join(", ")) };
    let Identity { user, uid, groups, .. } = wanted;
    format!(
        "&user.DefaultInfo{{Name:{user:?}, UID:{uid:?}, Groups:{}, Extra:map[string][]string{extra}}}",
        list(groups)
    )
}

fn only_user(wanted: &Identity) -> bool {
    wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty()
}

fn node_of(user: &str) -> Option<&str> {
    user.strip_prefix(NODE_PREFIX).filter(|name| mainstay_apimachinery::names::is_dns1123_subdomain(name))
}

/// One way of impersonation.
struct Mode {
    name: &'static str,
    verb: &'static str,
    applies: fn(&Identity, &Identity) -> bool,
}

/// In the order they are tried.
const MODES: [Mode; 5] = [
    Mode {
        name: "associated-node",
        verb: "impersonate:associated-node",
        applies: |wanted, requestor| {
            let own = requestor.extra.get(NODE_NAME).map_or(&[][..], Vec::as_slice);
            let account = identity::split_service_account(&requestor.user).is_some();
            let node = node_of(&wanted.user).filter(|_| only_user(wanted) && account);
            node.is_some_and(|node| own == [node])
        },
    },
    Mode {
        name: "arbitrary-node",
        verb: "impersonate:arbitrary-node",
        applies: |wanted, _| only_user(wanted) && node_of(&wanted.user).is_some(),
    },
    Mode {
        name: "serviceaccount",
        verb: "impersonate:serviceaccount",
        applies: |wanted, _| only_user(wanted) && identity::split_service_account(&wanted.user).is_some(),
    },
    Mode {
        name: "user-info",
        verb: "impersonate:user-info",
        applies: |wanted, _| node_of(&wanted.user).is_none() && identity::split_service_account(&wanted.user).is_none(),
    },
    Mode { name: LEGACY, verb: "impersonate", applies: |_, _| true },
];

const LEGACY: &str = "";

/// Whether somebody may act as somebody else, in one mode.
struct Check<'a> {
    server: &'a ApiServer,
    requestor: &'a Identity,
    cluster: &'a str,
    mode: &'a Mode,
}

impl Check<'_> {
    fn acting(&self, wanted: &Identity, attributes: &Attributes<'_>) -> Result<Identity, Error> {
        if self.is_constrained() {
            let verb = format!("impersonate-on:{}:{}", self.mode.name, attributes.verb);
            self.server.authorize(self.requestor, &Attributes { verb: &verb, ..*attributes })?;
        }
        let mut identity = wanted.clone();
        identity.groups = self.user(wanted)?.unwrap_or_else(|| wanted.groups.clone());
        if !wanted.uid.is_empty() {
            self.may(AUTHENTICATION_GROUP, ("uids", ""), ("", &wanted.uid))?;
        }
        self.groups(&wanted.groups)?;
        self.extra(&wanted.extra)?;
        Ok(in_implied_group(identity))
    }

    fn is_constrained(&self) -> bool {
        self.mode.name != LEGACY
    }

    /// The group of API that users and groups belong to in this mode.
    fn group(&self) -> &'static str {
        if self.is_constrained() { AUTHENTICATION_GROUP } else { "" }
    }

    fn attributes<'a>(
        &'a self,
        group: &'a str,
        (resource, subresource): (&'a str, &'a str),
        (namespace, name): (&'a str, &'a str),
    ) -> Attributes<'a> {
        let (cluster, verb) = (self.cluster, self.mode.verb);
        Attributes { cluster, verb, on_resource: true, group, resource, subresource, namespace, name, path: "" }
    }

    fn may(&self, group: &str, resource: (&str, &str), object: (&str, &str)) -> Result<(), Error> {
        self.server.authorize(self.requestor, &self.attributes(group, resource, object))
    }

    fn refused(&self, resource: &str, name: &str, why: &str) -> Error {
        let attributes = self.attributes(AUTHENTICATION_GROUP, (resource, ""), ("", name));
        Error::not_allowed(&self.requestor.user, &attributes, why)
    }

    /// The groups that come with the user's name.
    fn user(&self, wanted: &Identity) -> Result<Option<Vec<String>>, Error> {
        if let Some(node) = node_of(&wanted.user).filter(|_| self.is_constrained()) {
            // Each node that a service account may be on is the one it is on.
            let name = if self.mode.name == "associated-node" { "*" } else { node };
            self.may(AUTHENTICATION_GROUP, ("nodes", ""), ("", name))?;
            return Ok(Some(vec!["system:nodes".to_owned()]));
        }
        let Some((namespace, name)) = identity::split_service_account(&wanted.user) else {
            return self.may(self.group(), ("users", ""), ("", &wanted.user)).map(|()| None);
        };
        self.may(self.group(), ("serviceaccounts", ""), (namespace, name))?;
        let known = Identity::service_account(namespace, name).groups;
        let known = known.into_iter().filter(|group| group != AUTHENTICATED).collect();
        Ok(Some(known).filter(|_| wanted.groups.is_empty()))
    }

    fn groups(&self, groups: &[String]) -> Result<(), Error> {
        if self.is_constrained() && groups.iter().any(String::is_empty) {
            return Err(self.refused("groups", "", "impersonating the empty string group is not allowed"));
        }
        if self.is_constrained() && groups.iter().any(|group| group == MASTERS) {
            return Err(self.refused("groups", MASTERS, "impersonating the system:masters group is not allowed"));
        }
        let may = |name: &str| self.may(self.group(), ("groups", ""), ("", name));
        if self.is_constrained() && groups.len() >= MANY && may("*").is_ok() {
            return Ok(());
        }
        groups.iter().try_for_each(|group| may(group))
    }

    fn extra(&self, extra: &BTreeMap<String, Vec<String>>) -> Result<(), Error> {
        if self.is_constrained() {
            let why = extra.iter().find_map(|(key, values)| wrong_extra(key, values));
            if let Some(why) = why {
                return Err(self.refused("userextras", "", &why));
            }
        }
        let may = |key: &str, value: &str| self.may(AUTHENTICATION_GROUP, ("userextras", key), ("", value));
        let count: usize = extra.values().map(Vec::len).sum();
        if self.is_constrained() && count >= MANY && may("*", "*").is_ok() {
            return Ok(());
        }
        let mut pairs = extra.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        pairs.try_for_each(|(key, value)| may(key, value))
    }
}

/// What constrained modes do not take that the plain verb does.
fn wrong_extra(key: &str, values: &[String]) -> Option<String> {
    let prefixed = key
        .split_once('/')
        .is_some_and(|(domain, path)| mainstay_apimachinery::names::is_dns1123_subdomain(domain) && !path.is_empty());
    if key.is_empty() {
        return Some("impersonating the empty string key in extra is not allowed".to_owned());
    }
    if !prefixed {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        return Some(format!(
            "impersonating an invalid key in extra is not allowed: extra.key: Invalid value: {key:?}: {why}"
        ));
    }
    if values.iter().any(String::is_empty) {
        return Some("impersonating the empty string value in extra is not allowed".to_owned());
    }
    None
}

fn in_implied_group(mut identity: Identity) -> Identity {
    let implied = if identity.user == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
    if !identity.in_group(UNAUTHENTICATED) && !identity.in_group(implied) {
        identity.groups.push(implied.to_owned());
    }
    identity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::service_account::quoted;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn headers_say_who_is_wanted() {
        assert_eq!(wanted(&headers(&[("accept", "*/*")])), Ok(None));
        let found = wanted(&headers(&[
            ("Impersonate-User", "ann"),
            ("Impersonate-Uid", "7"),
            ("Impersonate-Group", "a"),
            ("Impersonate-Group", "b"),
            ("Impersonate-Extra-Acme.com%2Fscopes", "view"),
        ]));
        let found = found.unwrap().unwrap();
        assert_eq!(
            (found.user.as_str(), found.uid.as_str(), quoted(&found.groups)),
            ("ann", "7", "[\"a\" \"b\"]".into())
        );
        assert_eq!(found.extra, BTreeMap::from([("acme.com/scopes".to_owned(), vec!["view".to_owned()])]));
    }

    #[test]
    fn without_a_user_there_is_nobody_to_be() {
        let error = wanted(&headers(&[("Impersonate-Uid", "7"), ("Impersonate-Extra-A", "b")])).unwrap_err();
        let said = "requested &user.DefaultInfo{Name:\"\", UID:\"7\", Groups:[]string(nil), Extra:map[string][]string{\"a\":[]string{\"b\"}}} without impersonating a user name";
        assert_eq!((error.code, error.message.as_str()), (400, said));
    }

    #[test]
    fn extras_of_constrained_modes_have_a_domain() {
        assert_eq!(wrong_extra("acme.io/scopes", &["a".to_owned()]), None);
        for (key, value) in [("", "a"), ("scopes", "a"), ("acme.io/", "a"), ("acme.io/scopes", "")] {
            assert!(wrong_extra(key, &[value.to_owned()]).is_some(), "{key} {value}");
        }
    }
}
