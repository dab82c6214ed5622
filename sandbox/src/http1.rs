//! HTTP/1.1 on a stream: reading a request and writing the head of a response.
//!
//! Server libraries refuse to send most of the faults, such as a wrong `Content-Length`, half of a body or an endless body.
//! Not supported: HTTP/2 (the TLS handshake does not offer it), trailers and upgrades.

use crate::message::Request;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt::Write as _;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The largest accepted head. Real clients send less: ARM's signed URLs have 5 kB, tokens 2 kB.
const LARGEST_HEAD: usize = 256 * 1024;
/// The largest accepted body: a pushed layer.
const LARGEST_BODY: usize = 1024 * 1024 * 1024;
/// The space for a piece of a body.
const PIECE: usize = 64 * 1024;

/// A request without its body, and how the body ends.
#[derive(Debug)]
pub struct Head {
    /// The request with an empty body. The `path` of CONNECT and of proxied requests is the unchanged request target.
    pub request: Request,
    /// The size of the head in bytes.
    pub size: u64,
    /// How the body ends.
    pub framing: Framing,
}

/// How a request body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After the declared length; zero for a request without a body.
    Length(usize),
    /// With the last chunk.
    Chunked,
}

/// Reads the head of the next request; `None` if the client closed the connection.
///
/// # Errors
/// If the connection breaks, or the received bytes are not HTTP/1.1.
pub async fn read_head<S>(stream: &mut S, buffer: &mut BytesMut) -> io::Result<Option<Head>>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(head) = parse_head(buffer)? {
            return Ok(Some(head));
        }
        if buffer.len() > LARGEST_HEAD {
            return Err(invalid("the head of the request is too large"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// Reads the body of a request, after the response to `Expect: 100-continue`.
/// Returns the body and its size on the connection (with the framing of chunks).
///
/// # Errors
/// If the connection breaks, or the body does not have the declared framing.
pub async fn read_body<S>(
    stream: &mut S,
    buffer: &mut BytesMut,
    head: &Head,
) -> io::Result<(Bytes, u64)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    invite_body(stream, head).await?;
    let mut reader = BodyReader::new(head.framing);
    let mut body = BytesMut::new();
    while let Some(piece) = reader.next(stream, buffer).await? {
        if body.len() + piece.len() > LARGEST_BODY {
            return Err(invalid("the body is too large"));
        }
        body.extend_from_slice(&piece);
    }
    Ok((body.freeze(), reader.wire_size))
}

/// Answers `Expect: 100-continue`, after which the client sends the body.
///
/// # Errors
/// If the connection breaks.
pub async fn invite_body<S>(stream: &mut S, head: &Head) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    if expects_invitation(head) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        stream.flush().await?;
    }
    Ok(())
}

/// True if the client sends the body only after `100 Continue`.
#[must_use]
pub fn expects_invitation(head: &Head) -> bool {
    let expect = head.request.header("expect").unwrap_or_default();
    expect.eq_ignore_ascii_case("100-continue")
}

/// Reads a body piece by piece, as it arrives.
#[derive(Debug)]
pub struct BodyReader {
    framing: Framing,
    /// The rest of the body, or of the current chunk.
    remaining: usize,
    ended: bool,
    /// The size of the read part on the connection, with the framing of chunks.
    pub wire_size: u64,
}

