//! The wire format of protocol buffers: tags and payloads.
//! It must not know messages.

/// Why a body cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The body is not in the envelope of Kubernetes.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoMagic,
    /// The body ends within a field, or a field is not of its type.
    #[error("unexpected EOF")]
    Truncated,
    /// Nobody knows such a message.
    #[error("no kind is registered for {0}")]
    UnknownKind(String),
    /// There are messages in messages without end.
    #[error("message is nested too deeply")]
    TooDeep,
    /// JSON or a time within the message is wrong.
    #[error("failed to read an embedded value: {0}")]
    Embedded(String),
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'a> {
    /// A number of variable length.
    Varint(u64),
    /// A number of eight bytes.
    Fixed64(u64),
    /// A number of four bytes.
    Fixed32(u32),
    /// Bytes, text or a message.
    Bytes(&'a [u8]),
}

impl<'a> Payload<'a> {
    pub(super) fn bytes(&self) -> Result<&'a [u8], Fault> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Fault::Truncated) }
    }

    pub(super) fn text(&self) -> Result<String, Fault> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|error| Fault::Embedded(error.to_string()))
    }

    /// Negative numbers are sent as ten bytes in two's complement.
    pub(super) fn integer(&self) -> Result<i64, Fault> {
        if let Self::Varint(number) = self { Ok(number.cast_signed()) } else { Err(Fault::Truncated) }
    }

    pub(super) fn double(&self) -> Result<f64, Fault> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(*bits)),
            Self::Fixed32(bits) => Ok(f64::from(f32::from_bits(*bits))),
            _ => Err(Fault::Truncated),
        }
    }
}

/// The fields of a message in the order they were sent.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<(u32, Payload<'_>)>, Fault> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let tag = u32::try_from(key >> 3).map_err(|_| Fault::Truncated)?;
        let payload = match key & 7 {
            0 => Payload::Varint(varint(&mut bytes)?),
            1 => Payload::Fixed64(u64::from_le_bytes(array(&mut bytes)?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).map_err(|_| Fault::Truncated)?;
                Payload::Bytes(take(&mut bytes, length)?)
            }
            5 => Payload::Fixed32(u32::from_le_bytes(array(&mut bytes)?)),
            _ => return Err(Fault::Truncated),
        };
        found.push((tag, payload));
    }
    Ok(found)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Fault> {
    let (head, tail) = bytes.split_at_checked(length).ok_or(Fault::Truncated)?;
    *bytes = tail;
    Ok(head)
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Fault> {
    take(bytes, N)?.try_into().map_err(|_| Fault::Truncated)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Fault::Truncated)
}
