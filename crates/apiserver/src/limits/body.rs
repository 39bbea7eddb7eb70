//! How large a body may be, and how long its client may take to send it. It must not know what is in it.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::Error;

/// Largest request body: upstream's `MaxRequestBodyBytes`.
pub(crate) const MAX_BODY_BYTES: usize = 3 << 20;
/// Time a client has for sending a body: upstream's time for a whole request that is no watch.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// Reads a body to its end.
///
/// # Errors
/// 413 when it is too large, before anything is read where its length is told; 408 when it takes too long.
pub(crate) async fn collect(body: Body) -> Result<Bytes, Error> {
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(Error::too_large(MAX_BODY_BYTES));
    }
    let reading = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect());
    match reading.await.map_err(|_| Error::too_slow())? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::too_large(MAX_BODY_BYTES)),
        Err(error) => Err(Error::bad_request(format!("failed to read the request body: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn bodies_are_bounded() {
        let whole = collect(Body::from(vec![b'x'; MAX_BODY_BYTES])).await.unwrap();
        assert_eq!(whole.len(), MAX_BODY_BYTES);
        let told = collect(Body::from(vec![b'x'; MAX_BODY_BYTES + 1])).await.unwrap_err();
        let pieces = (0..4).map(|_| Ok::<_, Infallible>(vec![b'x'; 1 << 20]));
        let untold = collect(Body::from_stream(stream::iter(pieces))).await.unwrap_err();
        for error in [told, untold] {
            assert_eq!((error.code, error.reason), (413, "RequestEntityTooLarge"));
            assert_eq!(error.message, "Request entity too large: limit is 3145728");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let error = collect(never).await.unwrap_err();
        assert_eq!((error.code, error.reason), (408, "Timeout"));
    }
}