impl BodyReader {
    /// Reads a body with this framing from its start.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let remaining = match framing {
            Framing::Length(length) => length,
            Framing::Chunked => 0,
        };
        Self {
            framing,
            remaining,
            ended: false,
            wire_size: 0,
        }
    }

    /// Returns the next bytes of the body; `None` after its end.
    ///
    /// # Errors
    /// If the connection breaks, or the body does not have the declared framing.
    pub async fn next<S>(
        &mut self,
        stream: &mut S,
        buffer: &mut BytesMut,
    ) -> io::Result<Option<Bytes>>
    where
        S: AsyncRead + Unpin,
    {
        if self.remaining == 0 && !self.ended {
            match self.framing {
                Framing::Length(_) => self.ended = true,
                Framing::Chunked => self.read_chunk_size(stream, buffer).await?,
            }
        }
        if self.ended {
            return Ok(None);
        }
        if buffer.is_empty() {
            buffer.reserve(PIECE);
        }
        fill(stream, buffer, 1).await?;
        let piece = buffer.split_to(buffer.len().min(self.remaining)).freeze();
        self.remaining -= piece.len();
        self.wire_size += piece.len() as u64;
        if self.remaining == 0 && self.framing == Framing::Chunked {
            self.skip(stream, buffer, 2).await?;
        }
        Ok(Some(piece))
    }

    async fn read_chunk_size<S>(&mut self, stream: &mut S, buffer: &mut BytesMut) -> io::Result<()>
    where
        S: AsyncRead + Unpin,
    {
        let line_end = loop {
            if let Some(at) = buffer.windows(2).position(|pair| pair == b"\r\n") {
                break at;
            }
            if stream.read_buf(buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let line = String::from_utf8_lossy(&buffer[..line_end]).into_owned();
        let digits = line.split(';').next().unwrap_or_default().trim();
        self.remaining = usize::from_str_radix(digits, 16)
            .map_err(|_| invalid("the length of a chunk is not hexadecimal"))?;
        self.skip(stream, buffer, line_end + 2).await?;
        if self.remaining == 0 {
            self.ended = true;
            self.skip(stream, buffer, 2).await?;
        }
        Ok(())
    }

    async fn skip<S>(
        &mut self,
        stream: &mut S,
        buffer: &mut BytesMut,
        count: usize,
    ) -> io::Result<()>
    where
        S: AsyncRead + Unpin,
    {
        fill(stream, buffer, count).await?;
        buffer.advance(count);
        self.wire_size += count as u64;
        Ok(())
    }
}

/// Returns the bytes of a response's head, including the empty line at its end.
#[must_use]
pub fn response_head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Returns the date in the format of HTTP headers (RFC 9110, section 5.6.7).
#[must_use]
pub fn http_date(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn parse_head(buffer: &mut BytesMut) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut headers);
    let size = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(invalid(&format!("not an HTTP/1.1 request: {error}"))),
    };
    let target = parsed.path.unwrap_or("/").to_owned();
    let method = parsed.method.unwrap_or("GET").to_owned();
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| {
            (
                header.name.to_owned(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        })
        .collect();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Bytes::new(),
    };
    let framing = framing(&request)?;
    buffer.advance(size);
    Ok(Some(Head {
        request,
        size: size as u64,
        framing,
    }))
}

fn framing(request: &Request) -> io::Result<Framing> {
    if request
        .header("transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
    {
        return Ok(Framing::Chunked);
    }
    let Some(length) = request.header("content-length") else {
        return Ok(Framing::Length(0));
    };
    let length = length
        .trim()
        .parse()
        .map_err(|_| invalid("the Content-Length is not a number"))?;
    if length > LARGEST_BODY {
        return Err(invalid("the body is too large"));
    }
    Ok(Framing::Length(length))
}

async fn fill<S>(stream: &mut S, buffer: &mut BytesMut, length: usize) -> io::Result<()>
where
    S: AsyncRead + Unpin,
{
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// Returns the reason phrase of RFC 9110.
fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_requests_in_one_packet_are_read_separately() {
        let mut buffer = BytesMut::new();
        let mut stream = io_of(
            b"POST /a?b=c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n3;x=y\r\nend\r\n0\r\n\r\n\
              PUT /d HTTP/1.1\r\nContent-Length: 2\r\n\r\nok",
        );
        let head = read_head(&mut stream, &mut buffer).await.unwrap().unwrap();
        assert_eq!(
            (head.request.path.as_str(), head.request.query.as_str()),
            ("/a", "b=c")
        );
        let (body, wire) = read_body(&mut stream, &mut buffer, &head).await.unwrap();
        assert_eq!((&body[..], wire), (&b"wikiend"[..], 9 + 12 + 5));
        let head = read_head(&mut stream, &mut buffer).await.unwrap().unwrap();
        assert_eq!(head.framing, Framing::Length(2));
        assert_eq!(
            &read_body(&mut stream, &mut buffer, &head).await.unwrap().0[..],
            b"ok"
        );
        assert!(read_head(&mut stream, &mut buffer).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn body_shorter_than_its_content_length_is_an_error() {
        let mut buffer = BytesMut::new();
        let mut stream = io_of(b"PUT /d HTTP/1.1\r\nContent-Length: 20\r\n\r\nshort");
        let head = read_head(&mut stream, &mut buffer).await.unwrap().unwrap();
        let error = read_body(&mut stream, &mut buffer, &head)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn dates_have_the_format_of_http() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    fn io_of(bytes: &'static [u8]) -> impl AsyncRead + AsyncWrite + Unpin {
        tokio::io::join(bytes, tokio::io::sink())
    }
}
