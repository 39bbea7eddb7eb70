//! What a controller wants said about an object: the content of an Event, before it is recorded.
//! It must not know how events are written.

/// The content of an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Whether it is a warning.
    pub warning: bool,
    /// Reason in PascalCase.
    pub reason: &'static str,
    /// Message for a person.
    pub message: String,
    /// Who says it, if not the one that [`component`] names.
    pub source: Option<&'static str>,
}

impl Note {
    /// An event of type Normal.
    pub(crate) fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into(), source: None }
    }

    /// An event of type Warning.
    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, ..Self::normal(reason, message) }
    }

    /// The same, said by another component than the one that speaks of the object's kind.
    pub(crate) fn from(self, source: &'static str) -> Self {
        Self { source: Some(source), ..self }
    }
}

/// The component that speaks of objects of a kind; upstream's names, as `kubectl describe` shows them.
pub(crate) fn component(kind: &str) -> &'static str {
    match kind {
        "Pod" | "Node" => "kubelet",
        "Deployment" => "deployment-controller",
        "ReplicaSet" => "replicaset-controller",
        "StatefulSet" => "statefulset-controller",
        "DaemonSet" => "daemonset-controller",
        "Job" => "job-controller",
        "CronJob" => "cronjob-controller",
        "HorizontalPodAutoscaler" => "horizontal-pod-autoscaler",
        "PersistentVolumeClaim" => "persistentvolume-controller",
        _ => "controllermanager",
    }
}
