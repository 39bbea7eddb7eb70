//! The ConfigMaps `argocd-cm` and `argocd-cmd-params-cm`, from an informer; parsed again only when they changed.
//! It must not know what it says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Context, Event, Informer, context};
use serde_json::Value;

use super::live::lock;
use crate::plan::settings::{NAME, PARAMETERS, Settings};

/// Gives the settings as they are.
pub(crate) struct SettingsSource {
    informer: Informer,
    control: Context,
    namespace: String,
    /// How often one of the ConfigMaps has changed.
    changes: AtomicU64,
    /// What they said after so many changes.
    known: Mutex<Option<(u64, Arc<Settings>)>>,
}

impl SettingsSource {
    /// Those of the Applications of a namespace.
    pub(crate) fn new(control: &Context, namespace: &str) -> Self {
        let resource = context::resource("", "v1", "ConfigMap", "configmaps");
        Self {
            informer: control.informers.informer(&resource),
            control: control.clone(),
            namespace: namespace.to_owned(),
            changes: AtomicU64::new(0),
            known: Mutex::default(),
        }
    }

    /// The namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The informer to be watched: [`SettingsSource::changed`] has to see all its events.
    pub(crate) fn informer(&self) -> &Informer {
        &self.informer
    }

    /// Whether an event is about one of the ConfigMaps.
    pub(crate) fn changed(&self, event: &Event<'_>) -> bool {
        let map = event.object();
        let ours = [NAME, PARAMETERS].contains(&object::name(map)) && object::namespace(map) == Some(&self.namespace);
        if ours {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
        ours
    }

    /// The settings as they are; all defaults without the ConfigMaps.
    pub(crate) fn current(&self) -> Arc<Settings> {
        // Read before the ConfigMap is: a change in between asks for another look.
        let changes = self.changes.load(Ordering::SeqCst);
        let mut known = lock(&self.known);
        if let Some((_, settings)) = known.as_ref().filter(|(seen, _)| *seen == changes) {
            return Arc::clone(settings);
        }
        let of = |name: &str| self.informer.get(&self.namespace, name).map(|map| data(&map)).unwrap_or_default();
        let settings = Arc::new(Settings::new(&of(NAME), &of(PARAMETERS)));
        *known = Some((changes, Arc::clone(&settings)));
        settings
    }

    /// The time, as scripts are told it.
    pub(crate) fn now(&self) -> Timestamp {
        self.control.clock.now()
    }
}

fn data(map: &Value) -> BTreeMap<String, String> {
    let entries = map.get("data").and_then(Value::as_object);
    let texts =
        entries.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    texts.collect()
}
