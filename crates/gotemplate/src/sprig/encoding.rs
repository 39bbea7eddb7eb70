//! Base 64 and 32, and checksums.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest;

use super::base32;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("b64enc", Function::fixed(1, |_, all| Ok(BASE64_STANDARD.encode(Arguments(all).bytes(0)?).into()))),
    ("b64dec", Function::fixed(1, b64dec)),
    ("b32enc", Function::fixed(1, |_, all| Ok(base32::encode(Arguments(all).bytes(0)?).into()))),
    ("b32dec", Function::fixed(1, b32dec)),
    ("sha1sum", Function::fixed(1, |machine, all| sum(machine, all, &digest::SHA1_FOR_LEGACY_USE_ONLY))),
    ("sha256sum", Function::fixed(1, |machine, all| sum(machine, all, &digest::SHA256))),
    ("sha512sum", Function::fixed(1, |machine, all| sum(machine, all, &digest::SHA512))),
    ("adler32sum", Function::fixed(1, |_, all| Ok(adler32(Arguments(all).bytes(0)?).to_string().into()))),
];

/// What is no base 64 gives the error as text, as Sprig does.
fn b64dec(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let text: Vec<u8> =
        Arguments(all).bytes(0)?.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    Ok(match BASE64_STANDARD.decode(&text) {
        Ok(bytes) => Value::from_bytes(bytes),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) => at,
                _ => text.len(),
            };
            format!("illegal base64 data at input byte {at}").into()
        }
    })
}

fn b32dec(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(match base32::decode(Arguments(all).bytes(0)?) {
        Ok(bytes) => Value::from_bytes(bytes),
        Err(at) => format!("illegal base32 data at input byte {at}").into(),
    })
}

fn sum(machine: &mut Machine<'_>, all: &[Value], algorithm: &'static digest::Algorithm) -> Result<Value, Fault> {
    let bytes = Arguments(all).bytes(0)?;
    machine.spend(bytes.len() as u64 / 64)?;
    Ok(hex(digest::digest(algorithm, bytes).as_ref()).into())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn adler32(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % PRIME;
        (a, (b + a) % PRIME)
    });
    b << 16 | a
}
