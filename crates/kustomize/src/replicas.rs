//! Numbers of replicas. As kustomize's replica count transformer.
//! It must not know which fields kinds have; see `config.rs`.

use crate::accumulate::Target;
use crate::config::Config;
use crate::error::Error;
use crate::fieldspec;
use crate::resource::Resource;

/// Sets the numbers of replicas that a kustomization asks for, by any name a resource has had.
pub(crate) fn set(target: &Target<'_>, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    for wanted in &target.kustomization.replicas {
        let mut found = false;
        for resource in resources.iter_mut().filter(|one| one.ids().any(|id| id.name == wanted.name)) {
            let id = resource.id();
            for spec in config.replicas.iter().filter(|spec| spec.gvk.selects(&id)) {
                found = true;
                let mut count = |field: &mut serde_json::Value| {
                    *field = wanted.count.into();
                    Ok(())
                };
                fieldspec::each(&mut resource.object, spec, &mut count).map_err(|message| target.failed(message))?;
            }
        }
        if !found {
            let message = format!("replicas: no resource named {} has a number of replicas", wanted.name);
            return Err(target.failed(message));
        }
    }
    Ok(())
}
