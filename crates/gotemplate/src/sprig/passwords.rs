//! Random texts, and texts that stand for passwords. What is random follows from the environment's entropy.

mod master;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

/// How long a random text may be.
const LENGTH_LIMIT: usize = 65_536;
/// What a hash that is slow on purpose counts as.
const SLOW: u64 = 500_000;
const BCRYPT_COST: u32 = 10;

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("randAlphaNum", Function::fixed(1, |machine, all| random(machine, all, &format!("{LETTERS}{DIGITS}")))),
    ("randAlpha", Function::fixed(1, |machine, all| random(machine, all, LETTERS))),
    ("randNumeric", Function::fixed(1, |machine, all| random(machine, all, DIGITS))),
    ("randAscii", Function::fixed(1, |machine, all| random(machine, all, &(' '..='~').collect::<String>()))),
    ("randBytes", Function::fixed(1, random_bytes)),
    ("shuffle", Function::fixed(1, shuffle)),
    ("uuidv4", Function::fixed(0, |machine, _| Ok(uuid(machine).into()))),
    ("bcrypt", Function::fixed(1, |machine, all| Ok(bcrypted(machine, &Arguments(all).text(0)?)?.into()))),
    ("htpasswd", Function::fixed(2, htpasswd)),
    ("derivePassword", Function::fixed(5, derive)),
];

fn random(machine: &mut Machine<'_>, all: &[Value], alphabet: &str) -> Result<Value, Fault> {
    let letters: Vec<char> = alphabet.chars().collect();
    let count = Arguments(all).count(0, LENGTH_LIMIT)?;
    machine.spend(count as u64)?;
    let text: String = (0..count).map(|_| letters[below(machine, letters.len())]).collect();
    Ok(text.into())
}

fn below(machine: &mut Machine<'_>, limit: usize) -> usize {
    usize::try_from(machine.random.below(limit as u64)).unwrap_or(0)
}

fn random_bytes(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let count = Arguments(all).count(0, LENGTH_LIMIT)?;
    machine.spend(count as u64)?;
    Ok(BASE64_STANDARD.encode(machine.random.bytes(count)).into())
}

fn shuffle(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut letters: Vec<char> = Arguments(all).text(0)?.chars().collect();
    machine.spend(letters.len() as u64)?;
    for at in (1..letters.len()).rev() {
        let other = below(machine, at + 1);
        letters.swap(at, other);
    }
    Ok(letters.into_iter().collect::<String>().into())
}

fn uuid(machine: &mut Machine<'_>) -> String {
    let mut bytes = machine.random.bytes(16);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = super::encoding::hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn bcrypted(machine: &mut Machine<'_>, password: &str) -> Result<String, Fault> {
    machine.spend(SLOW)?;
    let salt = machine.random.bytes(16).try_into().unwrap_or_default();
    let hashed = bcrypt::hash_with_salt(password, BCRYPT_COST, salt);
    let hashed = hashed.map_err(|error| Fault::new(format!("failed to encrypt string with bcrypt: {error}")))?;
    Ok(hashed.format_for_version(bcrypt::Version::TwoA))
}

fn htpasswd(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (user, password) = (Arguments(all).text(0)?, Arguments(all).text(1)?);
    if user.contains(':') {
        return Ok(format!("invalid username: {user}").into());
    }
    Ok(format!("{user}:{}", bcrypted(machine, &password)?).into())
}

fn derive(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    machine.spend(4 * SLOW)?;
    let all = Arguments(all);
    let counter = u32::try_from(all.int(0)?).map_err(|_| Fault::new("counter must be between 0 and 4294967295"))?;
    let request = master::Request {
        counter,
        kind: &all.text(1)?,
        password: &all.text(2)?,
        user: &all.text(3)?,
        site: &all.text(4)?,
    };
    Ok(master::derive(&request).into())
}
