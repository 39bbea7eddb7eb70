//! GitOps against a real API server and a real git repository, on a virtual clock. One file per behaviour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app_of_apps;
mod broken_yaml;
mod charts;
mod create_namespace;
mod finalizer;
mod golden;
mod helm;
mod hooks;
mod hydrator;
mod instances;
mod jsonnet;
mod killed;
mod kustomize;
mod lab;
mod orphans;
mod project_restrictions;
mod prune;
mod pushes;
mod rollback;
mod scale;
mod self_heal;
mod settings;
mod several_sources;
mod sync_options;
mod sync_waves;
mod sync_windows;
mod tracking;
