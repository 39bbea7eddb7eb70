//! kro's `hash.*` and `random.*`: both are functions of their arguments alone.
//! It must not draw on any source of randomness.

use cel::common::types::{CelBytes, CelInt, CelString, INT_TYPE, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env};
use sha2::{Digest, Sha256};

use super::{Evaluated, failed, int, text};

/// The letters of a seeded string: kro's alphabet.
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// The longest seeded string; a name is never longer than 253.
const MAX_LENGTH: i64 = 1024;

/// Adds the functions.
///
/// # Errors
/// When one of them is already there.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("hash.sha256", "hash_sha256", vec![STRING_TYPE], sha256)?;
    env.add_overload("hash.fnv64a", "hash_fnv64a", vec![STRING_TYPE], fnv64a)?;
    env.add_overload("random.seededString", "random_seeded_string", vec![INT_TYPE, STRING_TYPE], seeded_string)?;
    env.add_overload("random.seededInt", "random_seeded_int", vec![INT_TYPE, INT_TYPE, STRING_TYPE], seeded_int)
}

fn sha256<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let digest = Sha256::digest(text("hash.sha256", &args, 0)?.as_bytes());
    Ok(CowVal::owned(CelBytes::from(digest.to_vec())))
}

fn fnv64a<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = text("hash.fnv64a", &args, 0)?.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    Ok(CowVal::owned(CelBytes::from(hash.to_be_bytes().to_vec())))
}

/// Bytes that only depend on the seed: the hash of the seed and a counter, block by block.
fn stream(seed: &str) -> impl Iterator<Item = u8> + use<> {
    let seed = seed.to_owned();
    (0u64..).flat_map(move |block| {
        let mut hasher = Sha256::new();
        hasher.update(seed.as_bytes());
        if block > 0 {
            hasher.update(block.to_be_bytes());
        }
        hasher.finalize().to_vec()
    })
}

fn seeded_string<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let length = int("random.seededString", &args, 0)?;
    if !(1..=MAX_LENGTH).contains(&length) {
        return Err(failed("random.seededString", format!("the length must be between 1 and {MAX_LENGTH}")));
    }
    let letters =
        stream(&text("random.seededString", &args, 1)?).map(|byte| char::from(ALPHABET[usize::from(byte) % 62]));
    let text: String = letters.take(usize::try_from(length).unwrap_or(0)).collect();
    Ok(CowVal::owned(CelString::from(text)))
}

fn seeded_int<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let (min, max) = (int("random.seededInt", &args, 0)?, int("random.seededInt", &args, 1)?);
    let span = max.checked_sub(min).filter(|span| *span > 0);
    let span = span.ok_or_else(|| failed("random.seededInt", "the lower bound must be below the upper one"))?;
    let seed = text("random.seededInt", &args, 2)?;
    let number = stream(&seed).take(8).fold(0u64, |number, byte| number << 8 | u64::from(byte));
    let offset = i64::try_from(number % u64::try_from(span).unwrap_or(1)).unwrap_or(0);
    Ok(CowVal::owned(CelInt::from(min + offset)))
}
