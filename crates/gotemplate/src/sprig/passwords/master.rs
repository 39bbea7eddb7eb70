//! The Master Password algorithm: passwords of sites that follow from one.

use ring::hmac;
use scrypt::Params;

/// What a password is derived from.
pub(super) struct Request<'a> {
    pub(super) counter: u32,
    /// `long`, `maximum`, `medium`, `short`, `basic` or `pin`.
    pub(super) kind: &'a str,
    pub(super) password: &'a str,
    pub(super) user: &'a str,
    pub(super) site: &'a str,
}

const SCOPE: &str = "com.lyndir.masterpassword";

fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn letters(class: u8) -> &'static [u8] {
    match class {
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The password, or in words why there is none.
pub(super) fn derive(request: &Request<'_>) -> String {
    let Some(templates) = templates(request.kind) else {
        return format!("cannot find password template {}", request.kind);
    };
    let mut key = [0; 64];
    let derived = Params::new(15, 8, 2).map_err(|error| error.to_string()).and_then(|params| {
        let salt = scoped(request.user, &[]);
        scrypt::scrypt(request.password.as_bytes(), &salt, &params, &mut key).map_err(|error| error.to_string())
    });
    if let Err(error) = derived {
        return format!("failed to derive password: {error}");
    }
    let seed =
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &scoped(request.site, &request.counter.to_be_bytes()));
    let seed = seed.as_ref();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let chosen = template.bytes().zip(&seed[1..]).map(|(class, byte)| {
        let letters = letters(class);
        char::from(letters[usize::from(*byte) % letters.len()])
    });
    chosen.collect()
}

fn scoped(name: &str, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes();
    [SCOPE.as_bytes(), &length, name.as_bytes(), rest].concat()
}
