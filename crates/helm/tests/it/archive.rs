//! Charts in archives, hostile ones among them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use mainstay_helm::{Chart, Error, File};
use serde_json::json;

use crate::{files, rendered, small};

/// A `.tgz` of files below one directory.
fn packed(directory: &str, files: &[File]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for file in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.content.len() as u64);
        header.set_mode(0o644);
        let path = format!("{directory}{}", file.path);
        // What a careful builder refuses is what the test is about.
        header.as_ustar_mut().expect("it is ustar").name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, file.content.as_slice()).expect("memory can be written");
    }
    let packed = builder.into_inner().expect("memory can be written");
    packed.finish().expect("memory can be written")
}

#[test]
fn dependencies_may_be_archives() {
    let (inner, mut outer): (Vec<File>, Vec<File>) =
        files("shop").into_iter().partition(|file| file.path.starts_with("charts/database/"));
    let strip = |file: File| File { path: file.path["charts/database/".len()..].to_owned(), ..file };
    let inner: Vec<File> = inner.into_iter().map(strip).collect();
    outer.push(File { path: "charts/database-2.5.0.tgz".to_owned(), content: packed("database/", &inner) });
    let unpacked = rendered(files("shop"), &json!({})).unwrap();
    assert_eq!(rendered(outer, &json!({})).unwrap(), unpacked);
    let archive = packed("shop/", &files("shop"));
    assert_eq!(Chart::from_archive(&archive).unwrap().metadata.name, "shop");
}

#[test]
fn hostile_archives_are_refused() {
    let file = |path: &str| File { path: path.to_owned(), content: b"x".to_vec() };
    for path in ["../../etc/passwd", "a/../../b", "/etc/passwd", "c:/x"] {
        let archive = packed("", &[file(path)]);
        let error = Chart::from_archive(&archive).unwrap_err();
        assert!(matches!(&error, Error::Archive(message) if message.contains("leaves")), "{path}: {error}");
    }
    let bomb = File { path: "x".to_owned(), content: vec![0; 30 * 1024 * 1024] };
    let error = Chart::from_archive(&packed("c/", &[bomb])).unwrap_err().to_string();
    assert!(error.contains("larger than"), "{error}");
    assert!(Chart::from_archive(b"no archive").is_err());
    let mut cut = packed("shop/", &files("shop"));
    cut.truncate(cut.len() / 2);
    assert!(Chart::from_archive(&cut).is_err());
    let mut empty = GzEncoder::new(Vec::new(), Compression::fast());
    empty.write_all(&[0; 1024]).unwrap();
    assert!(Chart::from_archive(&empty.finish().unwrap()).is_err());
    let bad = File { path: "charts/x.tgz".to_owned(), content: b"no archive".to_vec() };
    let mut chart = small(&[]);
    chart.push(bad);
    assert!(rendered(chart, &json!({})).unwrap_err().to_string().starts_with("charts/x.tgz: chart archive: "));
}
