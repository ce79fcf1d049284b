//! The stage of the equipment monitor, at `/ws/monitor`.
//!
//! Equipment is given, and declared by the host later on, as `CODE, NAME, never stale` or `CODE, NAME, stale after MS`, then its own tags, each as
//! `, TAG KIND`. Its host
//!
//! - `sets CODE TAG VALUE, TAG VALUE`: one write; `touches CODE`: a write of nothing new; `dates CODE MS`: the same, with a time, counted from the
//!   epoch;
//! - `says CODE STATUS` or `says CODE nothing`: an explicit status, and none;
//! - `source lost`, `source back`;
//! - `declares EQUIPMENT`; `adds CODE TAG KIND`; `adds CODE N tags of SIZE`: texts, with names of that many bytes.
//!
//! It is told `event stale CODE` and `event fresh CODE`.

use super::stage::{self, Stage};
use crate::{
    contracts::{
        contract::ContractFactory,
        equipment_monitor::EquipmentMonitor,
        told::{EventBody, MonitorEvent},
        topic_hub::{
            config::{TopicHubConfig, parameter},
            factory,
        },
    },
    engine::{command::Command, event::Event, settings::Settings},
    ground::{
        id::{EquipmentId, TopicId},
        limits::{Limits, TAGS_PER_EQUIPMENT_MAX},
        time::Wall,
    },
    hub::tags::{
        builder::TagsBuilder,
        equipment::{Equipment, EquipmentStatus, Stale},
        error::TagDeclareError,
        handle::TagWrite,
        value::TagKind,
        writer::Tags,
    },
};
use std::{fmt, time::Duration};

/// Equipment that may be declared later.
const ROOM: usize = 8;

/// See the module.
#[derive(Default)]
pub(super) struct MonitorStage {
    limits: Limits,
    builder: TagsBuilder,
    settings: Vec<(String, Duration)>,
    views: Option<usize>,
    /// The pattern of a topic hub that stands beside it, and is mounted first.
    hub: Option<String>,
    tags: Option<Tags>,
}

fn wrong(error: impl fmt::Display) -> String {
    error.to_string()
}

fn kind(name: &str) -> Result<TagKind, String> {
    Ok(match name {
        "bool" => TagKind::Bool,
        "i64" => TagKind::I64,
        "f64" => TagKind::F64,
        "text" => TagKind::Text,
        _ => return Err(format!("{name}: bool, i64, f64 or text")),
    })
}

fn equipment(words: &str) -> Result<Equipment, String> {
    let mut parts = words.split(", ");
    let mut next = || parts.next().ok_or("CODE, NAME, never stale or stale after MS, TAG KIND ..");
    let (code, name, stale) = (next()?, next()?, next()?);
    let stale = match stale.strip_prefix("stale after ") {
        Some(ms) => Stale::after(Duration::from_millis(ms.parse().map_err(wrong)?)),
        None if stale == "never stale" => Stale::never(),
        None => return Err("never stale or stale after MS".into()),
    };
    let (mut equipment, mut room) = (Equipment::new(code, name, stale), TAGS_PER_EQUIPMENT_MAX);
    for tag in parts {
        let (name, of) = tag.rsplit_once(' ').ok_or("TAG KIND")?;
        equipment = equipment.tag(name, kind(of)?);
        room -= 1;
    }
    Ok(equipment.room_for_tags(room))
}

impl MonitorStage {
    fn tags(&self) -> &Tags {
        self.tags.as_ref().expect("the settings were made before the first step")
    }

    fn add(&self, id: EquipmentId, name: &str, of: TagKind) -> Result<(), TagDeclareError> {
        match of {
            TagKind::Bool => self.tags().add_tag::<bool>(id, name).map(drop),
            TagKind::I64 => self.tags().add_tag::<i64>(id, name).map(drop),
            TagKind::F64 => self.tags().add_tag::<f64>(id, name).map(drop),
            _ => self.tags().add_tag::<str>(id, name).map(drop),
        }
    }

    /// `TAG VALUE` as a write; the tag's name may hold blanks, and so may the value of one that holds text, in quotes.
    fn write<'v>(&self, id: EquipmentId, words: &'v str) -> Result<TagWrite<'v>, String> {
        let quoted = words.ends_with('"').then(|| words.rfind(" \"")).flatten();
        let at = quoted.or(words.rfind(' ')).ok_or("TAG VALUE")?;
        let (name, value) = (&words[..at], &words[at + 1..]);
        let tags = self.tags();
        let flag = || value.parse::<bool>().map_err(wrong);
        Ok(match name {
            "status_tag" => id.status_tag().to(flag()?),
            "error_tag" => id.error_tag().to(flag()?),
            "connection" => id.connection().to(flag()?),
            _ => {
                if let Ok(tag) = tags.tag::<bool>(id, name) {
                    tag.to(flag()?)
                } else if let Ok(tag) = tags.tag::<i64>(id, name) {
                    tag.to(value.parse().map_err(wrong)?)
                } else if let Ok(tag) = tags.tag::<f64>(id, name) {
                    tag.to(value.parse().map_err(wrong)?)
                } else {
                    tags.tag::<str>(id, name).map_err(wrong)?.to(value.trim_matches('"'))
                }
            }
        })
    }
}

