//! Which fields the transformers reach: kustomize's own lists (`api/internal/konfig/builtinpluginconsts`), and what
//! `configurations` add to them.
//! It must not know what is done to the fields.

use serde::Deserialize;

use crate::error::Error;
use crate::files::{self, Recorder};
use crate::id::Gvk;
use crate::kustomization::{FieldSpec, parse};

/// The workloads of which pods are made, with the path of their template.
const TEMPLATES: [(&str, &str, &str); 7] = [
    ("", "ReplicationController", "spec/template"),
    ("", "Deployment", "spec/template"),
    ("", "ReplicaSet", "spec/template"),
    ("", "DaemonSet", "spec/template"),
    ("apps", "StatefulSet", "spec/template"),
    ("batch", "Job", "spec/template"),
    ("batch", "CronJob", "spec/jobTemplate/spec/template"),
];

/// Selectors beside those of templates: group, kind, path, and whether it is made.
const SELECTORS: [(&str, &str, &str, bool); 12] = [
    ("", "Service", "spec/selector", true),
    ("", "ReplicationController", "spec/selector", true),
    ("", "Deployment", "spec/selector/matchLabels", true),
    ("", "ReplicaSet", "spec/selector/matchLabels", true),
    ("", "DaemonSet", "spec/selector/matchLabels", true),
    ("apps", "StatefulSet", "spec/selector/matchLabels", true),
    ("batch", "Job", "spec/selector/matchLabels", false),
    ("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels", false),
    ("policy", "PodDisruptionBudget", "spec/selector/matchLabels", false),
    ("networking.k8s.io", "NetworkPolicy", "spec/podSelector/matchLabels", false),
    ("networking.k8s.io", "NetworkPolicy", "spec/ingress/from/podSelector/matchLabels", false),
    ("networking.k8s.io", "NetworkPolicy", "spec/egress/to/podSelector/matchLabels", false),
];

/// Selectors of pods in the templates of Deployments and StatefulSets.
const PEERS: [&str; 5] = [
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "topologySpreadConstraints/labelSelector/matchLabels",
];

