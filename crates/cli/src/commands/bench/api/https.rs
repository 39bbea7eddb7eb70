//! A lean HTTP/1.1 client over TLS: it shares the processors with the server it measures, so it does no more than it
//! must. It must not know Kubernetes.

use std::future::ready;
use std::path::Path;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use kube::client::{Body, ConfigExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::{Layer, ServiceExt};

use super::call::Request;
use super::{config, failed};
use crate::error::Error;

/// Header fields of an answer that are read at most.
const MAX_FIELDS: usize = 64;
/// Bytes read at a time.
const READ: usize = 64 << 10;

/// Where requests go, and as whom.
#[derive(Clone)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
    /// Path below which the API is.
    prefix: Arc<str>,
    /// Header lines of every request.
    fields: Arc<str>,
}

impl Endpoint {
    /// The cluster of a context, as a kubeconfig reaches it.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used, or names no HTTPS server.
    pub(super) async fn of_kubeconfig(path: &Path, context: Option<&str>) -> Result<Self, Error> {
        let config = config(path, context).await?;
        let url = &config.cluster_url;
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if url.scheme_str() != Some("https") || config.proxy_url.is_some() {
            return Err(failed(format!("{url} is not reached by HTTPS without a proxy")));
        }
        let cluster = context.unwrap_or("of the current context");
        let wrap = |source| Error::Connect { cluster: cluster.to_owned(), source: Box::new(source) };
        let port = url.port_u16().unwrap_or(443);
        let mut fields = format!("Host: {host}:{port}\r\nUser-Agent: mainstay-bench\r\n");
        if let Some(authorization) = authorization(&config).await.map_err(wrap)? {
            fields.push_str(&format!("Authorization: {authorization}\r\n"));
        }
        let name = config.tls_server_name.clone().unwrap_or_else(|| host.clone());
        let name = ServerName::try_from(name).map_err(|error| failed(format!("{host} is no host name: {error}")))?;
        let mut tls = config.rustls_client_config().map_err(wrap)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            port,
            name,
            tls: TlsConnector::from(Arc::new(tls)),
            prefix: url.path().trim_end_matches('/').into(),
            fields: fields.into(),
            host,
        })
    }

    /// A new connection.
    ///
    /// # Errors
    /// When nobody listens, or the handshake fails.
    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        let failed = |source| Error::Unreachable { url: format!("https://{}:{}", self.host, self.port), source };
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let stream = self.tls.connect(self.name.clone(), stream).await.map_err(failed)?;
        let (prefix, fields) = (self.prefix.clone(), self.fields.clone());
        Ok(Connection { stream, prefix, fields, sent: Vec::new(), read: Vec::new(), start: 0 })
    }
}

/// The `Authorization` header that a configuration leads to, whichever way it gets its token.
async fn authorization(config: &kube::Config) -> Result<Option<String>, kube::Error> {
    let Some(layer) = config.auth_layer()? else { return Ok(None) };
    let seen = tower::service_fn(|request: http::Request<Body>| {
        ready(Ok::<_, tower::BoxError>(http::Response::new(request.headers().get(AUTHORIZATION).cloned())))
    });
    let asked = layer.layer(seen).oneshot(http::Request::new(Body::empty())).await.map_err(kube::Error::Service)?;
    Ok(asked.into_body().and_then(|value| value.to_str().ok().map(str::to_owned)))
}

