//! What the host and its guests have to say, line by line.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A guest's line longer than this is printed in parts, in bytes.
const MAX_LINE: usize = 8 * 1024;

/// Where log lines go. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Log(Option<Arc<Mutex<String>>>);

impl Log {
    /// A log that goes to the standard error stream.
    pub fn stderr() -> Self {
        Self(None)
    }

    /// A log that is kept, for tests.
    pub fn captured() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was logged, if the log is kept.
    pub fn text(&self) -> String {
        self.0
            .as_ref()
            .map(|text| text.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// Logs a line.
    pub(crate) fn line(&self, source: &str, text: &str) {
        match &self.0 {
            Some(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend([source, ": ", text, "\n"]);
            }
            // A closed stream is no reason to stop serving.
            None => drop(writeln!(std::io::stderr().lock(), "{source}: {text}")),
        }
    }

    /// The output stream of a guest: every line is prefixed with the component's name.
    pub(crate) fn guest(&self, component: &str) -> GuestOutput {
        GuestOutput { log: self.clone(), component: component.into() }
    }
}

pub(crate) struct GuestOutput {
    log: Log,
    component: Arc<str>,
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Lines { log: self.log.clone(), component: self.component.clone(), rest: Vec::new() })
    }
}

struct Lines {
    log: Log,
    component: Arc<str>,
    rest: Vec<u8>,
}

impl Lines {
    fn print(&mut self, bytes: usize) {
        let line: Vec<u8> = self.rest.drain(..bytes).collect();
        self.log.line(&self.component, String::from_utf8_lossy(&line).trim_end());
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.rest.extend_from_slice(&bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            self.print(end + 1);
        }
        while self.rest.len() >= MAX_LINE {
            self.print(MAX_LINE);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            self.print(self.rest.len());
        }
    }
}
