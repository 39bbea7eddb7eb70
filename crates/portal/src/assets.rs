//! The style sheet, the script and the logo, under addresses that change with their content.
//! It must not read files: they are in the binary.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// A file in the binary.
pub(crate) struct Asset {
    name: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static str,
}

pub(crate) const STYLE: Asset = Asset {
    name: "portal",
    extension: "css",
    content_type: "text/css; charset=utf-8",
    content: include_str!("../assets/portal.css"),
};
pub(crate) const SCRIPT: Asset = Asset {
    name: "portal",
    extension: "js",
    content_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/portal.js"),
};
pub(crate) const LOGO: Asset = Asset {
    name: "logo",
    extension: "svg",
    content_type: "image/svg+xml",
    content: include_str!("../assets/logo.svg"),
};

impl Asset {
    /// Where it is; it may be cached for ever.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}", self.file_name())
    }

    fn file_name(&self) -> String {
        format!("{}-{:016x}.{}", self.name, fingerprint(self.content), self.extension)
    }
}

/// The asset of a file name, or `None`.
pub(crate) fn respond(file_name: &str) -> Option<Response> {
    let asset = [STYLE, SCRIPT, LOGO].into_iter().find(|asset| asset.file_name() == file_name)?;
    let response = Response::builder()
        .header(CONTENT_TYPE, asset.content_type)
        .header(CACHE_CONTROL, "public, max-age=31536000, immutable")
        .body(Body::from(asset.content));
    response.ok()
}

/// FNV-1a with 64 bits: only has to differ when the content does.
fn fingerprint(content: &str) -> u64 {
    content.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
