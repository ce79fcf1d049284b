//! The store of a transcript: it commits, waits, is down or fails as the transcript says.

use crate::{
    contracts::store::{StoreError, record::Record},
    ground::id::RecordTicket,
};
use std::collections::VecDeque;

/// What a store does with what it has.
#[derive(Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Commits,
    /// It answers for nothing.
    Waits,
    Fails,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Depot {
    mood: Mood,
    /// How many it commits or fails for even so.
    commits: usize,
    fails: usize,
    records: VecDeque<Record>,
    /// What is committed is told as the host is.
    shown: bool,
}

/// What became of a record.
pub(super) struct Answer {
    pub(super) ticket: RecordTicket,
    pub(super) outcome: Result<(), StoreError>,
    /// What is to be shown.
    pub(super) shown: Option<Record>,
}

impl Depot {
    /// `given records = shown`.
    pub(super) fn given(&mut self, value: &str) -> Result<(), String> {
        self.shown = match value {
            "shown" => true,
            "hidden" => false,
            _ => return Err("shown or hidden".into()),
        };
        Ok(())
    }

    pub(super) fn take(&mut self, record: Record) {
        self.records.push_back(record);
    }

    /// From now on does what `words` say; returns in which words it is down, if it is.
    pub(super) fn told<'w>(&mut self, words: &'w str) -> Result<Option<&'w str>, String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let count = rest.parse::<usize>();
        match (verb, rest) {
            ("commits", "") => self.mood = Mood::Commits,
            ("waits", "") => self.mood = Mood::Waits,
            ("fails", "") => self.mood = Mood::Fails,
            ("commits", _) if count.is_ok() => self.commits += count.unwrap_or_default(),
            ("fails", _) if count.is_ok() => self.fails += count.unwrap_or_default(),
            ("is", "down") => {
                self.mood = Mood::Waits;
                return Ok(Some("it is down"));
            }
            _ => return Err(format!("the store commits [N], waits, is down or fails [N]: {words}")),
        }
        Ok(None)
    }

    /// Takes out what became of its oldest record, if it answers for it.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        if self.records.is_empty() {
            return None;
        }
        let fails = if self.fails > 0 {
            self.fails -= 1;
            true
        } else if self.commits > 0 {
            self.commits -= 1;
            false
        } else {
            match self.mood {
                Mood::Waits => return None,
                Mood::Commits => false,
                Mood::Fails => true,
            }
        };
        let record = self.records.pop_front()?;
        let outcome = if fails { Err(StoreError::Rejected("it fails".into())) } else { Ok(()) };
        let ticket = record.ticket;
        Some(Answer { ticket, shown: Some(record).filter(|_| self.shown && !fails), outcome })
    }
}
