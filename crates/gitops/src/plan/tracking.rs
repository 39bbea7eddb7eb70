//! How a resource tells which application deploys it: by annotation, by label, or by both. As Argo CD's `ResourceTracking`.
//! It must not know clusters or clients.

use mainstay_api::argoproj;
use mainstay_apimachinery::{gvk, object};
use serde_json::Value;

use super::key::Key;

/// The label that says so unless `application.instanceLabelKey` names another.
const LABEL: &str = "app.kubernetes.io/instance";
/// The annotation with the id of the Argo CD that deploys a resource, where several share a cluster.
const INSTALLATION: &str = "argocd.argoproj.io/installation-id";
/// Longest value of a label.
const LONGEST_LABEL: usize = 63;

/// What resources are marked with, and what of it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The annotation alone.
    #[default]
    Annotation,
    /// The label alone.
    Label,
    /// Both; the annotation counts.
    Both,
}

/// How resources are tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// The method.
    pub method: Method,
    /// The label.
    pub label: String,
    /// Only resources with this id are ours, if there is one.
    pub installation: String,
}

impl Default for Tracking {
    fn default() -> Self {
        Self { method: Method::default(), label: LABEL.to_owned(), installation: String::new() }
    }
}

impl Tracking {
    /// The application that an object says it is of: of another namespace than GitOps' own as `<namespace>_<name>`. As a
    /// label that is cut to 63 letters.
    #[must_use]
    pub fn owner<'a>(&self, value: &'a Value) -> Option<&'a str> {
        if !self.installation.is_empty() && object::annotation(value, INSTALLATION) != Some(&self.installation) {
            return None;
        }
        match self.method {
            Method::Annotation | Method::Both => tracked_by(value),
            Method::Label => object::label(value, &self.label).filter(|owner| !owner.is_empty()),
        }
    }

    fn short<'a>(&self, app: &'a str) -> &'a str {
        if self.method == Method::Label { app.get(..LONGEST_LABEL).unwrap_or(app) } else { app }
    }
}

/// An application as the owner of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its name among all: see [`instance_name`].
    pub instance: String,
    /// How its resources are tracked.
    pub tracking: Tracking,
}

impl Owner {
    /// An application; `home` is the namespace where applications are unless others are allowed.
    #[must_use]
    pub fn new(namespace: &str, name: &str, home: &str, tracking: &Tracking) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            instance: instance_name(namespace, name, home),
            tracking: tracking.clone(),
        }
    }

    /// Whether an object says it is of this application.
    #[must_use]
    pub fn owns(&self, value: &Value) -> bool {
        self.tracking.owner(value) == Some(self.tracking.short(&self.instance))
    }

    /// The other application that an object says it is of.
    #[must_use]
    pub fn other<'a>(&self, value: &'a Value) -> Option<&'a str> {
        self.tracking.owner(value).filter(|owner| *owner != self.tracking.short(&self.instance))
    }

    /// Whether a resource is this Application itself.
    #[must_use]
    pub fn is(&self, key: &Key) -> bool {
        let is_app = key.group == argoproj::GROUP && key.kind == "Application";
        is_app && key.name == self.name && key.namespace == self.namespace
    }

    /// Marks an object as of this application, whose destination has a namespace.
    pub fn mark(&self, value: &mut Value, key: &Key, destination_namespace: &str) {
        let Tracking { method, label, installation } = &self.tracking;
        if *method != Method::Label {
            let id = key.tracking_id(&self.instance, destination_namespace);
            object::set_annotation(value, argoproj::TRACKING_ID, &id);
        }
        if *method != Method::Annotation {
            let owner = self.instance.get(..LONGEST_LABEL).unwrap_or(&self.instance);
            object::set_label(value, label, owner);
        }
        if !installation.is_empty() {
            object::set_annotation(value, INSTALLATION, installation);
        }
    }
}

/// The name of an application among those of all namespaces: `<namespace>_<name>` outside of `home`, as upstream.
#[must_use]
pub fn instance_name(namespace: &str, name: &str, home: &str) -> String {
    if namespace == home { name.to_owned() } else { format!("{namespace}_{name}") }
}

