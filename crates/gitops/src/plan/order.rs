//! In which order resources are applied and pruned and hooks run: phases, then waves, then kinds, then names; namespaces
//! and CRDs before what needs them. As gitops-engine's `sync_tasks.go`.
//! It must not know whether a task succeeds.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::hook::Phase;
use super::key::Key;
use super::options::PruneMode;

/// Kinds that come first, in this order, as upstream; every other kind comes after them.
const KIND_ORDER: &[&str] = &[
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// A resource to apply, or a hook to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// Its key.
    pub key: Key,
    /// Its phase.
    pub phase: Phase,
    /// Its wave.
    pub wave: i64,
    /// The kind it defines, if it is a CustomResourceDefinition: group and kind.
    pub defines: Option<(String, String)>,
}

/// A resource to prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Its key.
    pub key: Key,
    /// Its wave.
    pub wave: i64,
    /// When.
    pub mode: PruneMode,
}

/// What is done together before the next wave begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wave {
    /// Its phase.
    pub phase: Phase,
    /// Its number.
    pub number: i64,
    /// Resources to apply, in groups of one kind: one group after the other, each at once.
    pub groups: Vec<Vec<Key>>,
    /// Resources to prune, once all of the groups went well.
    pub prunes: Vec<Key>,
}

/// Orders what is to be done into waves. Prunes of mode `Never` and `Confirm` are not done at all.
#[must_use]
pub fn waves(applies: &[Apply], prunes: &[Prune]) -> Vec<Wave> {
    let mut waves: BTreeMap<Place, Wave> = BTreeMap::new();
    let empty = |(phase, number)| move || Wave { phase, number, ..Wave::default() };
    for (place, key) in ordered(applies) {
        let groups = &mut waves.entry(place).or_insert_with(empty(place)).groups;
        match groups.last_mut().filter(|group| group.last().is_some_and(|last| last.group_kind() == key.group_kind())) {
            Some(group) => group.push(key),
            None => groups.push(vec![key]),
        }
    }
    let last = waves.keys().filter(|(phase, _)| *phase == Phase::Sync).map(|(_, number)| *number).next_back();
    for (number, key) in ordered_prunes(prunes, last) {
        let place = (Phase::Sync, number);
        waves.entry(place).or_insert_with(empty(place)).prunes.push(key);
    }
    waves.into_values().collect()
}

/// A phase and a wave in it.
type Place = (Phase, i64);

/// Reverse wave order, for deleting everything: the last wave goes first. Each inner list goes at once.
#[must_use]
pub fn deletion_waves(resources: &[(Key, i64)]) -> Vec<Vec<Key>> {
    let mut waves: BTreeMap<Reverse<i64>, Vec<Key>> = BTreeMap::new();
    for (key, wave) in resources {
        waves.entry(Reverse(*wave)).or_default().push(key.clone());
    }
    for keys in waves.values_mut() {
        keys.sort_by_cached_key(|key| (Reverse(kind_index(key)), key.clone()));
    }
    waves.into_values().collect()
}

fn kind_index(key: &Key) -> usize {
    KIND_ORDER.iter().position(|kind| *kind == key.kind).unwrap_or(KIND_ORDER.len())
}

/// Keys with the place they go to. A namespace or a CRD goes no later than the first that needs it.
fn ordered(applies: &[Apply]) -> Vec<(Place, Key)> {
    let mut first_in_namespace: BTreeMap<&str, Place> = BTreeMap::new();
    let mut first_of_kind: BTreeMap<(&str, &str), Place> = BTreeMap::new();
    for apply in applies {
        let (key, place) = (&apply.key, (apply.phase, apply.wave));
        let earliest = |known: &mut Place| *known = (*known).min(place);
        if !key.namespace.is_empty() {
            first_in_namespace.entry(&key.namespace).and_modify(earliest).or_insert(place);
        }
        first_of_kind.entry((&key.group, &key.kind)).and_modify(earliest).or_insert(place);
    }
    let mut ordered: Vec<_> = applies
        .iter()
        .map(|apply| {
            let needed = match &apply.defines {
                Some((group, kind)) => first_of_kind.get(&(group.as_str(), kind.as_str())),
                None if apply.key.kind == "Namespace" => first_in_namespace.get(apply.key.name.as_str()),
                None => None,
            };
            let own = (apply.phase, apply.wave);
            let place = needed.map_or(own, |needed| own.min(*needed));
            // A CRD that something needs goes before every other kind of its wave but namespaces.
            let rank = if apply.defines.is_some() && needed.is_some() { 1 } else { kind_index(&apply.key) * 2 };
            ((place, rank, apply.key.clone()), apply.key.clone())
        })
        .collect();
    ordered.sort();
    ordered.into_iter().map(|((place, _, _), key)| (place, key)).collect()
}

