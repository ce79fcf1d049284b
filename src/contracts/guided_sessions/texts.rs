//! What people read in guided sessions.

use std::borrow::Cow;

/// The texts that guided sessions send to people. By default Korean, as existing apps show them.
///
/// ```
/// let texts = andon::GuidedTexts::default().joined("You are in").ended("That is all");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct GuidedTexts {
    pub(super) joined: Cow<'static, str>,
    pub(super) step_completed: Cow<'static, str>,
    pub(super) paused: Cow<'static, str>,
    pub(super) resumed: Cow<'static, str>,
    pub(super) ended: Cow<'static, str>,
    pub(super) denied: Cow<'static, str>,
    pub(super) over: Cow<'static, str>,
    pub(super) not_stored: Cow<'static, str>,
}

impl Default for GuidedTexts {
    fn default() -> Self {
        Self {
            joined: "세션에 참가했습니다".into(),
            step_completed: "단계를 완료했습니다".into(),
            paused: "세션이 일시정지되었습니다".into(),
            resumed: "세션이 재개되었습니다".into(),
            ended: "세션이 종료되었습니다".into(),
            denied: "Permission denied".into(),
            over: "이미 종료된 세션입니다".into(),
            not_stored: "저장하지 못했습니다. 잠시 후 다시 시도해 주세요".into(),
        }
    }
}

impl GuidedTexts {
    /// To who has joined.
    pub fn joined(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.joined = text.into();
        self
    }

    /// To who has completed a step.
    pub fn step_completed(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.step_completed = text.into();
        self
    }

    /// To all, when the session is paused.
    pub fn paused(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.paused = text.into();
        self
    }

    /// To all, when it goes on.
    pub fn resumed(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.resumed = text.into();
        self
    }

    /// To all, when it is ended.
    pub fn ended(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.ended = text.into();
        self
    }

    /// To who asks for what is another's to do.
    pub fn denied(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.denied = text.into();
        self
    }

    /// To who wants to change something in a session that has ended.
    pub fn over(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.over = text.into();
        self
    }

    /// To whose completed step the store has refused: nothing was changed, and it can be tried again.
    pub fn not_stored(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.not_stored = text.into();
        self
    }

    /// The longest of them, in bytes.
    pub(super) fn longest(&self) -> usize {
        let Self { joined, step_completed, paused, resumed, ended, denied, over, not_stored } = self;
        [joined, step_completed, paused, resumed, ended, denied, over, not_stored]
            .into_iter()
            .map(|text| text.len())
            .max()
            .unwrap_or_default()
    }
}