/// One connection; one request at a time.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    prefix: Arc<str>,
    fields: Arc<str>,
    sent: Vec<u8>,
    /// What was read and, from `start` on, not yet used.
    read: Vec<u8>,
    start: usize,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    /// Makes a call and gives back the body of an expected answer.
    ///
    /// # Errors
    /// When the connection fails, or another answer comes.
    pub(super) async fn expect(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        self.call(request, &mut body).await?;
        Ok(body)
    }

    /// As [`Self::expect`], into a buffer that is emptied first.
    ///
    /// # Errors
    /// When the connection fails, or another answer comes.
    pub(super) async fn call(&mut self, request: &Request, body: &mut Vec<u8>) -> Result<(), Error> {
        body.clear();
        let status = self.exchange(request, body).await.map_err(|error| lost(request, error))?;
        if request.expected.contains(&status) {
            return Ok(());
        }
        Err(unexpected(request, status, body))
    }

    async fn exchange(&mut self, request: &Request, body: &mut Vec<u8>) -> std::io::Result<u16> {
        self.send(request).await?;
        let (status, framing) = self.head().await?;
        match framing {
            Framing::Length(length) => self.take(length, body).await?,
            Framing::Chunked => while self.chunk(body).await? {},
        }
        Ok(status)
    }

    /// Starts an answer that comes in pieces; see [`Self::piece`].
    ///
    /// # Errors
    /// When the connection fails, or another answer comes.
    pub(super) async fn open(&mut self, request: &Request) -> Result<(), Error> {
        let opening = async {
            self.send(request).await?;
            self.head().await
        };
        match opening.await.map_err(|error| lost(request, error))? {
            (status, Framing::Chunked) if request.expected.contains(&status) => Ok(()),
            (status, _) => Err(unexpected(request, status, b"")),
        }
    }

    /// Appends the next piece; false at the end.
    ///
    /// # Errors
    /// When the connection fails.
    pub(super) async fn piece(&mut self, body: &mut Vec<u8>) -> Result<bool, Error> {
        self.chunk(body).await.map_err(|error| Error::Io("read a watch".to_owned(), error))
    }

    async fn send(&mut self, request: &Request) -> std::io::Result<()> {
        use std::io::Write;
        self.sent.clear();
        let Request { method, path, content_type, body, .. } = request;
        write!(self.sent, "{method} {}{path} HTTP/1.1\r\n{}", self.prefix, self.fields)?;
        if !body.is_empty() {
            write!(self.sent, "Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len())?;
        }
        write!(self.sent, "\r\n{body}")?;
        self.stream.write_all(&self.sent).await?;
        self.stream.flush().await
    }

    async fn head(&mut self) -> std::io::Result<(u16, Framing)> {
        loop {
            if let Some((used, status, framing)) = parse_head(&self.read[self.start..])? {
                self.start += used;
                return Ok((status, framing));
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
        let there = (self.read.len() - self.start).min(length);
        body.reserve(length);
        body.extend_from_slice(&self.read[self.start..self.start + there]);
        self.start += there;
        let mut missing = length - there;
        while missing > 0 {
            self.fill().await?;
            let some = (self.read.len() - self.start).min(missing);
            body.extend_from_slice(&self.read[self.start..self.start + some]);
            self.start += some;
            missing -= some;
        }
        Ok(())
    }

    async fn chunk(&mut self, body: &mut Vec<u8>) -> std::io::Result<bool> {
        loop {
            match httparse::parse_chunk_size(&self.read[self.start..]) {
                Ok(httparse::Status::Complete((used, size))) => {
                    self.start += used;
                    let size = usize::try_from(size).map_err(invalid)?;
                    self.take(size, body).await?;
                    self.take(2, &mut Vec::with_capacity(2)).await?;
                    return Ok(size > 0);
                }
                Ok(httparse::Status::Partial) => self.fill().await?,
                Err(_) => return Err(invalid("a chunk without its size")),
            }
        }
    }

    async fn fill(&mut self) -> std::io::Result<()> {
        if self.start == self.read.len() {
            self.read.clear();
            self.start = 0;
        } else if self.start > READ {
            self.read.drain(..self.start);
            self.start = 0;
        }
        self.read.reserve(READ);
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn parse_head(bytes: &[u8]) -> std::io::Result<Option<(usize, u16, Framing)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(used) = head.parse(bytes).map_err(invalid)? else { return Ok(None) };
    let field = |name: &str| {
        let found = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.and_then(|field| std::str::from_utf8(field.value).ok())
    };
    let framing = match field("content-length") {
        Some(length) => Framing::Length(length.trim().parse().map_err(invalid)?),
        None if field("transfer-encoding").is_some() => Framing::Chunked,
        None => Framing::Length(0),
    };
    Ok(Some((used, head.code.unwrap_or_default(), framing)))
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, why)
}

fn lost(request: &Request, error: std::io::Error) -> Error {
    Error::Io(format!("{} {}", request.method.to_lowercase(), request.path), error)
}

fn unexpected(request: &Request, status: u16, body: &[u8]) -> Error {
    let shown = String::from_utf8_lossy(&body[..body.len().min(500)]);
    failed(format!("{} {} was answered with {status}: {shown}", request.method, request.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_status_and_framing() {
        let head = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\nrest";
        assert_eq!(parse_head(head).unwrap(), Some((head.len() - 4, 201, Framing::Length(12))));
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(parse_head(head).unwrap(), Some((head.len(), 200, Framing::Chunked)));
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nConte").unwrap(), None);
        assert!(parse_head(b"SSH-2.0\r\n\r\n").is_err());
    }
}
