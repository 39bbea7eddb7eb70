//! Keeps the dependency law of `ARCHITECTURE.md`: crates depend only on lower layers, but for the edges listed here.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

const PREFIX: &str = "mainstay-";

/// Layers from the bottom. A crate that is not listed fails the test: give it a place first.
const LAYERS: &[(u8, &[&str])] = &[
    (0, &["api", "apimachinery", "cel", "gotemplate", "helm", "jsonnet", "kustomize", "lua", "webhook"]),
    (1, &["telemetry", "charts", "git", "controller-runtime"]),
    (2, &["store", "apiserver", "simcluster"]),
    (3, &["applicationset", "gitops", "orchestrator"]),
    (4, &["portal", "server", "cli"]),
];

/// Edges within a layer, one by one.
const SAME_LAYER: &[(&str, &str)] = &[
    ("apimachinery", "api"),
    ("cel", "apimachinery"),
    ("gotemplate", "apimachinery"),
    ("helm", "apimachinery"),
    ("helm", "gotemplate"),
    ("kustomize", "apimachinery"),
    ("lua", "apimachinery"),
    ("charts", "telemetry"),
    ("controller-runtime", "telemetry"),
    ("git", "telemetry"),
    ("apiserver", "store"),
    ("server", "portal"),
    ("cli", "server"),
    ("cli", "portal"),
];

/// Crates that only tests and developers use; nothing shipped depends on them.
const DEV_ONLY: &[&str] = &["testkit"];

/// What the pure layer must not use: no clock, no network, no runtime.
const IMPURE: &[&str] = &["tokio", "kube", "axum", "hyper", "reqwest", "redb", "gix", "rand", "tracing-subscriber"];

/// Names that say nothing about a duty.
const VAGUE: &[&str] = &["common", "core", "utils", "util", "types", "shared", "helpers", "misc"];

fn packages() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.no_deps().manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    command.other_options(["--offline".to_owned()]);
    command.exec().expect("cargo metadata works in a workspace").packages
}

fn layer_of() -> BTreeMap<&'static str, u8> {
    LAYERS.iter().flat_map(|(layer, crates)| crates.iter().map(move |name| (*name, *layer))).collect()
}

/// Folder names of the crates a package depends on in shipped code.
fn shipped(package: &Package) -> BTreeSet<String> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    normal.filter_map(|dependency| dependency.name.strip_prefix(PREFIX).map(str::to_owned)).collect()
}

fn folder(package: &Package) -> Option<String> {
    package.name.strip_prefix(PREFIX).map(str::to_owned)
}

#[test]
fn crates_depend_on_lower_layers_only() {
    let layers = layer_of();
    let mut broken = Vec::new();
    for package in packages() {
        let Some(from) = folder(&package).filter(|name| !DEV_ONLY.contains(&name.as_str())) else { continue };
        let Some(&layer) = layers.get(from.as_str()) else {
            broken.push(format!("{from} has no layer: add it to LAYERS"));
            continue;
        };
        for to in shipped(&package) {
            let allowed = match layers.get(to.as_str()) {
                Some(&below) if below < layer => !(layer == 3 && below == 2),
                Some(_) => SAME_LAYER.contains(&(from.as_str(), to.as_str())),
                None => false,
            };
            if !allowed {
                broken.push(format!("{from} must not depend on {to}"));
            }
        }
    }
    assert!(broken.is_empty(), "the dependency law is broken:\n  {}", broken.join("\n  "));
}

#[test]
fn domains_meet_only_on_the_api() {
    let domains = LAYERS[3].1;
    let stand_ins = LAYERS[2].1;
    for package in packages() {
        let Some(from) = folder(&package).filter(|name| domains.contains(&name.as_str())) else { continue };
        for to in shipped(&package) {
            assert!(!domains.contains(&to.as_str()), "domain {from} must not depend on domain {to}");
            assert!(!stand_ins.contains(&to.as_str()), "domain {from} must not depend on stand-in {to}");
        }
    }
}

#[test]
fn only_the_server_wires_stand_ins_to_domains() {
    let layers = layer_of();
    for package in packages() {
        let Some(from) = folder(&package) else { continue };
        if from == "server" || DEV_ONLY.contains(&from.as_str()) {
            continue;
        }
        let below: BTreeSet<u8> = shipped(&package).iter().filter_map(|to| layers.get(to.as_str()).copied()).collect();
        assert!(!(below.contains(&2) && below.contains(&3)), "{from} must not wire stand-ins to domains: server does");
    }
}

#[test]
fn surfaces_change_the_world_only_as_a_user_would() {
    for package in packages() {
        let Some(from) = folder(&package).filter(|name| name == "portal" || name == "cli") else { continue };
        for to in shipped(&package) {
            let reaches_in = LAYERS[2].1.contains(&to.as_str()) || LAYERS[3].1.contains(&to.as_str());
            assert!(!reaches_in, "{from} must not depend on {to}: it writes an object or a git commit");
        }
    }
}

#[test]
fn the_pure_layer_is_pure() {
    for package in packages() {
        let Some(name) = folder(&package).filter(|name| LAYERS[0].1.contains(&name.as_str())) else { continue };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            assert!(
                !IMPURE.contains(&dependency.name.as_str()),
                "{name} must stay pure: it depends on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn crate_names_say_a_duty() {
    for package in packages() {
        if let Some(name) = folder(&package) {
            assert!(!VAGUE.contains(&name.as_str()), "no crate is called {name}: name its duty");
        }
    }
}

#[test]
fn no_crate_brings_a_second_tls_stack() {
    let lock = include_str!("../../Cargo.lock");
    for unwanted in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls", "git2"] {
        assert!(
            !lock.contains(&format!("name = \"{unwanted}\"\n")),
            "{unwanted} is in Cargo.lock: use rustls with ring, and gix"
        );
    }
}
