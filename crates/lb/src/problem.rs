//! Everything that can keep a request from being answered by a server, each
//! with whose fault it is. respond.rs turns them into answers.

use thiserror::Error;

/// Why the balancer answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Problem {
    // The client's fault; trying again does not help.
    #[error("the Host header is missing")]
    HostMissing,
    #[error("there is more than one Host header")]
    HostRepeated,
    #[error("the host is not valid")]
    HostInvalid,
    #[error("the request's first line is not valid")]
    RequestLineInvalid,
    #[error("a header field is not valid")]
    FieldInvalid,
    #[error("the request's target is not valid")]
    TargetInvalid,
    #[error("Content-Length and Transfer-Encoding exclude each other")]
    LengthAmbiguous,
    #[error("the Content-Length is not valid")]
    LengthInvalid,
    #[error("the Transfer-Encoding is not valid")]
    TransferEncodingInvalid,
    #[error("only the transfer coding `chunked` is known here")]
    TransferCodingUnknown,
    #[error("the request's body is not framed as its head says")]
    BodyMalformed,
    #[error("the request's head took too long")]
    HeadTooSlow,
    #[error("the request's body took too long")]
    BodyTooSlow,
    #[error("the request's target is too long")]
    TargetTooLong,
    #[error("the request's head is too large")]
    HeadTooLarge,
    #[error("only the expectation 100-continue is known here")]
    ExpectationUnknown,
    #[error("this version of HTTP is not spoken here")]
    VersionUnknown,
    #[error("the method is not allowed")]
    MethodRefused,
    #[error("tunnels are not offered")]
    ConnectRefused,
    #[error("this protocol cannot be passed on to where the request goes")]
    ProtocolUnknown,
    #[error("nothing is served under this name or path")]
    NoRoute,
    #[error("this port speaks HTTPS")]
    PlainHttp,
    // Nobody's fault: there is too much of everything just now.
    #[error("too many requests are being received at once")]
    TooManyHeads,
    #[error("there are more requests than can be answered just now")]
    Overloaded,
    #[error("every server has enough to do and too many requests wait already")]
    QueueFull,
    #[error("every server had enough to do for too long")]
    QueueTimeout,
    // The servers' fault, or the network's behind the balancer.
    #[error("no server is known")]
    NoServer,
    #[error("the server cannot be reached")]
    ConnectFailed,
    #[error("the server does not accept the connection in time")]
    ConnectTimeout,
    #[error("the server ended the connection before it answered")]
    ConnectionLost,
    #[error("the server broke its answer off")]
    AnswerCut,
    #[error("the server did not answer in time")]
    FirstByteTimeout,
    #[error("the request took too long as a whole")]
    RequestTimeout,
    #[error("the server was declared dead while it owed an answer")]
    ServerLost,
    #[error("the server's answer is not valid HTTP")]
    AnswerMalformed,
    #[error("the server has not switched protocols")]
    NotSwitched,
}

impl Problem {
    /// Whether the server is to blame, so that the failure counts against it.
    pub(crate) fn blames_server(self) -> bool {
        use Problem as P;
        match self {
            P::ConnectFailed
            | P::ConnectTimeout
            | P::ConnectionLost
            | P::AnswerCut
            | P::FirstByteTimeout
            | P::ServerLost
            | P::AnswerMalformed => true,
            P::HostMissing
            | P::HostRepeated
            | P::HostInvalid
            | P::RequestLineInvalid
            | P::FieldInvalid
            | P::TooManyHeads
            | P::Overloaded
            | P::QueueFull
            | P::QueueTimeout
            | P::TargetInvalid
            | P::LengthAmbiguous
            | P::LengthInvalid
            | P::TransferEncodingInvalid
            | P::TransferCodingUnknown
            | P::BodyMalformed
            | P::HeadTooSlow
            | P::BodyTooSlow
            | P::TargetTooLong
            | P::HeadTooLarge
            | P::ExpectationUnknown
            | P::VersionUnknown
            | P::MethodRefused
            | P::ConnectRefused
            | P::ProtocolUnknown
            | P::NotSwitched
            | P::NoRoute
            | P::PlainHttp
            | P::RequestTimeout
            | P::NoServer => false,
        }
    }

    /// Whether the connection cannot be used any more, because it is not known
    /// where the next request would begin.
    pub(crate) fn ends_connection(self) -> bool {
        use Problem as P;
        matches!(
            self,
            P::LengthAmbiguous
                | P::LengthInvalid
                | P::TransferEncodingInvalid
                | P::TransferCodingUnknown
                | P::BodyMalformed
                | P::HeadTooSlow
                | P::BodyTooSlow
                | P::TargetTooLong
                | P::HeadTooLarge
                | P::VersionUnknown
                | P::HostMissing
                | P::HostRepeated
                | P::HostInvalid
                | P::RequestLineInvalid
                | P::FieldInvalid
                | P::TooManyHeads
                | P::TargetInvalid
                | P::ConnectRefused
                | P::PlainHttp
        )
    }
}
