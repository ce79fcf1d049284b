//! One copy of the words, which is written by one side and read by the other, never at once.

#![allow(unsafe_code)]

use super::atomic::Watch;
use std::{cell::UnsafeCell, ptr, slice};

/// Words in a line. A model has few, or it would never end.
pub(super) const LINE_WORDS: usize = if cfg!(loom) { 2 } else { 16 };

/// Words that share a cache line with no one else's.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(loom), repr(align(64)))]
pub(super) struct Line(#[expect(dead_code, reason = "it is a row of words")] [u32; LINE_WORDS]);

const _: () = assert!(size_of::<Line>() == LINE_WORDS * 4, "lines are taken for a row of words");

/// Plain memory, since atomic words are copied one by one: it takes four times as long.
#[derive(Debug)]
pub(super) struct Slot {
    lines: Box<[UnsafeCell<Line>]>,
    watch: Watch,
}

// SAFETY: its two functions make their callers keep readers and writers apart.
unsafe impl Sync for Slot {}

impl Slot {
    /// So many lines of zeros.
    pub(super) fn new(lines: usize) -> Self {
        Self {
            lines: (0..lines).map(|_| UnsafeCell::new(Line([0; LINE_WORDS]))).collect(),
            watch: Watch::default(),
        }
    }

    /// Tells a model that it is read, or written, between here and the caller's next operation on an atomic.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// How many words there are.
    #[inline]
    pub(super) fn words(&self) -> usize {
        self.lines.len() * LINE_WORDS
    }

    #[inline]
    fn start(&self) -> *mut u32 {
        self.lines.as_ptr().cast_mut().cast()
    }

    /// The words.
    ///
    /// # Safety
    ///
    /// Nobody writes while the reference is used, and what was written before happened before.
    #[inline]
    pub(super) unsafe fn read(&self) -> &[u32] {
        // SAFETY: lines are rows of words, and the caller's word.
        unsafe { slice::from_raw_parts(self.start(), self.words()) }
    }

    /// The words, to be changed.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes while the reference is used, and what was read and written before happened before.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the caller has it alone")]
    pub(super) unsafe fn write(&self) -> &mut [u32] {
        // SAFETY: lines are rows of words in cells, and the caller's word.
        unsafe { &mut *ptr::slice_from_raw_parts_mut(self.start(), self.words()) }
    }
}
