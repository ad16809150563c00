//! Why a host does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a host does not start. The message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file that is needed cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A file says something that is not valid or not supported.
    #[error("{}: {what}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Which key is wrong, how, and what to do.
        what: String,
    },
    /// A value given on the command line or in the environment is not valid.
    #[error("{0}")]
    Argument(String),
    /// Variables that the manifest requires have no value.
    #[error(
        "no value for required variable{} {}: set {} in the environment or in .env, or pass --variable {}=<value>",
        if names.len() == 1 { "" } else { "s" },
        names.join(", "),
        names.iter().map(|name| format!("SPIN_VARIABLE_{}", name.to_uppercase())).collect::<Vec<_>>().join(", "),
        names[0],
    )]
    MissingVariables {
        /// The variables' names, at least one.
        names: Vec<String>,
    },
    /// A component's file is not there.
    #[error("component {component} is not built, {} does not exist: run `cargo xtask build`", file.display())]
    NotBuilt {
        /// The component's id.
        component: String,
        /// Where the manifest says its file is.
        file: PathBuf,
    },
    /// A component cannot be loaded, or needs what this host does not have.
    #[error("component {component} {what}")]
    Component {
        /// The component's id.
        component: String,
        /// What is wrong.
        what: String,
    },
    /// A store cannot be opened.
    #[error("key-value store {label}: {what}")]
    Store {
        /// The store's label.
        label: String,
        /// What is wrong.
        what: String,
    },
    /// The address is taken.
    #[error(
        "port {} on {} is already in use: stop what listens there, or choose another with --listen {}:{}",
        address.port(), address.ip(), address.ip(), address.port().saturating_add(1),
    )]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        reason: io::Error,
    },
    /// The WebAssembly engine cannot be set up.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(String),
}
