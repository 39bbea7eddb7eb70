//! Getting new objects to disk: a few as loose files, many as one pack, which costs two files instead of thousands.
//! It must not know what the objects mean.

use std::io::Write as _;
use std::sync::atomic::AtomicBool;

use gix::error::ResultExt;
use gix::objs::{Kind, Write as _};
use gix::odb::memory::Storage;
use gix::odb::pack;
use gix::zlib::{Compression, stream::deflate};
use pack::data::entry::Header;

/// From here on a pack is faster than loose files (measured: about 60 µs per loose file, 2 ms per pack).
const LOOSE_LIMIT: usize = 32;

/// A new object: its kind and its bytes.
type Object<'a> = (Kind, &'a [u8]);

/// Writes the objects that the repository does not have yet; one that it got in the last moment twice, which is harmless.
pub(crate) fn persist(repository: &gix::Repository, objects: &Storage) -> gix::Result<()> {
    let mut missing: Vec<_> = objects.iter().filter(|(id, _)| !repository.objects.exists_without_refresh(id)).collect();
    // A map's order is not the same each time; a pack's bytes shall be.
    missing.sort_by_key(|(id, _)| **id);
    let missing: Vec<Object<'_>> = missing.into_iter().map(|(_, (kind, data))| (*kind, data.as_slice())).collect();
    if missing.len() > LOOSE_LIMIT {
        return write_pack(repository, &missing);
    }
    for (kind, data) in missing {
        repository.objects.write_buf(kind, data)?;
    }
    Ok(())
}

fn write_pack(repository: &gix::Repository, objects: &[Object<'_>]) -> gix::Result<()> {
    let bytes = encode(repository.object_hash(), objects)?;
    let outcome = pack::Bundle::write_to_directory(
        &mut bytes.as_slice(),
        Some(&repository.objects.store_ref().path().join("pack")),
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
        None::<gix::OdbHandle>,
        repository.object_hash(),
        pack::bundle::write::Options { thread_limit: Some(1), ..Default::default() },
    )?;
    if let Some(keep) = outcome.keep_path {
        // Only says to a packer running at this moment that the pack is in use; the ref follows at once.
        let _ = std::fs::remove_file(keep);
    }
    Ok(())
}

/// A pack of whole objects, `gitformat-pack(5)`: header, entries, hash of both.
fn encode(hash: gix::hash::Kind, objects: &[Object<'_>]) -> gix::Result<Vec<u8>> {
    let count = u32::try_from(objects.len()).or_error()?;
    let mut out = pack::data::header::encode(pack::data::Version::V2, count).to_vec();
    for (kind, data) in objects {
        header_of(*kind).write_to(data.len() as u64, &mut out).or_error()?;
        let mut deflate = deflate::Write::new(out, Compression::BEST_SPEED);
        deflate.write_all(data).or_error()?;
        deflate.flush().or_error()?;
        out = deflate.into_inner();
    }
    let mut hasher = gix::hash::hasher(hash);
    hasher.update(&out);
    out.extend_from_slice(hasher.try_finalize()?.as_slice());
    Ok(out)
}

fn header_of(kind: Kind) -> Header {
    match kind {
        Kind::Commit => Header::Commit,
        Kind::Tree => Header::Tree,
        Kind::Blob => Header::Blob,
        Kind::Tag => Header::Tag,
    }
}