/// Pod specs, with the kind they are in; upstream's lists have the same fields for each.
const PODS: [(&str, &str); 8] = [
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// The names of ConfigMaps and Secrets in a pod spec.
const IN_PODS: [(&str, &[&str]); 2] = [
    (
        "ConfigMap",
        &[
            "volumes/configMap/name",
            "volumes/projected/sources/configMap/name",
            "containers/env/valueFrom/configMapKeyRef/name",
            "initContainers/env/valueFrom/configMapKeyRef/name",
            "containers/envFrom/configMapRef/name",
            "initContainers/envFrom/configMapRef/name",
        ],
    ),
    (
        "Secret",
        &[
            "volumes/secret/secretName",
            "volumes/projected/sources/secret/name",
            "containers/env/valueFrom/secretKeyRef/name",
            "initContainers/env/valueFrom/secretKeyRef/name",
            "containers/envFrom/secretRef/name",
            "initContainers/envFrom/secretRef/name",
            "imagePullSecrets/name",
        ],
    ),
];

/// Workloads whose pods name a service account, a claim or a priority class.
const WORKLOADS: [(&str, &str); 7] = [
    ("Pod", "spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicationController", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
];

/// Other references: kind referred to, kind that refers, path.
const REFERENCES: [(&str, &str, &str); 40] = [
    ("Deployment", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name"),
    ("ReplicationController", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name"),
    ("ReplicaSet", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name"),
    ("StatefulSet", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name"),
    ("ConfigMap", "Node", "spec/configSource/configMap"),
    ("ConfigMap", "Role", "rules/resourceNames"),
    ("ConfigMap", "ClusterRole", "rules/resourceNames"),
    ("ConfigMap", "Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap"),
    ("Secret", "Ingress", "spec/tls/secretName"),
    ("Secret", "Ingress", "metadata/annotations/ingress.kubernetes.io\\/auth-secret"),
    ("Secret", "Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret"),
    ("Secret", "Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret"),
    ("Secret", "ServiceAccount", "imagePullSecrets/name"),
    ("Secret", "StorageClass", "parameters/secretName"),
    ("Secret", "StorageClass", "parameters/adminSecretName"),
    ("Secret", "StorageClass", "parameters/userSecretName"),
    ("Secret", "StorageClass", "parameters/secretRef"),
    ("Secret", "Role", "rules/resourceNames"),
    ("Secret", "ClusterRole", "rules/resourceNames"),
    ("Secret", "PersistentVolume", "spec/azureFile/secretName"),
    ("Service", "StatefulSet", "spec/serviceName"),
    ("Service", "Ingress", "spec/rules/http/paths/backend/serviceName"),
    ("Service", "Ingress", "spec/backend/serviceName"),
    ("Service", "Ingress", "spec/rules/http/paths/backend/service/name"),
    ("Service", "Ingress", "spec/defaultBackend/service/name"),
    ("Service", "APIService", "spec/service/name"),
    ("Service", "ValidatingWebhookConfiguration", "webhooks/clientConfig/service"),
    ("Service", "MutatingWebhookConfiguration", "webhooks/clientConfig/service"),
    ("Service", "HTTPRoute", "spec/rules/backendRefs/name"),
    ("Role", "RoleBinding", "roleRef/name"),
    ("ClusterRole", "RoleBinding", "roleRef/name"),
    ("ClusterRole", "ClusterRoleBinding", "roleRef/name"),
    ("ServiceAccount", "RoleBinding", "subjects"),
    ("ServiceAccount", "ClusterRoleBinding", "subjects"),
    ("PersistentVolume", "PersistentVolumeClaim", "spec/volumeName"),
    ("PersistentVolume", "ClusterRole", "rules/resourceNames"),
    ("StorageClass", "PersistentVolume", "spec/storageClassName"),
    ("StorageClass", "PersistentVolumeClaim", "spec/storageClassName"),
    ("StorageClass", "StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName"),
    ("IngressClass", "Ingress", "spec/ingressClassName"),
];

/// Fields that name a kind's objects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NameReference {
    #[serde(flatten)]
    pub(crate) referred: Gvk,
    pub(crate) field_specs: Vec<FieldSpec>,
}

/// The fields that each transformer reaches.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// A field of every kind.
pub(crate) fn everywhere(path: &str, create: bool) -> FieldSpec {
    of(("", "", path), create)
}

fn of((group, kind, path): (&str, &str, &str), create: bool) -> FieldSpec {
    let gvk = Gvk { group: group.to_owned(), version: String::new(), kind: kind.to_owned() };
    FieldSpec { gvk, path: path.to_owned(), create }
}

impl Config {
    /// kustomize's own lists.
    pub(crate) fn builtin() -> Self {
        let scaled = ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"];
        Self {
            name_prefix: vec![everywhere("metadata/name", false)],
            name_suffix: vec![everywhere("metadata/name", false)],
            namespace: namespaces(),
            common_labels: labels(),
            template_labels: template_labels(),
            common_annotations: annotations(),
            name_reference: references(),
            images: Vec::new(),
            replicas: scaled.iter().map(|kind| of(("", kind, "spec/replicas"), true)).collect(),
        }
    }
}

fn namespaces() -> Vec<FieldSpec> {
    let service = "spec/conversion/webhook/clientConfig/service/namespace";
    vec![
        of(("", "Namespace", "metadata/name"), true),
        of(("apiregistration.k8s.io", "APIService", "spec/service/namespace"), true),
        of(("apiextensions.k8s.io", "CustomResourceDefinition", service), false),
    ]
}

/// A field of the metadata of all templates.
fn templates(field: &str) -> Vec<FieldSpec> {
    let mut specs: Vec<FieldSpec> = TEMPLATES
        .iter()
        .map(|(group, kind, template)| of((group, kind, &format!("{template}/{field}")), true))
        .collect();
    specs.push(of(("batch", "CronJob", &format!("spec/jobTemplate/{field}")), true));
    specs
}

fn template_labels() -> Vec<FieldSpec> {
    let mut specs = templates("metadata/labels");
    specs.push(of(("apps", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels"), true));
    specs
}

fn labels() -> Vec<FieldSpec> {
    let mut specs = vec![everywhere("metadata/labels", true)];
    specs.extend(SELECTORS.iter().map(|(group, kind, path, create)| of((group, kind, path), *create)));
    for kind in ["Deployment", "StatefulSet"] {
        let peers = PEERS.iter().map(|path| format!("spec/template/spec/{path}"));
        specs.extend(peers.map(|path| of(("apps", kind, &path), false)));
    }
    specs.extend(template_labels());
    specs
}

fn annotations() -> Vec<FieldSpec> {
    let mut specs = vec![everywhere("metadata/annotations", true)];
    specs.extend(templates("metadata/annotations"));
    specs
}

fn references() -> Vec<NameReference> {
    let reference = |kind: &str, referrer: &str, path: &str| NameReference {
        referred: Gvk { kind: kind.to_owned(), ..Gvk::default() },
        field_specs: vec![of(("", referrer, path), false)],
    };
    let mut references: Vec<NameReference> =
        REFERENCES.iter().map(|(kind, referrer, path)| reference(kind, referrer, path)).collect();
    for (referrer, pod) in PODS {
        for (kind, paths) in IN_PODS {
            references.extend(paths.iter().map(|path| reference(kind, referrer, &format!("{pod}/{path}"))));
        }
    }
    for (referrer, pod) in WORKLOADS {
        references.push(reference("ServiceAccount", referrer, &format!("{pod}/serviceAccountName")));
        let claim = format!("{pod}/volumes/persistentVolumeClaim/claimName");
        references.push(reference("PersistentVolumeClaim", referrer, &claim));
        references.push(reference("PriorityClass", referrer, &format!("{pod}/priorityClassName")));
    }
    references
}

impl Config {
    /// Adds what a file under `configurations` says.
    pub(crate) fn extend(&mut self, files: &Recorder<'_>, directory: &str, name: &str) -> Result<(), Error> {
        let path = files::below(directory, name)?;
        let missing = || Error::Missing { from: directory.to_owned(), path: name.to_owned() };
        let text = files.text(&path)?.ok_or_else(missing)?;
        self.add(parse(&path, &text)?);
        Ok(())
    }

    fn add(&mut self, mut added: Self) {
        self.name_prefix.append(&mut added.name_prefix);
        self.name_suffix.append(&mut added.name_suffix);
        self.namespace.append(&mut added.namespace);
        self.common_labels.append(&mut added.common_labels);
        self.template_labels.append(&mut added.template_labels);
        self.common_annotations.append(&mut added.common_annotations);
        self.name_reference.append(&mut added.name_reference);
        self.images.append(&mut added.images);
        self.replicas.append(&mut added.replicas);
    }
}