impl Stage for MonitorStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<usize>().map_err(wrong);
        match name {
            "equipment" => self.builder = std::mem::take(&mut self.builder).equipment(equipment(value)?),
            "period" | "on_change" | "scan_every" => {
                self.settings.push((name.into(), Duration::from_millis(number()? as u64)));
            }
            "views" => self.views = Some(number()?),
            "log_bytes_total" => self.limits.log_bytes_total = number()?,
            "topic_hub" => self.hub = Some(value.into()),
            _ => return Err("no such setting".into()),
        }
        Ok(())
    }

    fn settings(&mut self) -> Result<Settings, String> {
        let (tags, scan) = self.builder.clone().room(ROOM, TAGS_PER_EQUIPMENT_MAX).build().map_err(wrong)?;
        self.tags = Some(tags);
        let mut monitor = EquipmentMonitor::new(scan);
        for (name, time) in &self.settings {
            monitor = match name.as_str() {
                "period" => monitor.period(*time),
                "on_change" => monitor.on_change(*time),
                _ => monitor.scan_every(*time),
            };
        }
        if let Some(max) = self.views {
            monitor = monitor.views(max);
        }
        let (mut mounts, mut topics) = (Vec::<(String, Box<dyn ContractFactory>)>::new(), Vec::new());
        if let Some(pattern) = &self.hub {
            let config = TopicHubConfig::new();
            topics = config.host_topics(pattern);
            mounts.push((pattern.clone(), Box::new(factory(pattern, parameter(pattern)?, config))));
        }
        mounts.push(("/ws/monitor".into(), Box::new(monitor)));
        Ok(stage::settings(self.limits.clone(), topics, mounts))
    }

    fn host(&mut self, words: &str, _: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        let tags = self.tags();
        let (verb, rest) = words.split_once(' ').ok_or("not understood")?;
        match (verb, rest) {
            ("source", "lost") => tags.source_lost(),
            ("source", "back") => tags.source_back(),
            ("declares", rest) => {
                tags.declare(equipment(rest)?).map_err(wrong)?;
            }
            _ => {
                let (code, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let id = tags.equipment(code).ok_or_else(|| format!("there is no equipment {code}"))?;
                match (verb, rest) {
                    ("touches", "") => tags.touch(id).map_err(wrong)?,
                    ("dates", ms) => tags
                        .update_at(Wall::from_millis(ms.parse().map_err(wrong)?), id, &[])
                        .map_err(wrong)?,
                    ("sets", rest) => {
                        let writes: Result<Vec<_>, _> =
                            rest.split(", ").map(|write| self.write(id, write)).collect();
                        tags.update(id, &writes?).map_err(wrong)?;
                    }
                    ("says", "nothing") => tags.set_status(id, None).map_err(wrong)?,
                    ("says", word) => {
                        use EquipmentStatus::{Disconnected, Error, Idle, Running, Stopped};
                        let all = [Running, Idle, Stopped, Error, Disconnected];
                        let status = all.into_iter().find(|status| status.as_str() == word);
                        tags.set_status(id, Some(status.ok_or("no such status")?)).map_err(wrong)?;
                    }
                    ("adds", rest) => match rest.split_once(" tags of ") {
                        Some((count, size)) => {
                            let (count, size): (usize, usize) =
                                (count.parse().map_err(wrong)?, size.parse().map_err(wrong)?);
                            for n in 0..count {
                                self.add(id, &format!("{n:0>size$}"), TagKind::Text).map_err(wrong)?;
                            }
                        }
                        None => {
                            let (name, of) = rest.rsplit_once(' ').ok_or("TAG KIND")?;
                            self.add(id, name, kind(of)?).map_err(wrong)?;
                        }
                    },
                    _ => return Err(format!("not understood: {words}")),
                }
            }
        }
        Ok(Vec::new())
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Contract {
                body: EventBody::Monitor(MonitorEvent::Staleness { code, stale, .. }), ..
            } => {
                format!("event {} {code}", if *stale { "stale" } else { "fresh" })
            }
            other => format!("{other:?}"),
        }
    }
}
