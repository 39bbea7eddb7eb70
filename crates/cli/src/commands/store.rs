//! `mainstay store`: verify, save, restore and shrink what a server keeps. It must not know how a store is laid out.

use std::io::Write;
use std::path::Path;

use futures::AsyncReadExt;
use kube::Client;
use mainstay_server::store::{self, Verified};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::arguments::{Common, Store, StoreAction, StoreRestore, StoreSnapshot, StoreVerify};
use crate::connection::Connection;
use crate::error::Error;
use crate::output::say;
use crate::{output, paint};

/// Bytes read at a time from the server.
const PIECE_BYTES: usize = 64 << 10;

pub(crate) async fn run(common: &Common, store: Store) -> Result<(), Error> {
    match store.action {
        StoreAction::Verify(arguments) => verify(common, arguments),
        StoreAction::Snapshot(arguments) => snapshot(common, arguments).await,
        StoreAction::Restore(arguments) => restore(common, &arguments),
        StoreAction::Compact => compact(common),
    }
}

fn verify(common: &Common, arguments: StoreVerify) -> Result<(), Error> {
    let path = arguments.file.unwrap_or_else(|| store::file(&common.data_dir));
    let verified = store::verify(&path).map_err(Error::Store)?;
    output::print(common.output, &described(&path, &verified), || print_verified(&path, &verified))?;
    match verified.findings.len() {
        0 => Ok(()),
        findings => Err(Error::Damaged { path, findings }),
    }
}

fn described(path: &Path, verified: &Verified) -> Value {
    let finding = |finding: &store::Finding| json!({"place": finding.place, "what": finding.what});
    let findings: Vec<Value> = verified.findings.iter().map(finding).collect();
    let remedy = (!findings.is_empty()).then_some(store::REMEDY);
    json!({
        "path": path, "sound": findings.is_empty(), "format": verified.format, "revision": verified.revision,
        "objects": verified.objects, "kinds": verified.kinds, "fileBytes": verified.file_bytes, "findings": findings,
        "remedy": remedy,
    })
}

fn print_verified(path: &Path, verified: &Verified) {
    let Verified { objects, kinds, revision, findings, .. } = verified;
    let state = if findings.is_empty() { paint::good("sound") } else { paint::bad("damaged") };
    let size = mebibytes(verified.file_bytes);
    say!("{} is {state}: {objects} records of {kinds} kinds at revision {revision}, {size}", path.display());
    if !findings.is_empty() {
        let rows: Vec<_> = findings.iter().map(|finding| vec![finding.place.clone(), finding.what.clone()]).collect();
        output::table(&["WHERE", "WHAT"], &rows);
    }
}

async fn snapshot(common: &Common, arguments: StoreSnapshot) -> Result<(), Error> {
    let file = &arguments.file;
    let online = common.kubeconfig.is_some() || store::is_running(&common.data_dir);
    let verified = if online {
        let connection = Connection::open(common).await?;
        read_from_server(connection.control()?, file).await?
    } else {
        store::save(&common.data_dir, file).map_err(Error::Store)?
    };
    output::print(common.output, &described(file, &verified), || print_verified(file, &verified))
}

async fn read_from_server(client: &Client, file: &Path) -> Result<Verified, Error> {
    let request = http::Request::get(store::SNAPSHOT_PATH).body(Vec::new());
    let request = request.expect("the path is a constant");
    let mut stream = Box::pin(client.request_stream(request).await.map_err(|error| Error::Snapshot(Box::new(error)))?);
    let mut piece = vec![0; PIECE_BYTES];
    let write = |writer: &mut dyn Write| {
        loop {
            match Handle::current().block_on(stream.read(&mut piece))? {
                0 => return Ok(()),
                read => writer.write_all(&piece[..read])?,
            }
        }
    };
    tokio::task::block_in_place(|| store::save_with(file, write)).map_err(Error::Store)
}

fn restore(common: &Common, arguments: &StoreRestore) -> Result<(), Error> {
    let restored = store::restore(&common.data_dir, &arguments.file, arguments.force).map_err(Error::Store)?;
    let store::Restored { revision, objects, kept } = &restored;
    let answer = json!({"revision": revision, "objects": objects, "kept": kept});
    output::print(common.output, &answer, || {
        say!("{objects} records are in {}, at revision {revision}", store::file(&common.data_dir).display());
        if let Some(kept) = kept {
            say!("what was there is kept as {}", kept.display());
        }
    })
}

fn compact(common: &Common) -> Result<(), Error> {
    let (before, after) = store::compact(&common.data_dir).map_err(Error::Store)?;
    output::print(common.output, &json!({"bytesBefore": before, "bytesAfter": after}), || {
        say!("{} is {}, it was {}", store::file(&common.data_dir).display(), mebibytes(after), mebibytes(before));
    })
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
