//! `platform.mainstay.dev/v1alpha1`: the golden paths Application, Tenant and ToolPlatform, and the
//! annotations Mainstay adds to kro's language.
//! It must not know the golden paths' fields: those are in their definitions, which users may edit.

/// The API group of the golden paths.
pub const GROUP: &str = "platform.mainstay.dev";
/// The API version of the golden paths.
pub const VERSION: &str = "v1alpha1";
/// Group and version, as objects say it.
pub const API_VERSION: &str = "platform.mainstay.dev/v1alpha1";
/// Kind of an application.
pub const APPLICATION: &str = "Application";
/// Plural of applications; always say it with the group, for Argo CD has the same plural.
pub const APPLICATIONS: &str = "applications";
/// Kind of a tenant.
pub const TENANT: &str = "Tenant";
/// Plural of tenants.
pub const TENANTS: &str = "tenants";
/// Kind of a tool platform.
pub const TOOL_PLATFORM: &str = "ToolPlatform";
/// Plural of tool platforms.
pub const TOOL_PLATFORMS: &str = "toolplatforms";

/// Annotation on a ResourceGraphDefinition: a list, in YAML, of `{rule, message}` over `self`, the instance's
/// `spec`, as `x-kubernetes-validations` has them. SimpleSchema has no way to say a rule about several fields.
pub const SPEC_RULES: &str = "orchestrator.mainstay.dev/spec-validations";
/// Annotation on a template: with `skip`, the node is left out while the cluster does not serve its kind.
pub const WHEN_KIND_MISSING: &str = "orchestrator.mainstay.dev/when-kind-missing";
