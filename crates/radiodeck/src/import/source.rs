//! Where stations come from: a file, standard input, a URL, or the public
//! directory. All are read as they come, by a thread of their own that is a few
//! chunks ahead; nothing is held whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::poll_fn;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::Error;

/// The public directory: a name that stands for all of its servers, and the list of every station.
const RADIO_BROWSER: &str = "https://all.api.radio-browser.info/json/stations";
/// The directory asks its clients to say who they are.
const USER_AGENT: &str = concat!("radiodeck/", env!("CARGO_PKG_VERSION"));
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// From the request to the answer's head: the directory takes a while to make a list of all.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// The whole transfer.
const TRANSFER_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// Servers of the directory come and go: another attempt may meet another one.
const ATTEMPTS: usize = 3;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that may wait to be taken.
const CHUNKS: usize = 4;

/// A source as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Stdin,
    Url(String),
    RadioBrowser,
}

impl Source {
    /// # Errors
    /// A URL of a scheme that is not http or https.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match (text, scheme.as_deref()) {
            ("-", _) => Ok(Self::Stdin),
            ("radio-browser", _) => Ok(Self::RadioBrowser),
            (url, Some("http" | "https")) => Ok(Self::Url(url.to_owned())),
            // RFC 3986, section 3.1; with anything else before it, such as a slash, it is a path.
            (url, Some(scheme)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                Err(Error::Scheme { url: url.to_owned() })
            }
            (path, _) => Ok(Self::File(path.into())),
        }
    }

    /// Opens the source.
    pub(super) fn open(&self) -> Result<Opened, Error> {
        match self {
            Self::File(path) => {
                let cannot = |source| Error::File {
                    path: path.clone(),
                    source,
                };
                let file = File::open(path).map_err(cannot)?;
                let metadata = file.metadata().map_err(cannot)?;
                if metadata.is_dir() {
                    return Err(cannot(io::ErrorKind::IsADirectory.into()));
                }
                Ok(Opened {
                    // Pipes and devices have no length.
                    bytes: metadata.is_file().then_some(metadata.len()),
                    reader: Box::new(file),
                })
            }
            Self::Stdin => Ok(Opened {
                bytes: None,
                reader: Box::new(io::stdin()),
            }),
            Self::Url(url) => fetch(url),
            Self::RadioBrowser => {
                let mut outcome = fetch(RADIO_BROWSER);
                for _ in 1..ATTEMPTS {
                    if outcome.is_ok() {
                        break;
                    }
                    outcome = fetch(RADIO_BROWSER);
                }
                outcome.map_err(|error| Error::Directory {
                    reason: error.to_string(),
                })
            }
        }
    }
}

/// A source that is being read.
pub(super) struct Opened {
    /// How much there is to read, if that is known.
    pub(super) bytes: Option<u64>,
    reader: Box<dyn Read + Send>,
}

impl Opened {
    /// The bytes, for code that must not block. The thread that reads ends with the source, or soon after
    /// nobody wants any more.
    pub(super) fn stream(mut self) -> impl AsyncRead + Unpin + Send {
        let (chunks, mut waiting) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
        // Not one of the runtime's threads: a terminal that never ends its input must not keep the program from ending.
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = match self.reader.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(length) => {
                        chunk.truncate(length);
                        Ok(Bytes::from(chunk))
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let last = read.is_err();
                if chunks.blocking_send(read).is_err() || last {
                    return;
                }
            }
        });
        StreamReader::new(poll_fn(move |context| waiting.poll_recv(context)))
    }
}

fn fetch(url: &str) -> Result<Opened, Error> {
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(CONNECT_DEADLINE))
        .timeout_recv_response(Some(ANSWER_DEADLINE))
        .timeout_global(Some(TRANSFER_DEADLINE))
        .user_agent(USER_AGENT)
        // The machine's own certificate authorities: a company's is among them.
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build()
        .into();
    let answer = agent.get(url).call().map_err(|error| Error::Url {
        url: url.to_owned(),
        reason: error.to_string(),
    })?;
    let body = answer.into_body();
    Ok(Opened {
        bytes: body.content_length(),
        reader: Box::new(body.into_reader()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn a_source_is_told_by_its_form() {
        let parsed = |text| Source::parse(text).expect("a source");
        assert_eq!(parsed("-"), Source::Stdin);
        assert_eq!(parsed("radio-browser"), Source::RadioBrowser);
        assert_eq!(parsed("./radio-browser"), Source::File("./radio-browser".into()));
        for url in ["https://a.test/x", "HTTP://a.test/x"] {
            assert_eq!(parsed(url), Source::Url(url.into()));
        }
        for path in ["http.ndjson", "./odd://name", "a:b"] {
            assert_eq!(parsed(path), Source::File(path.into()));
        }
    }

    #[test]
    fn another_scheme_is_refused_and_those_that_work_are_named() {
        for url in ["ftp://a.test/x", "file:///stations.json", "s3://bucket/x"] {
            let error = Source::parse(url).expect_err("refused").to_string();
            assert!(error.contains(url) && error.contains("only http and https"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Source::parse("/nowhere/stations.json")
            .expect("a source")
            .open()
            .err()
            .expect("missing")
            .to_string();
        assert!(error.contains("/nowhere/stations.json"), "{error}");
        let folder = Source::parse("/")
            .expect("a source")
            .open()
            .err()
            .expect("a folder")
            .to_string();
        assert!(folder.contains("directory"), "{folder}");
    }

    /// A server that gives one answer.
    fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/stations", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).expect("a request");
            stream.write_all(answer.as_bytes()).expect("sent");
        });
        url
    }

    #[tokio::test]
    async fn a_url_is_read_as_it_comes() {
        let url = serve("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n[1,2]");
        let opened = Source::parse(&url).expect("a source").open().expect("opened");
        assert_eq!(opened.bytes, Some(5));
        let mut text = String::new();
        opened.stream().read_to_string(&mut text).await.expect("read");
        assert_eq!(text, "[1,2]");
    }

    #[test]
    fn an_answer_that_is_no_success_is_an_error_with_the_url() {
        let url = serve("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        let error = Source::parse(&url)
            .expect("a source")
            .open()
            .err()
            .expect("404")
            .to_string();
        assert!(error.contains(&url) && error.contains("404"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error_and_no_end() {
        let url = serve("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n[1,2]");
        let opened = Source::parse(&url).expect("a source").open().expect("opened");
        opened
            .stream()
            .read_to_end(&mut Vec::new())
            .await
            .expect_err("half an answer");
    }
}
