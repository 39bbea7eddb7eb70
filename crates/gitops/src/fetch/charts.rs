//! Charts from where they are published, asked for in the name of the accounts that Secrets hold.
//! It must not know what is in a chart.

use bytes::Bytes;
use mainstay_charts::{ChartRepositories, Error, Source};

use crate::accounts::AccountSecrets;

/// Where charts are published. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Charts {
    repositories: ChartRepositories,
    accounts: AccountSecrets,
}

impl Charts {
    pub(crate) fn new(accounts: AccountSecrets) -> Self {
        Self { repositories: ChartRepositories::new(), accounts }
    }

    /// The version that is meant by a version or a range of versions.
    pub(crate) async fn resolve(&self, repository: &str, chart: &str, wanted: &str) -> Result<String, Error> {
        let credentials = self.accounts.of_charts(repository);
        let source = Source { repository, chart, credentials: credentials.as_ref() };
        self.repositories.resolve(&source, wanted).await
    }

    /// The archive of a version.
    pub(crate) async fn archive(&self, repository: &str, chart: &str, version: &str) -> Result<Bytes, Error> {
        let credentials = self.accounts.of_charts(repository);
        let source = Source { repository, chart, credentials: credentials.as_ref() };
        self.repositories.archive(&source, version).await
    }
}
