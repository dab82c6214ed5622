//! Receiving the body of an upload: the registry checks the head first, and takes the body piece by piece, so that a layer of any
//! size needs little memory, and a broken connection leaves the part that arrived.

use crate::delayed_stream::StreamControl;
use crate::delivery::{self, Delivery, Ending, NextStep, SendMode};
use crate::fault::{DamagedResponse, FaultKind};
use crate::http1::{self, BodyReader, Head};
use crate::journal::Outcome;
use crate::message::{Request, Response};
use crate::proxy::Arrival;
use crate::registry_path::RegistryPath;
use crate::shared::Shared;
use crate::{distribution, faulty_response, internet, upload};
use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// True if the body of a request is a part of a blob.
#[must_use]
pub fn is_upload(request: &Request) -> bool {
    let path = RegistryPath::parse(request);
    matches!(path, Some(RegistryPath::Upload(..)))
        && matches!(request.method.as_str(), "PATCH" | "PUT")
}

/// Receives the body, sends the response of the registry or of a fault, and records both in the journal.
///
/// # Errors
/// If the connection breaks. The registry then keeps or removes the upload according to its rules.
pub async fn receive<S>(
    stream: &mut S,
    buffer: &mut BytesMut,
    control: &StreamControl,
    shared: &Shared,
    arrival: &Arrival<'_>,
    head: &Head,
) -> io::Result<NextStep>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (host, request) = (arrival.host, &head.request);
    let target = format!("{}?{}", request.path, request.query);
    let fault = shared
        .faults()
        .on_request(host, &request.method, &target, "");
    let number = shared.journal.request(
        arrival.scheme,
        host,
        request,
        arrival.connection,
        head.size,
        fault.as_ref().map(ToString::to_string),
    );
    let admission = admit(shared, host, request, fault.as_ref());
    let is_unread = matches!(admission, Admission::Refused(_)) && http1::expects_invitation(head);
    let mut body = Body {
        reader: BodyReader::new(head.framing),
        size: 0,
        limit: fault.as_ref().and_then(limit),
    };
    let received = body.read(stream, buffer, shared, head, &admission).await;
    shared
        .journal
        .received(number, body.reader.wire_size, body.size);
    if let (Ok(Some(_)) | Err(_), Admission::Upload(id)) = (&received, &admission) {
        upload::interrupt(&mut shared.world(), host, id);
    }
    let delivery = match received {
        Ok(None) => respond(shared, host, request, fault.as_ref(), admission),
        Ok(Some(ending)) => Response::empty(200).sent(SendMode::Nothing(ending)),
        Err(error) => {
            shared.journal.answered(number, Outcome::NONE);
            return Err(error);
        }
    };
    let now = shared.world().now();
    let sent = delivery::deliver(stream, control, request, &delivery, now).await;
    let outcome = sent.as_ref().map_or(Outcome::NONE, |(outcome, _)| *outcome);
    shared.journal.answered(number, outcome);
    sent.map(|(_, step)| if is_unread { NextStep::Close } else { step })
}

/// The registry does not process a request whose response a fault replaces.
fn admit(shared: &Shared, host: &str, request: &Request, fault: Option<&FaultKind>) -> Admission {
    match fault {
        Some(FaultKind::Replaced(_)) => Admission::Skipped,
        Some(FaultKind::Damaged(_) | FaultKind::Connection(_)) | None => {
            match internet::admit_upload(&mut shared.world(), host, request) {
                Ok(id) => Admission::Upload(id),
                Err(refusal) => Admission::Refused(refusal),
            }
        }
    }
}

/// What the registry does with the body.
enum Admission {
    /// It adds the body to the upload with this ID.
    Upload(String),
    /// It answers with this refusal.
    Refused(Response),
    /// A fault replaces the response.
    Skipped,
}

/// Returns the number of bytes after which a fault ends the upload.
fn limit(fault: &FaultKind) -> Option<(u64, Ending)> {
    match fault {
        FaultKind::Damaged(DamagedResponse::UploadReset { bytes }) => {
            Some((*bytes as u64, Ending::Reset))
        }
        FaultKind::Damaged(DamagedResponse::UploadStall { bytes }) => {
            Some((*bytes as u64, Ending::Silence))
        }
        FaultKind::Damaged(_) | FaultKind::Replaced(_) | FaultKind::Connection(_) => None,
    }
}

/// The body of an upload.
struct Body {
    reader: BodyReader,
    /// The number of bytes that the registry has received.
    size: u64,
    limit: Option<(u64, Ending)>,
}

impl Body {
    /// Reads to the end of the body, or to the limit of a fault.
    async fn read<S>(
        &mut self,
        stream: &mut S,
        buffer: &mut BytesMut,
        shared: &Shared,
        head: &Head,
        admission: &Admission,
    ) -> io::Result<Option<Ending>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match admission {
            // The client does not send the body.
            Admission::Refused(_) if http1::expects_invitation(head) => return Ok(None),
            Admission::Refused(_) => {}
            Admission::Upload(_) | Admission::Skipped => http1::invite_body(stream, head).await?,
        }
        while let Some(mut piece) = self.reader.next(stream, buffer).await? {
            let cut = self
                .limit
                .filter(|(bytes, _)| self.size + piece.len() as u64 >= *bytes);
            if let Some((bytes, _)) = cut {
                piece.truncate(usize::try_from(bytes - self.size).unwrap_or(piece.len()));
            }
            self.size += piece.len() as u64;
            if let Admission::Upload(id) = admission {
                upload::receive(&mut shared.world(), id, &piece);
            }
            if let Some((_, ending)) = cut {
                return Ok(Some(ending));
            }
        }
        Ok(self.limit.map(|(_, ending)| ending))
    }
}

fn respond(
    shared: &Shared,
    host: &str,
    request: &Request,
    fault: Option<&FaultKind>,
    admission: Admission,
) -> Delivery {
    let world = &mut *shared.world();
    let now = world.now();
    let response = match admission {
        Admission::Upload(_) => distribution::conclude_upload(world, host, request),
        Admission::Refused(refusal) => refusal,
        Admission::Skipped => Response::empty(502),
    };
    match fault {
        Some(FaultKind::Replaced(fault)) => {
            faulty_response::replaced(fault, host, request, now, || {
                internet::unauthorized(world, host, request)
            })
        }
        Some(FaultKind::Damaged(fault)) => faulty_response::damaged(fault, response),
        Some(FaultKind::Connection(_)) | None => response.into(),
    }
}
