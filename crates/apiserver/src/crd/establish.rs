//! Accepting the names of definitions and establishing them, right after a write: upstream's naming and establishing
//! controllers, without their delay. It must not know how the write came.

use std::sync::Arc;

use http::HeaderMap;

use super::complete;
use crate::Error;
use crate::call::Call;
use crate::identity::Identity;
use crate::options::{Validation, WriteOptions};
use crate::route::{Query, ResourcePath};
use crate::server::ApiServer;
use crate::write::{self, Desired, Ownership};

/// The field manager that owns the status of definitions.
pub(crate) const DEFINITION_MANAGER: &str = "kube-apiserver";

/// Settles every definition of a cluster whose status does not say yet what follows from its spec: new ones, changed
/// ones, and those whose names were taken and no longer are.
pub(crate) async fn settle_all(server: &ApiServer, cluster: &Arc<str>) -> Result<(), Error> {
    let known = server.registry().cluster(cluster);
    let unsettled = known.definitions().filter(|definition| !definition.settled);
    let names: Vec<Arc<str>> = unsettled.map(|definition| definition.name.clone()).collect();
    for name in names {
        match settle(server, cluster, &name).await {
            // Gone since.
            Err(error) if error.code == 404 => {}
            other => other?,
        }
    }
    Ok(())
}

async fn settle(server: &ApiServer, cluster: &Arc<str>, name: &str) -> Result<(), Error> {
    let path = ResourcePath::parse(&format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}/status"));
    let path = path.ok_or_else(Error::no_such_path)?;
    let caller = (cluster.clone(), Arc::new(Identity::admin()));
    let call = Call::resolve(server, caller, path, (Query::default(), &HeaderMap::new()))?;
    let options = options();
    let written = write::change(&call, &options, |old| {
        let mut object = old.clone();
        complete(&mut object, &server.registry().cluster(cluster), &call.now());
        Ok(Desired { object, warnings: Vec::new(), ownership: Ownership::Writer })
    });
    written.await.map(drop)
}

fn options() -> WriteOptions {
    WriteOptions {
        dry_run: false,
        manager: DEFINITION_MANAGER.to_owned(),
        validation: Validation::Ignore,
        force: false,
    }
}
