//! The stage of device sessions, at `/ws/device`.
//!
//! Its host `ends SESSION`, and `breaks the contract`, which panics. With `given events = shown` it is told `event registered DEVICE` with the message,
//! `event session_created`, `event sample` and `event session_ended`; of the records that the store commits, `record session_started`, `record sample` and
//! `record session_ended` are shown in the same form.

use super::{
    handled::{Act, HandledFactory},
    stage::{self, Stage},
};
use crate::{
    contracts::{
        contract::ContractFactory,
        device_sessions::{
            DeviceSessionsFactory,
            command::DeviceCommand,
            config::{DeviceSessionsConfig, OnActive, RegisterSession},
        },
        store::{
            device::{DeviceRecord, DeviceSample, SessionRow},
            record::{Record, RecordBody},
        },
        told::{EventBody, device::DeviceEvent},
    },
    engine::{
        command::Command,
        event::{Event, EventMask},
        settings::Settings,
    },
    ground::{
        foreign::Foreign,
        id::{MountId, TopicId},
        limits::Limits,
    },
};
use std::{any::Any, time::Duration};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct DeviceStage {
    config: DeviceSessionsConfig,
    events: EventMask,
}

fn row(row: &SessionRow) -> String {
    let client = |timestamp: &Option<Box<str>>| timestamp.clone().unwrap_or_else(|| "null".into());
    format!(
        r#"{{"session":"{}","device":"{}","status":"{}","samples":{},"at":[{},{}],"client":[{},{}]}}"#,
        row.id,
        row.device,
        row.status,
        row.sample_count,
        row.started_at.as_millis(),
        row.ended_at.map_or_else(|| "null".into(), |at| at.as_millis().to_string()),
        client(&row.client_started_at),
        client(&row.client_ended_at),
    )
}

fn sample(sample: &DeviceSample) -> String {
    let (session, seq) = match &sample.place {
        Some((session, seq)) => (format!("\"{session}\""), seq.to_string()),
        None => ("null".into(), "null".into()),
    };
    let DeviceSample { device, payload, received_at, .. } = sample;
    let at = received_at.as_millis();
    format!(r#"{{"session":{session},"seq":{seq},"device":"{device}","at":{at},"payload":{payload}}}"#)
}

impl Stage for DeviceStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<usize>().map_err(|error| error.to_string());
        let config = self.config.clone();
        self.config = match (name, value) {
            ("events", "shown") => {
                self.events = EventMask::CONTRACTS;
                config
            }
            ("register_session", "auto") => config.register_session(RegisterSession::Auto),
            ("register_session", "always") => config.register_session(RegisterSession::Always),
            ("register_session", "never") => config.register_session(RegisterSession::Never),
            ("on_active", "end_previous") => config.on_active(OnActive::EndPrevious),
            ("on_active", "reject") => config.on_active(OnActive::Reject),
            ("durable_ack", "on") => config.durable_ack(true),
            ("durable_ack", "off") => config.durable_ack(false),
            ("idle_timeout", "never") => config.idle_timeout(None),
            ("idle_timeout", _) => config.idle_timeout(Some(Duration::from_millis(number()? as u64))),
            ("late_window", _) => config.late_window(Duration::from_millis(number()? as u64)),
            ("data_type", name) => config.data_type(name),
            ("recent_sessions", _) => config.recent_sessions(number()?),
            ("devices", _) => config.devices(number()?),
            ("devices_per_connection", _) => config.devices_per_connection(number()?),
            ("id_bytes", _) => config.id_bytes(number()?),
            ("pending_replies", _) => config.pending_replies(number()?),
            ("ends_kept", _) => config.ends_kept(number()?),
            _ => return Err("no such setting".into()),
        };
        Ok(())
    }

    fn settings(&mut self) -> Result<Settings, String> {
        self.config.check()?;
        let factory = HandledFactory(DeviceSessionsFactory::new(self.config.clone()));
        let mounts: Vec<(String, Box<dyn ContractFactory>)> = vec![("/ws/device".into(), Box::new(factory))];
        Ok(Settings { events: self.events, ..stage::settings(Limits::default(), Vec::new(), mounts) })
    }

    fn host(&mut self, words: &str, _: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        let command: Box<dyn Any + Send> = match words.split_once(' ') {
            Some(("ends", session)) => {
                Box::new(DeviceCommand::End { session: session.trim_matches('"').into() })
            }
            Some(("breaks", "the contract")) => Box::new(Act::BREAK),
            _ => return Err(format!("not understood: {words}")),
        };
        Ok(vec![Command::Contract { mount: MountId(0), command: Foreign::new(command) }])
    }

    fn event(&self, event: &Event) -> String {
        let Event::Contract { body: EventBody::Device(event), .. } = event else {
            return format!("{event:?}");
        };
        match event {
            DeviceEvent::Registered { device, message } => format!("event registered {device} {message}"),
            DeviceEvent::SessionCreated(begun) => format!("event session_created {}", row(begun)),
            DeviceEvent::Sample(told) => format!("event sample {}", sample(told)),
            DeviceEvent::SessionEnded(ended) => format!("event session_ended {}", row(ended)),
        }
    }

    fn record(&self, record: &Record) -> String {
        match &record.body {
            RecordBody::Device(DeviceRecord::SessionStarted(begun)) => {
                format!("record session_started {}", row(begun))
            }
            RecordBody::Device(DeviceRecord::SessionEnded(ended)) => {
                format!("record session_ended {}", row(ended))
            }
            RecordBody::Device(DeviceRecord::Sample(filed)) => format!("record sample {}", sample(filed)),
            other => format!("{other:?}"),
        }
    }
}
