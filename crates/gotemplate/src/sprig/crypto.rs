//! Texts that only those can read who know a password: AES-256 in CBC mode, as Sprig has it.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

const BLOCK: usize = 16;

pub(super) const FUNCTIONS: &[(&str, Function)] =
    &[("encryptAES", Function::fixed(2, encrypt)), ("decryptAES", Function::fixed(2, decrypt))];

/// The password's first 32 bytes, filled up with zeros.
fn key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(32);
    key[..length].copy_from_slice(&password[..length]);
    key
}

fn encrypt(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (password, plain) = (Arguments(all).bytes(0)?, Arguments(all).bytes(1)?);
    machine.spend(plain.len() as u64 / 16)?;
    let start: [u8; BLOCK] = machine.random.bytes(BLOCK).try_into().unwrap_or_default();
    let cipher = cbc::Encryptor::<Aes256>::new(&key(password).into(), &start.into());
    let encrypted = cipher.encrypt_padded_vec::<Pkcs7>(plain);
    Ok(BASE64_STANDARD.encode([start.as_slice(), &encrypted].concat()).into())
}

fn decrypt(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (password, text) = (Arguments(all).bytes(0)?, Arguments(all).bytes(1)?);
    machine.spend(text.len() as u64 / 16)?;
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| Fault::new(error.to_string()))?;
    let wrong = || Fault::new("text was not encrypted with this password by encryptAES");
    let (start, encrypted) = bytes.split_first_chunk::<BLOCK>().ok_or_else(wrong)?;
    let cipher = cbc::Decryptor::<Aes256>::new(&key(password).into(), &(*start).into());
    cipher.decrypt_padded_vec::<Pkcs7>(encrypted).map(Value::from_bytes).map_err(|_| wrong())
}
