//! One record of a contract, and what it can say.

use super::{device::DeviceRecord, guided::GuidedRecord};
use crate::ground::{
    id::{MountId, RecordTicket},
    time::Wall,
};
use std::sync::Arc;

/// One record of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The pattern of the mount whose contract made it, such as `/ws/device`: it means the same in the next run, whatever the order of
    /// mounting is then.
    pub contract: Arc<str>,
    /// The mount in this run.
    pub mount: MountId,
    /// Counts up over all records of this run of the server; the next run begins anew.
    pub ticket: RecordTicket,
    /// When what it says happened: when the contract made it, unless that [said otherwise](crate::Effects::file_at).
    pub at: Wall,
    /// Somebody waits for its commit: a store that collects a batch for some time is not made to wait for more.
    pub awaited: bool,
    /// What it says.
    pub body: RecordBody,
}

/// What a record says: what a contract of yours likes, or what the built-in ones' own types name (which any contract may use).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordBody {
    /// In the words of a contract of the host's.
    Custom {
        /// What it belongs to: a kind, a table.
        stream: Box<str>,
        /// Whom it belongs to within the stream.
        key: Box<str>,
        /// What is recorded, verbatim.
        payload: Box<[u8]>,
    },
    /// Of device sessions.
    Device(DeviceRecord),
    /// Of guided sessions.
    Guided(GuidedRecord),
}

impl Record {
    /// A record as the engine makes it, for tests of stores. Mount and ticket are 0 until they are set, and somebody waits for it.
    pub fn new(contract: &str, at: Wall, body: impl Into<RecordBody>) -> Self {
        Self {
            contract: contract.into(),
            mount: MountId(0),
            ticket: RecordTicket(0),
            at,
            awaited: true,
            body: body.into(),
        }
    }

    /// Bytes that count towards [`Limits::record_bytes`](crate::Limits::record_bytes).
    pub fn weight_bytes(&self) -> usize {
        match &self.body {
            RecordBody::Custom { stream, key, payload } => stream.len() + key.len() + payload.len(),
            RecordBody::Device(record) => record.weight_bytes(),
            RecordBody::Guided(record) => record.weight_bytes(),
        }
    }
}

impl RecordBody {
    /// A record in words of your own.
    pub fn custom(stream: &str, key: &str, payload: impl Into<Box<[u8]>>) -> Self {
        Self::Custom { stream: stream.into(), key: key.into(), payload: payload.into() }
    }
}

impl From<DeviceRecord> for RecordBody {
    fn from(record: DeviceRecord) -> Self {
        Self::Device(record)
    }
}

impl From<GuidedRecord> for RecordBody {
    fn from(record: GuidedRecord) -> Self {
        Self::Guided(record)
    }
}
