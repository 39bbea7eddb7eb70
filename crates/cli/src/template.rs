//! The files of a new application in the `apps` repository. Pure. It must not refuse anything: that is done before.

use std::fmt::Write;

use mainstay_git::Change;

/// A text as YAML writes it: in quotes where it would be read as a number or as true or false.
fn scalar(text: &str) -> String {
    mainstay_apimachinery::yaml::to_string(&text.into()).trim_end().to_owned()
}

/// What a new application is made from.
#[derive(Clone, Debug)]
pub(crate) struct Template<'a> {
    /// Name of the application.
    pub(crate) name: &'a str,
    /// Container image.
    pub(crate) image: &'a str,
    /// Port of the container.
    pub(crate) port: u16,
    /// Host name in production; other environments put their name before it.
    pub(crate) hostname: Option<&'a str>,
    /// Owning team.
    pub(crate) owner: &'a str,
    /// URL of the `apps` repository as clusters know it.
    pub(crate) repository: &'a str,
    /// Environments, which are names of clusters.
    pub(crate) environments: &'a [String],
}

impl Template<'_> {
    /// All files of the application.
    pub(crate) fn files(&self) -> Vec<Change> {
        let mut files = vec![
            Change::write(format!("{}/catalog-info.yaml", self.name), self.catalog_info()),
            Change::write(format!("{}/argocd.yaml", self.name), self.argocd()),
        ];
        for environment in self.environments {
            let path = format!("{}/{environment}/application.yaml", self.name);
            files.push(Change::write(path, self.application(environment)));
        }
        files
    }

    fn catalog_info(&self) -> String {
        let name = self.name;
        let (quoted, owner) = (scalar(name), scalar(self.owner));
        format!(
            "apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: {quoted}
  annotations:
    argocd/app-selector: mainstay.dev/application={name}
    backstage.io/kubernetes-label-selector: app.kubernetes.io/name={name}
spec:
  type: service
  lifecycle: production
  owner: {owner}
"
        )
    }

    fn argocd(&self) -> String {
        let documents: Vec<_> =
            self.environments.iter().map(|environment| self.argocd_application(environment)).collect();
        documents.join("---\n")
    }

    fn argocd_application(&self, environment: &str) -> String {
        let Self { name, repository, .. } = self;
        let quoted = scalar(name);
        format!(
            "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}-{environment}
  namespace: argocd
  labels:
    mainstay.dev/application: {quoted}
    mainstay.dev/environment: {environment}
  finalizers:
    - resources-finalizer.argocd.argoproj.io
spec:
  project: applications
  source:
    repoURL: {repository}
    targetRevision: main
    path: {name}/{environment}
  destination:
    name: {environment}
    namespace: {quoted}
  syncPolicy:
    automated:
      prune: true
      selfHeal: true
    syncOptions:
      - CreateNamespace=true
"
        )
    }

    fn application(&self, environment: &str) -> String {
        let (name, image, port) = (scalar(self.name), scalar(self.image), self.port);
        let mut text = format!(
            "apiVersion: platform.mainstay.dev/v1alpha1
kind: Application
metadata:
  name: {name}
spec:
  image: {image}
  port: {port}
"
        );
        match environment {
            "production" => {
                text.push_str("  autoscaling:\n    enabled: true\n    minReplicas: 2\n    maxReplicas: 6\n")
            }
            _ => text.push_str("  replicas: 1\n"),
        }
        if let Some(hostname) = self.hostname {
            let host =
                if environment == "production" { hostname.to_owned() } else { format!("{environment}.{hostname}") };
            // Writing to a String cannot fail.
            let _ = write!(text, "  ingress:\n    enabled: true\n    hostname: {host}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_per_environment_and_two_for_all() {
        let environments = ["dev".to_owned(), "production".to_owned()];
        let template = Template {
            name: "shop",
            image: "ghcr.io/acme/shop:1.0.0",
            port: 8080,
            hostname: Some("shop.example.com"),
            owner: "team-shop",
            repository: "http://git.mainstay-system.svc/apps.git",
            environments: &environments,
        };
        let files = template.files();
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "shop/catalog-info.yaml",
                "shop/argocd.yaml",
                "shop/dev/application.yaml",
                "shop/production/application.yaml"
            ]
        );
        for file in &files {
            let text = String::from_utf8(file.content.clone().unwrap()).unwrap();
            assert!(!mainstay_apimachinery::yaml::parse_documents(&text).unwrap().is_empty(), "{}", file.path);
        }
        let template = Template { name: "true", owner: "null", ..template };
        for file in template.files() {
            let text = String::from_utf8(file.content.unwrap()).unwrap();
            let document = &mainstay_apimachinery::yaml::parse_documents(&text).unwrap()[0].value;
            assert!(document["metadata"]["name"].is_string(), "{text}");
        }
        assert!(template.application("dev").contains("hostname: dev.shop.example.com"));
        assert!(template.application("production").contains("hostname: shop.example.com"));
    }
}
