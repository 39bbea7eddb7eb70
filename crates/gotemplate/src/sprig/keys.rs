//! Private keys that follow from the environment's entropy.
//! A key that was made once is kept: making one takes a while, and rendering a chart again must not.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand_core::{TryCryptoRng, TryRng};
use rsa::PrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};

use crate::arguments::Arguments;
use crate::entropy::{Entropy, Stream};
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("genPrivateKey", Function::fixed(1, gen_private_key))];

/// How many keys are kept.
const KEPT: usize = 512;
/// What making a key counts as, for each thousand bits.
const WORK: u64 = 1_000_000;

type Keys = Mutex<HashMap<([u8; 32], usize), Arc<PrivateKey>>>;
static KEYS: LazyLock<Keys> = LazyLock::new(Keys::default);

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        to.iter_mut().for_each(|byte| *byte = self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

/// An RSA key of so many bits.
pub(super) fn rsa(machine: &mut Machine<'_>, bits: usize) -> Result<Arc<PrivateKey>, Fault> {
    machine.spend(WORK * bits as u64 / 1000)?;
    let seed: [u8; 32] = std::array::from_fn(|_| machine.random.byte());
    let known = |keys: &HashMap<_, Arc<PrivateKey>>| keys.get(&(seed, bits)).cloned();
    if let Some(key) = known(&KEYS.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(key);
    }
    let made = PrivateKey::new(&mut Entropy::new(seed).stream(), bits);
    let key = Arc::new(made.map_err(|error| Fault::new(format!("error generating key: {error}")))?);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if keys.len() >= KEPT {
        keys.clear();
    }
    keys.insert((seed, bits), Arc::clone(&key));
    Ok(key)
}

/// A key as PKCS #1 PEM.
pub(super) fn rsa_pem(key: &PrivateKey) -> Result<String, Fault> {
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|error| Fault::new(error.to_string()))?;
    Ok(pem.to_string())
}

fn gen_private_key(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(match &*Arguments(all).text(0)? {
        "" | "rsa" => rsa_pem(&*rsa(machine, 4096)?)?.into(),
        "ecdsa" => pem("EC PRIVATE KEY", &p256(&mut machine.random)).into(),
        "ed25519" => pem("PRIVATE KEY", &ed25519(&mut machine.random)).into(),
        "dsa" => return Err(Fault::new("DSA keys are not made any more; write rsa, ecdsa or ed25519")),
        other => format!("Unknown type {other}").into(),
    })
}

/// SEC 1: a version, the number, and the curve's name. The public key follows from it.
fn p256(random: &mut Stream) -> Vec<u8> {
    const CURVE: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    // The order of the curve begins with ones: what does not is below it.
    let number = loop {
        let number = random.bytes(32);
        if number[0] != 0xff && number.iter().any(|byte| *byte != 0) {
            break number;
        }
    };
    [&[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20], number.as_slice(), &CURVE].concat()
}

/// PKCS #8: a version, the algorithm's name, and the seed.
fn ed25519(random: &mut Stream) -> Vec<u8> {
    const BEFORE: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    [BEFORE.as_slice(), &random.bytes(32)].concat()
}

/// PEM, with lines of 64 letters.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
