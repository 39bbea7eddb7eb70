//! The golden paths that come with Mainstay: ordinary definitions, seeded into the `platform` repository, where
//! users may edit them.
//! It must not treat them any differently from definitions of users.

/// A file of the `platform` repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the repository.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The definitions of Application, Tenant and ToolPlatform.
pub const DEFINITIONS: [File; 3] = [
    File { path: "golden-paths/application.yaml", text: include_str!("../golden-paths/application.yaml") },
    File { path: "golden-paths/tenant.yaml", text: include_str!("../golden-paths/tenant.yaml") },
    File { path: "golden-paths/tool-platform.yaml", text: include_str!("../golden-paths/tool-platform.yaml") },
];

/// Definitions of kinds that the golden paths make and that add-ons bring: for clusters without the add-ons.
pub const CUSTOM_RESOURCE_DEFINITIONS: [File; 1] =
    [File { path: "addons/crds/servicemonitor.yaml", text: include_str!("../golden-paths/crds/servicemonitor.yaml") }];