/// Namespace and name of the application that such a name means.
#[must_use]
pub fn parse_instance<'a>(instance: &'a str, home: &'a str) -> (&'a str, &'a str) {
    instance.split_once('_').unwrap_or((home, instance))
}

/// The application that an object's tracking id names, if the id was written for this very object: annotations that
/// another controller copied along do not count.
#[must_use]
pub fn tracked_by(value: &Value) -> Option<&str> {
    let id = object::annotation(value, argoproj::TRACKING_ID)?;
    let (app, rest) = id.split_once(':')?;
    let (kind, place) = rest.split_once(':')?;
    let (group, kind) = kind.rsplit_once('/')?;
    let (namespace, name) = place.split_once('/')?;
    let (own_group, _) = gvk::split_api_version(object::api_version(value));
    let same_place = object::namespace(value).is_none_or(|own| own == namespace);
    let same = group == own_group && kind == object::kind(value) && name == object::name(value) && same_place;
    same.then_some(app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tracked(id: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "annotations": {"argocd.argoproj.io/tracking-id": id}}})
    }

    #[test]
    fn a_copied_annotation_does_not_track() {
        assert_eq!(tracked_by(&tracked("shop-dev:apps/Deployment:shop/web")), Some("shop-dev"));
        assert_eq!(tracked_by(&tracked("shop-dev:apps/ReplicaSet:shop/web")), None);
        assert_eq!(tracked_by(&tracked("shop-dev:apps/Deployment:other/web")), None);
        assert_eq!(tracked_by(&tracked("nonsense")), None);
    }

    fn marked(method: Method, name: &str, namespace: &str) -> (Owner, Value) {
        let tracking = Tracking { method, ..Tracking::default() };
        let owner = Owner::new(namespace, name, "argocd", &tracking);
        let mut value =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}});
        let key = Key::of(&value);
        owner.mark(&mut value, &key, "shop");
        (owner, value)
    }

    #[test]
    fn each_method_leaves_its_marks_and_reads_them() {
        let id = "shop-dev:apps/Deployment:shop/web";
        for (method, annotation, label) in [
            (Method::Annotation, Some(id), None),
            (Method::Label, None, Some("shop-dev")),
            (Method::Both, Some(id), Some("shop-dev")),
        ] {
            let (owner, value) = marked(method, "shop-dev", "argocd");
            assert_eq!(object::annotation(&value, argoproj::TRACKING_ID), annotation, "{method:?}");
            assert_eq!(object::label(&value, LABEL), label, "{method:?}");
            assert!(owner.owns(&value) && owner.other(&value).is_none(), "{method:?}");
            let stranger = Owner::new("argocd", "other", "argocd", &owner.tracking);
            assert!(!stranger.owns(&value) && stranger.other(&value) == Some("shop-dev"), "{method:?}");
        }
    }

    #[test]
    fn applications_elsewhere_carry_their_namespace_and_long_names_are_cut() {
        let (owner, value) = marked(Method::Annotation, "shop", "team-a");
        assert_eq!(owner.tracking.owner(&value), Some("team-a_shop"));
        assert_eq!(parse_instance("team-a_shop", "argocd"), ("team-a", "shop"));
        assert_eq!(parse_instance("shop", "argocd"), ("argocd", "shop"));
        let (owner, value) = marked(Method::Label, &"x".repeat(80), "argocd");
        assert_eq!(object::label(&value, LABEL).map(str::len), Some(63));
        assert!(owner.owns(&value));
    }

    #[test]
    fn what_another_installation_deploys_is_not_ours() {
        let (mut owner, mut value) = marked(Method::Annotation, "shop-dev", "argocd");
        owner.tracking.installation = "east".to_owned();
        assert!(!owner.owns(&value) && owner.other(&value).is_none());
        let key = Key::of(&value);
        owner.mark(&mut value, &key, "shop");
        assert!(owner.owns(&value));
    }
}
