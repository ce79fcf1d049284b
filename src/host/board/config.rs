//! What the host chooses about the board.

use crate::host::options::RouteOptions;

/// The endpoints and the board, for [`Builder::board`](crate::Builder::board): a page at `/` that shows people how things are, and plain HTTP for programs (`/metrics`, `/api/..`).
///
/// Each endpoint that shows what a mount knows asks of its clients what that mount asks; what belongs to no mount asks for what
/// [`options`](Self::options) say.
///
/// ```
/// use andon::{BoardConfig, Server};
///
/// let server = Server::builder().listen("127.0.0.1:0").board(BoardConfig::new().title("Line 3")).start()?;
/// println!("the board is at http://{}/", server.local_addrs()[0]);
/// # Ok::<(), andon::StartError>(())
/// ```
#[derive(Debug)]
#[must_use = "a board is not served until it is given to a builder"]
pub struct BoardConfig {
    pub(super) title: String,
    pub(super) options: RouteOptions,
    pub(super) monitor: Option<String>,
    pub(super) device_sessions: Option<String>,
}

impl Default for BoardConfig {
    fn default() -> Self {
        Self { title: "andon".into(), options: RouteOptions::new(), monitor: None, device_sessions: None }
    }
}

impl BoardConfig {
    /// As the default: open to everybody, but for what belongs to a mount.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the page calls the place that it shows. Default `andon`.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Who may ask for what belongs to no mount: the page itself, `/readyz`, `/metrics`, `/api` and `/api/stats`. Default: everybody.
    pub fn options(mut self, options: RouteOptions) -> Self {
        self.options = options;
        self
    }

    /// Shows the equipment of the monitor mounted at this pattern. Default: of the first.
    pub fn monitor(mut self, pattern: impl Into<String>) -> Self {
        self.monitor = Some(pattern.into());
        self
    }

    /// Shows the device sessions mounted at this pattern. Default: the first.
    pub fn device_sessions(mut self, pattern: impl Into<String>) -> Self {
        self.device_sessions = Some(pattern.into());
        self
    }
}
