//! One run of `git http-backend` for one request (RFC 3875), streaming both ways: packs never are in memory whole.
//! It must not know which repositories there are, or who may use them.

use std::process::Stdio;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// More header than `git http-backend` ever sends.
const HEADER_LIMIT: u64 = 16 * 1024;
/// What is kept of git's complaints for the log.
const STDERR_LIMIT: u64 = 8 * 1024;
/// Chunks of a response that wait for a slow client before git is made to wait.
const CHUNKS_IN_FLIGHT: usize = 8;
const CHUNK_BYTES: usize = 32 * 1024;

/// A failed run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The process did not start.
    #[error("failed to start git http-backend")]
    Start(#[source] std::io::Error),
    /// The process did not say what CGI asks for.
    #[error("failed to read the answer of git http-backend: {0}")]
    Answer(String),
}

/// Work to be done when git is finished, before the client sees the end of the response.
pub(crate) type Finish = Box<dyn FnOnce() -> futures::future::BoxFuture<'static, ()> + Send>;

/// Starts the process and answers with its header; the body follows as git writes it.
///
/// With `finish` the process runs to its end even when the client goes away, and `finish` runs after it. Without,
/// it is killed then.
pub(crate) async fn run(
    mut command: tokio::process::Command,
    request_body: Body,
    finish: Option<Finish>,
) -> Result<Response, Error> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::Start)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(Error::Answer("its pipes are missing".to_owned()));
    };
    let complaints = child.stderr.take().map(|stderr| tokio::spawn(read_complaints(stderr)));
    tokio::spawn(feed(request_body, stdin));
    let mut output = BufReader::with_capacity(CHUNK_BYTES, stdout);
    let header = read_header(&mut output).await;
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let pump = Pump { child, output, sender, finish };
    tokio::spawn(async move {
        let status = pump.run().await;
        report(status, complaints).await;
    });
    respond(header?, Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

/// Copies the request's body to git. Git refuses a body that ends early, so an error just ends it.
async fn feed(body: Body, mut stdin: ChildStdin) {
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        if stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
    // A closed pipe only means that git has read enough.
    let _ = stdin.shutdown().await;
}

async fn read_complaints(stderr: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut stderr = stderr.take(STDERR_LIMIT);
    let _ = stderr.read_to_end(&mut kept).await;
    // Git must never wait for a full pipe.
    let _ = tokio::io::copy(&mut stderr.into_inner(), &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Moves git's output to the client.
struct Pump {
    child: Child,
    output: BufReader<ChildStdout>,
    sender: mpsc::Sender<std::io::Result<Bytes>>,
    finish: Option<Finish>,
}

impl Pump {
    async fn run(mut self) -> std::io::Result<std::process::ExitStatus> {
        let mut client_is_there = true;
        loop {
            let chunk = self.output.fill_buf().await?;
            if chunk.is_empty() {
                break;
            }
            let (bytes, length) = (Bytes::copy_from_slice(chunk), chunk.len());
            self.output.consume(length);
            client_is_there = client_is_there && self.sender.send(Ok(bytes)).await.is_ok();
            if !client_is_there && self.finish.is_none() {
                self.child.start_kill()?;
                break;
            }
        }
        let status = self.child.wait().await;
        if let Some(finish) = self.finish {
            finish().await;
        }
        if status.as_ref().is_ok_and(|status| !status.success()) && client_is_there {
            // Ends the response as broken rather than as complete.
            let _ = self.sender.send(Err(std::io::Error::other("git http-backend failed"))).await;
        }
        status
    }
}

async fn report(
    status: std::io::Result<std::process::ExitStatus>,
    complaints: Option<tokio::task::JoinHandle<String>>,
) {
    let said = match complaints {
        Some(task) => task.await.unwrap_or_default(),
        None => String::new(),
    };
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::warn!(%status, %said, "git http-backend failed"),
        Err(error) => tracing::warn!(%error, %said, "failed to run git http-backend to its end"),
    }
}

/// Reads the lines up to the empty one.
async fn read_header(output: &mut BufReader<ChildStdout>) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let mut limited = output.take(HEADER_LIMIT);
    loop {
        let mut line = String::new();
        let length = limited.read_line(&mut line).await.map_err(|error| Error::Answer(error.to_string()))?;
        if length == 0 {
            return Err(Error::Answer("it ended within its header".to_owned()));
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(lines);
        }
        lines.push(line.to_owned());
    }
}

/// Turns CGI header lines into a response; `Status: 404 Not Found` is the status, without it all is well.
fn respond(lines: Vec<String>, body: Body) -> Result<Response, Error> {
    let mut response = Response::new(body);
    for line in &lines {
        let (name, value) = line.split_once(':').ok_or_else(|| Error::Answer(format!("{line:?} is no header")))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            *response.status_mut() = parse_status(value).ok_or_else(|| Error::Answer(format!("status {value:?}")))?;
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| Error::Answer(error.to_string()))?;
        let value = HeaderValue::from_str(value).map_err(|error| Error::Answer(error.to_string()))?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn parse_status(value: &str) -> Option<StatusCode> {
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_and_headers() {
        let lines = vec!["Status: 404 Not Found".to_owned(), "Content-Type: text/plain".to_owned()];
        let response = respond(lines, Body::empty()).unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert!(respond(vec!["nonsense".to_owned()], Body::empty()).is_err());
    }
}