/// Prunes go in the reverse of their waves; `PruneLast` goes after everything.
fn ordered_prunes(prunes: &[Prune], last_apply: Option<i64>) -> Vec<(i64, Key)> {
    let mut numbers: Vec<i64> = prunes.iter().filter(|prune| prune.mode == PruneMode::Normal).map(|p| p.wave).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mirrored: BTreeMap<i64, i64> = numbers.iter().copied().zip(numbers.iter().rev().copied()).collect();
    let last = numbers.last().copied().max(last_apply).map_or(0, |wave| wave.saturating_add(1));
    let mut ordered: Vec<_> = prunes
        .iter()
        .filter_map(|prune| match prune.mode {
            PruneMode::Normal => Some((mirrored.get(&prune.wave).copied().unwrap_or(prune.wave), prune)),
            PruneMode::Last => Some((last, prune)),
            PruneMode::Never | PruneMode::Confirm => None,
        })
        .map(|(wave, prune)| ((wave, Reverse(kind_index(&prune.key)), prune.key.clone()), prune.key.clone()))
        .collect();
    ordered.sort();
    ordered.into_iter().map(|((wave, ..), key)| (wave, key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: &str, kind: &str, name: &str) -> Key {
        let cluster_scoped = ["Namespace", "CustomResourceDefinition"].contains(&kind);
        let namespace = if cluster_scoped { "" } else { "shop" };
        Key { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    fn apply(kind: &str, name: &str, wave: i64) -> Apply {
        Apply { key: key("", kind, name), phase: Phase::Sync, wave, defines: None }
    }

    fn show(waves: &[Wave]) -> Vec<String> {
        let names =
            |keys: &[Key]| keys.iter().map(|key| format!("{}/{}", key.kind, key.name)).collect::<Vec<_>>().join(" ");
        waves
            .iter()
            .map(|wave| {
                let groups: Vec<_> = wave.groups.iter().map(|group| names(group)).collect();
                format!("{}: {} - {}", wave.number, groups.join(" | "), names(&wave.prunes))
            })
            .collect()
    }

    #[test]
    fn waves_then_kinds_then_names() {
        let applies = [
            apply("Deployment", "b", 0),
            apply("Custom", "c", -1),
            apply("Service", "s", 0),
            apply("Deployment", "a", 0),
            apply("ConfigMap", "z", 5),
        ];
        assert_eq!(
            show(&waves(&applies, &[])),
            ["-1: Custom/c - ", "0: Service/s | Deployment/a Deployment/b - ", "5: ConfigMap/z - "]
        );
    }

    #[test]
    fn namespaces_and_definitions_come_before_what_needs_them() {
        let foo = Apply { key: key("x.io", "Foo", "f"), phase: Phase::Sync, wave: -2, defines: None };
        let crd = Apply {
            key: key("apiextensions.k8s.io", "CustomResourceDefinition", "foos.x.io"),
            phase: Phase::Sync,
            wave: 3,
            defines: Some(("x.io".into(), "Foo".into())),
        };
        let applies = [foo, crd, apply("Namespace", "shop", 1), apply("ConfigMap", "c", -2)];
        let expected = "-2: Namespace/shop | CustomResourceDefinition/foos.x.io | ConfigMap/c | Foo/f - ";
        assert_eq!(show(&waves(&applies, &[])), [expected]);
    }

    #[test]
    fn prunes_go_in_reverse_and_last_means_last() {
        let prune = |name: &str, wave: i64, mode: PruneMode| Prune { key: key("", "ConfigMap", name), wave, mode };
        let prunes = [
            prune("a", 0, PruneMode::Normal),
            prune("b", 2, PruneMode::Normal),
            prune("c", 0, PruneMode::Last),
            prune("d", 0, PruneMode::Never),
        ];
        let expected = ["0:  - ConfigMap/b", "1: Secret/s - ", "2:  - ConfigMap/a", "3:  - ConfigMap/c"];
        assert_eq!(show(&waves(&[apply("Secret", "s", 1)], &prunes)), expected);
    }

    #[test]
    fn phases_go_before_waves_and_a_hook_takes_its_namespace_along() {
        let hook =
            |name: &str, phase: Phase, wave: i64| Apply { key: key("", "Job", name), phase, wave, defines: None };
        let applies = [
            hook("after", Phase::PostSync, -5),
            hook("before", Phase::PreSync, 3),
            apply("Namespace", "shop", 0),
            apply("ConfigMap", "c", -1),
        ];
        let expected = ["3: Namespace/shop | Job/before - ", "-1: ConfigMap/c - ", "-5: Job/after - "];
        assert_eq!(show(&waves(&applies, &[])), expected);
    }

    #[test]
    fn deletion_is_the_reverse() {
        let resources = [(key("", "Namespace", "shop"), 0), (key("", "Service", "s"), 0), (key("", "Job", "j"), 1)];
        let names: Vec<Vec<String>> =
            deletion_waves(&resources).iter().map(|wave| wave.iter().map(|k| k.name.clone()).collect()).collect();
        assert_eq!(names, vec![vec!["j".to_owned()], vec!["s".to_owned(), "shop".to_owned()]]);
    }
}
