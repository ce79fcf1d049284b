//! The host: it reads events at its own pace, ends, leads and lists sessions, puts people out, and breaks contracts.

use super::{
    super::{
        truth::open,
        witness::{Break, Spoken},
    },
    Check, DEVICES, LESSONS, World,
    plan::guided_session,
};
use crate::{
    contracts::{
        device_sessions::command::{DeviceCommand, SessionInfo},
        guided_sessions::{info::GuidedInfo, orders::Order},
        store::guided::StepAction,
    },
    engine::{command::Command, event::Event},
    ground::{close::CloseCode, foreign::Foreign, id::MountId},
};
use std::{any::Any, sync::Arc, time::Duration};

impl<const S: bool> World<S> {
    /// The host reads some events, and wants something.
    pub(super) fn host(&mut self, quiet: bool) -> Check {
        let reads = match quiet {
            true => usize::MAX,
            false if self.plan.calm => usize::MAX,
            false if self.now < self.host_sleeps_until => 0,
            false => self.rng.usize(0..=usize::from(self.host_speed)),
        };
        for _ in 0..reads {
            let Some(event) = self.engine.ports_mut().take_event() else { break };
            self.hear(event)?;
        }
        if quiet {
            return Ok(());
        }
        match self.rng.u16(0..1_000) {
            0..3 => {
                let nap = Duration::from_millis(self.rng.u64(0..20_000));
                self.host_sleeps_until = self.now + nap;
            }
            3..20 => {
                let known: Vec<_> = open(&self.truth).tables.sessions.keys().cloned().collect();
                if !known.is_empty() {
                    let id = known[self.rng.usize(0..known.len())].clone();
                    let command = Box::new(DeviceCommand::End { session: id.as_str().into() });
                    self.order(DEVICES, format!("ends {id}"), command);
                }
            }
            20..30 => self.list(),
            30..60 => {
                let code = ["A", "B", "C"][self.rng.usize(0..3)];
                let (words, order) = self.draw_order(code);
                if let Ok(placed) = self.desk.place(order) {
                    self.order(LESSONS, words, Box::new(placed));
                }
            }
            60..63 if !self.plan.calm && !self.wires.admitted.is_empty() => {
                let (conn, _) = self.wires.admitted[self.rng.usize(0..self.wires.admitted.len())];
                let (code, reason) = (CloseCode::NORMAL, "the host says so".into());
                self.command(Command::Close { conn, code, reason });
            }
            63..66 if !self.plan.calm => {
                let subject = self.rng.u8(1..13).to_string().into();
                self.command(Command::Revoke { subject });
            }
            _ if self.rng.u16(0..10_000) < self.plan.breaks && self.breaks_left > 0 => {
                self.breaks_left -= 1;
                let command: Box<dyn Any + Send> = Box::new(Break);
                let mount = if self.rng.bool() { DEVICES } else { LESSONS };
                self.command(Command::Contract { mount, command: Foreign::new(command) });
            }
            _ => {}
        }
        Ok(())
    }

    /// The host wants to know how things are.
    fn list(&mut self) {
        let truth = Arc::clone(&self.truth);
        let answer = Box::new(move |list: Vec<SessionInfo>| {
            let of = |info: SessionInfo| {
                (info.device.to_string(), info.id.to_string(), info.sample_count, info.holder)
            };
            let truth = &mut *open(&truth);
            let (list, due): (Vec<_>, _) = (list.into_iter().map(of).collect(), truth.devices.listed());
            if list != due {
                truth.violated(format!("listed is {list:?}, not {due:?}"));
            }
        });
        self.order(DEVICES, "lists".into(), Box::new(DeviceCommand::List { answer }));
        let truth = Arc::clone(&self.truth);
        let tell = Box::new(move |list: Vec<GuidedInfo>| {
            let truth = &mut *open(&truth);
            let list: Vec<_> = list.into_iter().map(|info| (info.session, info.participants)).collect();
            if let Err(what) = truth.lessons.check_listed(list) {
                truth.violated(what);
            }
        });
        if let Ok(placed) = self.desk.place(Order::List(tell)) {
            self.order(LESSONS, "lists".into(), Box::new(placed));
        }
    }

    /// What the host wants of a session.
    fn draw_order(&mut self, code: &str) -> (String, Order) {
        let control = |action, subtask_id| {
            let (code, message) = (code.to_owned(), String::new());
            Order::Control { code, action, subtask_id, message }
        };
        match self.rng.u8(0..20) {
            0..6 => {
                let id = self.rng.i64(1..5);
                (format!("starts {code} {id}"), control(StepAction::StartStep, Some(id)))
            }
            6..9 => (format!("pauses {code}"), control(StepAction::Pause, None)),
            9..12 => (format!("resumes {code}"), control(StepAction::Resume, None)),
            12 => (format!("closes {code}"), control(StepAction::EndStep, None)),
            _ => {
                let steps = self.rng.i64(1..4);
                (format!("creates {code} {steps}"), Order::Create(guided_session(code, steps, &[])))
            }
        }
    }

    fn order(&mut self, mount: MountId, words: String, command: Box<dyn Any + Send>) {
        let command: Box<dyn Any + Send> = Box::new(Spoken { words, command });
        self.command(Command::Contract { mount, command: Foreign::new(command) });
    }

    fn command(&mut self, command: Command) {
        self.commands.push_back(command);
        self.woken_by_command = true;
    }

    fn hear(&mut self, event: Event) -> Check {
        let Event::Contract { mount, body, .. } = event else { return Ok(()) };
        let due = open(&self.truth).events.entry(mount).or_default().pop_front();
        if due.as_ref() == Some(&body) {
            Ok(())
        } else {
            Err(format!("the host hears {body:?}, and was to hear {due:?}"))
        }
    }
}
